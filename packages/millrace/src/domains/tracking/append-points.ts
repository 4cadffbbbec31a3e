import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import type { Transaction } from "#ports/database";
import { comparePoints, mergeColumns, type MetricColumns, type MixedColumns, newColumns, sliceColumns } from "./metric-columns.ts";
import { keySchema, type MetricPoint, trackingLimits } from "./model.ts";
import { insertTail, type MetricState, metricState, replaceTail, saveMetricState, tailOf } from "./store.ts";

/** A tail this long is sorted into its metrics' histories. A history reads the whole tail, so it bounds what a read may waste. */
const tailRowsAtMost = 1_024;
const tailPointsAtMost = 32_768;

/** Points with their metrics as indexes into `keys`. */
export interface Points {
  keys: string[];
  columns: MixedColumns;
}

/** Checks points and turns them into columns; a missing step is 0, a missing time now. Throws `invalid_argument`. */
export function readPoints(metrics: MetricPoint[], nowMs: number): Points {
  if (metrics.length > trackingLimits.pointsPerCall)
    throw new AppError("invalid_argument", `A call takes at most ${trackingLimits.pointsPerCall} metric points; this one has ${metrics.length}.`, {
      hint: "Split it.",
    });
  const columns = newColumns(metrics.length);
  const indexes = new Map<string, number>();
  for (let i = 0; i < metrics.length; i++) {
    const { key, value, step = 0, timeMs = nowMs } = metrics[i]!;
    let index = indexes.get(key);
    if (index === undefined) indexes.set(parseArgument(keySchema, `key of metric point ${i}`, key), (index = indexes.size));
    if (typeof value !== "number") throw badPoint(key, "value", value, "a number (NaN and the infinities included)");
    if (!Number.isSafeInteger(step)) throw badPoint(key, "step", step, "an integer below 2^53");
    if (!Number.isSafeInteger(timeMs)) throw badPoint(key, "timeMs", timeMs, "epoch milliseconds");
    columns.metrics[i] = index;
    columns.values[i] = value;
    columns.steps[i] = step;
    columns.times[i] = timeMs;
  }
  return { keys: [...indexes.keys()], columns };
}

function badPoint(key: string, field: string, value: unknown, wanted: string): AppError {
  return new AppError("invalid_argument", `Metric "${key}" has \`${field}\` ${JSON.stringify(value)}, which is not ${wanted}.`, {
    details: { path: ["metrics", key, field] },
  });
}

/** Adds points to a run: one appended row, and the newest point of each metric. */
export async function appendPoints(transaction: Transaction, run: string, points: Points): Promise<void> {
  const state = await metricState(transaction, run);
  const known = state.keys.length;
  const columns = withRunIndexes(run, state, points);
  state.latest = newestOf(state.latest, columns, state.keys.length);
  await insertTail(transaction, run, state.nextSeq, columns);
  state.tailRows += 1;
  state.tailPoints += columns.count;
  if (state.tailRows >= tailRowsAtMost || state.tailPoints >= tailPointsAtMost) {
    await replaceTail(transaction, run, state.nextSeq, segmentsFrom(await tailOf(transaction, run), state.keys.length));
    state.tailRows = 0;
    state.tailPoints = 0;
  }
  state.nextSeq += 1;
  await saveMetricState(transaction, run, state, state.keys.length > known);
}

/** The points with their metrics as indexes into the run's own key list, which grows by new keys. */
function withRunIndexes(run: string, state: MetricState, { keys, columns }: Points): MixedColumns {
  const indexes = new Map(state.keys.map((key, i) => [key, i]));
  const runIndexes = keys.map((key) => {
    const index = indexes.get(key);
    return index ?? state.keys.push(key) - 1;
  });
  if (state.keys.length > trackingLimits.metricKeysPerRun)
    throw new AppError("invalid_argument", `Run "${run}" would have more than ${trackingLimits.metricKeysPerRun} metrics.`, {
      hint: "Use one metric with steps, or several runs.",
    });
  return { ...columns, metrics: columns.metrics.map((index) => runIndexes[index]!) };
}

function newestOf(latest: MetricColumns, points: MixedColumns, count: number): MetricColumns {
  const next = newColumns(count);
  next.steps.set(latest.steps);
  next.times.set(latest.times);
  next.values.set(latest.values);
  const filled = new Uint8Array(count).fill(1, 0, latest.count);
  for (let i = 0; i < points.count; i++) {
    const at = points.metrics[i]!;
    if (filled[at] && comparePoints(next, at, points, i) >= 0) continue;
    filled[at] = 1;
    next.steps[at] = points.steps[i]!;
    next.times[at] = points.times[i]!;
    next.values[at] = points.values[i]!;
  }
  return { count, steps: next.steps, times: next.times, values: next.values };
}

/** Points of several metrics, apart and in the order of history. */
function segmentsFrom(mixed: MixedColumns[], metricCount: number): Map<number, MetricColumns> {
  const counts = new Uint32Array(metricCount);
  for (const part of mixed) for (let i = 0; i < part.count; i++) counts[part.metrics[i]!]!++;
  const total = newColumns(counts.reduce((sum, count) => sum + count, 0));
  const starts = new Uint32Array(metricCount);
  for (let metric = 1; metric < metricCount; metric++) starts[metric] = starts[metric - 1]! + counts[metric - 1]!;
  const next = starts.slice();
  for (const part of mixed) {
    for (let i = 0; i < part.count; i++) {
      const at = next[part.metrics[i]!]!++;
      total.steps[at] = part.steps[i]!;
      total.times[at] = part.times[i]!;
      total.values[at] = part.values[i]!;
    }
  }
  const segments = new Map<number, MetricColumns>();
  for (let metric = 0; metric < metricCount; metric++)
    if (counts[metric]! > 0) segments.set(metric, mergeColumns([sliceColumns(total, starts[metric]!, next[metric]!)]));
  return segments;
}
