import { z } from "zod";
import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { type MetricColumns, compareValues, copyColumns, mergeColumns, sliceColumns, type MixedColumns, newColumns } from "./metric-columns.ts";
import { type MetricValue, trackingLimits, type TrackingServices } from "./model.ts";
import { metricState, segmentsOf, tailOf } from "./store.ts";

const stepRange = { fromStep: z.int().optional(), toStep: z.int().optional() };
const historySchema = z.object({
  run: z.string(),
  key: z.string(),
  ...stepRange,
  /** What comes first: the lower step (then time, then value), or the earlier time (then step, then value). */
  order: z.enum(["step", "time"]).default("step"),
  limit: z.int().min(1).max(trackingLimits.pointsPerPage).default(10_000),
  /** As the page before gave it. */
  cursor: z.string().optional(),
});
const sampleSchema = z.object({
  run: z.string(),
  key: z.string(),
  ...stepRange,
  buckets: z.int().min(1).max(10_000).default(500),
  /** What a bucket has its share of: the range of steps, or the points. */
  each: z.enum(["steps", "points"]).default("steps"),
});

export interface MetricPage {
  points: MetricValue[];
  nextCursor: string | undefined;
}

/** Points of a metric, page by page; points logged meanwhile shift nothing. A metric the run does not have is `not_found`. */
export async function metricHistory(services: TrackingServices, query: z.input<typeof historySchema>): Promise<MetricPage> {
  const { columns, nextCursor } = await metricColumns(services, query);
  return { points: Array.from({ length: columns.count }, (_, i) => pointAt(columns, i)), nextCursor };
}

/** `metricHistory` with the points as columns: of many, a tenth of the memory. */
export async function metricColumns(
  services: TrackingServices,
  query: z.input<typeof historySchema>,
): Promise<{ columns: MetricColumns; nextCursor: string | undefined }> {
  const { run, key, limit, cursor, order, ...range } = parseArgument(historySchema, "metric history query", query);
  const bySteps = within(await readHistory(services, run, key), range);
  const columns = order === "time" ? inTime(bySteps) : bySteps;
  const start = cursor === undefined ? 0 : positionAfter(columns, readCursor(cursor), order);
  const end = Math.min(start + limit, columns.count);
  return {
    columns: copyColumns(columns, start, end), // what else was read can then go while the page is sent
    nextCursor: end < columns.count ? writeCursor(pointAt(columns, end - 1)) : undefined,
  };
}

/** A stretch of steps, described by points that were logged. */
export interface MetricBucket {
  fromStep: number;
  toStep: number;
  count: number;
  /** How many of them are NaN. */
  notNumbers: number;
  first: MetricValue;
  /** Least, greatest and last point; the first two undefined where all are NaN. */
  min: MetricValue | undefined;
  max: MetricValue | undefined;
  last: MetricValue;
}

/**
 * A metric's course in at most `buckets` stretches, empty ones left out, of equal width in steps: peaks stay visible in any chart.
 * With `each: "points"` of equal numbers of points instead, the first ones by one more where it does not come out even.
 */
export async function sampleMetric(services: TrackingServices, query: z.input<typeof sampleSchema>): Promise<MetricBucket[]> {
  const { run, key, buckets, each, ...range } = parseArgument(sampleSchema, "metric sample query", query);
  return bucketsOf(within(await readHistory(services, run, key), range), { buckets, each });
}

function bucketsOf(columns: MetricColumns, { buckets, each }: { buckets: number; each: "steps" | "points" }): MetricBucket[] {
  if (columns.count === 0) return [];
  if (each === "points") return inEqualParts(columns, Math.min(buckets, columns.count));
  const first = columns.steps[0]!;
  const width = Math.max(1, (columns.steps[columns.count - 1]! - first + 1) / buckets);
  const result: MetricBucket[] = [];
  for (let start = 0; start < columns.count;) {
    const bucket = Math.floor((columns.steps[start]! - first) / width);
    let end = start + 1;
    while (end < columns.count && Math.floor((columns.steps[end]! - first) / width) === bucket) end++;
    result.push(summarise(columns, start, end));
    start = end;
  }
  return result;
}

/** Metrics of one run in buckets of steps, by key, read together; keys that the run does not have are left out. Throws `not_found` for the run. */
export async function sampleSeveral(
  services: TrackingServices,
  { run, keys, buckets, ...range }: { run: string; keys: string[]; buckets: number; fromStep?: number | undefined; toStep?: number | undefined },
): Promise<Map<string, MetricBucket[]>> {
  const histories = await openHistories(services, run);
  const sampled = new Map<string, MetricBucket[]>();
  for (const key of keys) {
    const columns = await histories(key);
    if (columns !== undefined) sampled.set(key, bucketsOf(within(columns, range), { buckets, each: "steps" }));
  }
  return sampled;
}

/** The whole history as columns, each distinct point once, in order. */
export async function readHistory(services: TrackingServices, run: string, key: string): Promise<MetricColumns> {
  const columns = await (await openHistories(services, run))(key);
  if (columns === undefined)
    throw new AppError("not_found", `Run "${run}" has no metric "${key}".`, { hint: `millrace runs details ${run} lists its metrics.` });
  return columns;
}

/** Reads what the histories of a run's metrics have in common; what comes back reads one of them. */
async function openHistories({ state }: TrackingServices, run: string): Promise<(key: string) => Promise<MetricColumns | undefined>> {
  const { keys } = await metricState(state, run);
  // The tail first: points that move from it to a segment in between are then seen twice, which merging undoes, not missed.
  const tail = await tailOf(state, run);
  return async (key) => {
    const metric = keys.indexOf(key);
    if (metric < 0) return undefined;
    const recent = tail.map((part) => pointsOf(part, metric)).filter((part) => part.count > 0);
    return mergeColumns([...(await segmentsOf(state, run, metric)), ...recent]);
  };
}

export function pointsOf(mixed: MixedColumns, metric: number): MetricColumns {
  let count = 0;
  for (let i = 0; i < mixed.count; i++) if (mixed.metrics[i] === metric) count++;
  if (count === mixed.count) return mixed;
  const points = newColumns(count);
  let at = 0;
  for (let i = 0; i < mixed.count; i++) {
    if (mixed.metrics[i] !== metric) continue;
    points.steps[at] = mixed.steps[i]!;
    points.times[at] = mixed.times[i]!;
    points.values[at++] = mixed.values[i]!;
  }
  return points;
}

function within(columns: MetricColumns, { fromStep = -Infinity, toStep = Infinity }: { fromStep?: number | undefined; toStep?: number | undefined }) {
  const start = firstWhere(columns, (i) => columns.steps[i]! >= fromStep);
  return sliceColumns(
    columns,
    start,
    Math.max(
      start,
      firstWhere(columns, (i) => columns.steps[i]! > toStep),
    ),
  );
}

/** The first position where a condition holds that holds for all later ones. */
function firstWhere({ count }: MetricColumns, holds: (i: number) => boolean): number {
  let low = 0;
  for (let high = count; low < high;) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function inEqualParts(columns: MetricColumns, parts: number): MetricBucket[] {
  const least = Math.floor(columns.count / parts);
  const larger = columns.count % parts;
  const startOf = (part: number) => part * least + Math.min(part, larger);
  return Array.from({ length: parts }, (_, part) => summarise(columns, startOf(part), startOf(part + 1)));
}

function summarise(columns: MetricColumns, start: number, end: number): MetricBucket {
  let min = -1;
  let max = -1;
  let notNumbers = 0;
  for (let i = start; i < end; i++) {
    const value = columns.values[i]!;
    if (Number.isNaN(value)) {
      notNumbers++;
      continue;
    }
    if (min < 0 || value < columns.values[min]!) min = i;
    if (max < 0 || value > columns.values[max]!) max = i;
  }
  return {
    fromStep: columns.steps[start]!,
    toStep: columns.steps[end - 1]!,
    count: end - start,
    notNumbers,
    first: pointAt(columns, start),
    min: min < 0 ? undefined : pointAt(columns, min),
    max: max < 0 ? undefined : pointAt(columns, max),
    last: pointAt(columns, end - 1),
  };
}

function pointAt({ steps, times, values }: MetricColumns, i: number): MetricValue {
  return { value: values[i]!, step: steps[i]!, timeMs: times[i]! };
}

function positionAfter(columns: MetricColumns, { step, timeMs, value }: MetricValue, order: "step" | "time"): number {
  return firstWhere(columns, (i) => {
    const steps = columns.steps[i]! - step;
    const times = columns.times[i]! - timeMs;
    return ((order === "step" ? steps || times : times || steps) || compareValues(columns.values[i]!, value)) > 0;
  });
}

/** The same points by time, then step, then value: most histories are already. */
function inTime(columns: MetricColumns): MetricColumns {
  const { count, steps, times, values } = columns;
  let sorted = true;
  for (let i = 1; i < count && sorted; i++) sorted = times[i]! >= times[i - 1]!;
  if (sorted) return columns;
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => times[a]! - times[b]! || a - b); // by step and value already
  const result = newColumns(count);
  for (let i = 0; i < count; i++) {
    const from = order[i]!;
    result.steps[i] = steps[from]!;
    result.times[i] = times[from]!;
    result.values[i] = values[from]!;
  }
  return result;
}

function writeCursor({ step, timeMs, value }: MetricValue): string {
  return `${step}_${timeMs}_${value}`;
}

function readCursor(cursor: string): MetricValue {
  const match = /^(-?\d+)_(-?\d+)_(NaN|-?Infinity|-?[\d.e+-]+)$/.exec(cursor);
  if (match === null)
    throw new AppError("invalid_argument", `"${cursor.slice(0, 100)}" is not a cursor of a metric's history.`, {
      hint: "Ask for the first page, without a cursor.",
    });
  return { step: Number(match[1]), timeMs: Number(match[2]), value: Number(match[3]) };
}
