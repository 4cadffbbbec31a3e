import type { MetricColumns, MetricValue, Run, RunInput, RunOutput } from "#domains/tracking";
import { wireMetric, wireRun } from "./wire-run.ts";

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

/** Points of one metric from one position up to another, as the elements of a list. */
export function pointsText(key: string, { steps, times, values }: MetricColumns, from: number, to: number): string {
  const front = frontOf(key);
  let text = "";
  for (let i = from; i < to; i++) text += (i === from ? "" : ",") + front + pointText(values[i]!, times[i]!, steps[i]!);
  return text;
}

function metricText({ value, timeMs, step }: MetricValue): string {
  return pointText(value, timeMs, step);
}

/** Numbers by `JSON.stringify`, as V8 keeps the last 16,000 texts that `String` made of numbers, and all of them in its old memory. */
function pointText(value: number, timeMs: number, step: number): string {
  if (timeMs !== endTimeMs || step !== endStep) {
    endTimeMs = timeMs;
    endStep = step;
    end = `,"timestamp":${JSON.stringify(timeMs)},"step":${JSON.stringify(step)}}`;
  }
  return JSON.stringify(Number.isFinite(value) ? value : wireMetric("", { value, timeMs, step }).value) + end;
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
