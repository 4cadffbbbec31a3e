import { AppError } from "./app-error.ts";

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
type Unit = keyof typeof unitsMs;

/** A length of time as people write it: `"90s"`, `"24h"`, `"7d"` (units ms, s, m, h, d, w), or a number of milliseconds. */
export type Duration = number | `${number}${Unit}`;

/** Milliseconds of a duration. Throws `invalid_argument` for anything that is not a positive whole number of milliseconds. */
export function durationMs(duration: Duration | string): number {
  const match = typeof duration === "string" ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(duration) : undefined;
  // The pattern admits the units of the table only.
  const ms = typeof duration === "number" ? duration : match ? Number(match[1]) * unitsMs[match[2] as Unit] : Number.NaN;
  if (!Number.isSafeInteger(ms) || ms <= 0) {
    throw new AppError("invalid_argument", `${JSON.stringify(duration)} is not a length of time.`, {
      hint: 'Write a number and a unit such as "90s", "24h" or "7d", or a whole number of milliseconds.',
    });
  }
  return ms;
}

/** The short name of a duration as it appears in feature names: text as it was written, milliseconds in the largest unit that divides them. */
export function durationName(duration: Duration | string): string {
  if (typeof duration === "string") return duration;
  const units: Unit[] = ["d", "h", "m", "s"];
  const unit = units.find((candidate) => duration % unitsMs[candidate] === 0) ?? "ms";
  return `${duration / unitsMs[unit]}${unit}`;
}
