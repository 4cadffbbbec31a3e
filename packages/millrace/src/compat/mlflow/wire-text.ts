import type { MetricColumns, MetricValue, Run, RunInput, RunOutput } from "#domains/tracking";
import { wireMetric, wireRun } from "./wire-run.ts";

/** A long answer's text while it is written. */
export interface AnswerText {
  add(text: string): void;
  /** The whole text in UTF-8. */
  bytes(): Uint8Array;
}

/** Takes a text's pieces into its bytes as they come: joined first, they would need three times the memory. */
export function newAnswerText(): AnswerText {
  let bytes = Buffer.allocUnsafeSlow(4 * pieceLength);
  let used = 0;
  let piece = "";
  const flush = () => {
    const most = used + piece.length * 3; // of UTF-8 for a UTF-16 unit
    if (most > bytes.length) {
      const longer = Buffer.allocUnsafeSlow(Math.max(most, bytes.length * 2));
      bytes.copy(longer, 0, 0, used);
      bytes = longer;
    }
    used += bytes.write(piece, used);
    piece = "";
  };
  return {
    add(text) {
      piece += text;
      if (piece.length >= pieceLength) flush();
    },
    bytes() {
      flush();
      return bytes.subarray(0, used);
    },
  };
}
const pieceLength = 16_384;

/**
 * Answers of thousands of metrics and params, written as JSON text at once: an object for each, only to be turned into text, would
 * cost three times as much. The text says what `JSON.stringify` would say of `wireRun` and `wireMetric`.
 */
export function runText(run: Run & { inputs?: RunInput[]; outputs?: RunOutput[] }, experimentRoot: string): string {
  const { info, data, ...rest } = wireRun({ ...run, metrics: {}, params: {} }, experimentRoot);
  const parts = [];
  let metrics = "";
  for (const key in run.metrics) metrics += (metrics === "" ? "" : ",") + frontOf(key) + metricText(run.metrics[key]!);
  if (metrics !== "") parts.push(`"metrics":[${metrics}]`);
  let params = "";
  for (const key in run.params) params += `${params === "" ? "" : ","}${frontOf(key)}${JSON.stringify(run.params[key])}}`;
  if (params !== "") parts.push(`"params":[${params}]`);
  for (const [name, value] of Object.entries(data)) parts.push(`"${name}":${JSON.stringify(value)}`);
  const others = Object.entries(rest).map(([name, value]) => `,"${name}":${JSON.stringify(value)}`);
  return `{"info":${JSON.stringify(info)},"data":{${parts.join(",")}}${others.join("")}}`;
}

/** Adds points of one metric, as the elements of a list. */
export function addPoints(answer: AnswerText, key: string, { count, steps, times, values }: MetricColumns): void {
  const front = frontOf(key);
  for (let i = 0; i < count; i++) answer.add((i === 0 ? "" : ",") + front + pointText(values[i]!, times[i]!, steps[i]!));
}

function metricText({ value, timeMs, step }: MetricValue): string {
  return pointText(value, timeMs, step);
}

function pointText(value: number, timeMs: number, step: number): string {
  const number = Number.isFinite(value) ? String(value) : JSON.stringify(wireMetric("", { value, timeMs, step }).value);
  if (timeMs !== endTimeMs || step !== endStep) {
    endTimeMs = timeMs;
    endStep = step;
    end = `,"timestamp":${timeMs},"step":${step}}`;
  }
  return number + end;
}

/** How the point before ended: those that were logged together end alike. */
let [end, endTimeMs, endStep] = ["", Number.NaN, Number.NaN];

/** Up to the value. Runs of one experiment mostly have the same keys. */
function frontOf(key: string): string {
  let front = fronts.get(key);
  if (front === undefined) {
    if (fronts.size >= 10_000) fronts.clear();
    fronts.set(key, (front = `{"key":${JSON.stringify(key)},"value":`));
  }
  return front;
}
const fronts = new Map<string, string>();
