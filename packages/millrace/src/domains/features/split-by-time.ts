import { AppError } from "#kit/app-error";
import { durationMs, type Duration } from "#kit/duration";
import type { TrainingSet } from "./training-set.ts";

/** Rows [from, to) of a training set, which asked in [startMs, endMs). */
export interface TimeRange {
  from: number;
  to: number;
  startMs: number;
  endMs: number;
}

export interface TimeSplit {
  /** How much of the end of the time to keep for validation, before the test. */
  valid: Duration;
  /** How much of the very end to keep for the test. */
  test: Duration;
  /** Time left out before each boundary, for labels that become known later than their rows ask. */
  gap?: Duration;
}

/**
 * Cuts a training set by time: the last `test`, before it `valid`, all earlier rows to train. Rows of equal time stay together,
 * and every row of a part asks before every row of the next. Throws `invalid_argument` when a part would be empty.
 */
export function splitByTime(set: Pick<TrainingSet, "rows" | "time" | "endMs">, split: TimeSplit): Record<"train" | "valid" | "test", TimeRange> {
  const gapMs = split.gap === undefined ? 0 : durationMs(split.gap);
  const testMs = set.endMs - durationMs(split.test);
  const validMs = testMs - durationMs(split.valid);
  const firstMs = set.time[0] ?? set.endMs;
  const range = (startMs: number, endMs: number): TimeRange => ({
    from: firstAtOrAfter(set.time, startMs),
    to: firstAtOrAfter(set.time, endMs),
    startMs,
    endMs,
  });
  const parts = { train: range(Math.min(firstMs, validMs), validMs - gapMs), valid: range(validMs, testMs - gapMs), test: range(testMs, set.endMs) };
  for (const [name, part] of Object.entries(parts)) {
    if (part.to > part.from) continue;
    const day = (ms: number) => new Date(ms).toISOString();
    throw new AppError(
      "invalid_argument",
      `The split leaves no rows to ${name === "train" ? "train on" : name}: none asks from ${day(part.startMs)} to ${day(part.endMs)}.`,
      {
        hint:
          set.rows === 0
            ? "The training set is empty."
            : `The ${set.rows} rows span ${day(firstMs)} to ${day(set.time[set.rows - 1]!)}; choose shorter parts.`,
      },
    );
  }
  return parts;
}

function firstAtOrAfter(times: Float64Array, timeMs: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
