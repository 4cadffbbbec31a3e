import { z } from "zod";
import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { type MetricBucket, sampleSeveral } from "./metric-history.ts";
import type { MetricValue, TrackingServices } from "./model.ts";

const seriesAtMost = 1_000;

export const metricSampleSchema = z.object({
  runs: z.array(z.string()).min(1).max(500),
  keys: z.array(z.string()).min(1).max(500),
  fromStep: z.int().optional(),
  toStep: z.int().optional(),
  /** Stretches a series is cut into; each keeps its first, least, greatest and last point. */
  buckets: z.int().min(1).max(5_000).default(300),
});

/** A metric of a run for a chart: the kept points as columns, in order. */
export interface MetricSeries {
  run: string;
  key: string;
  /** How many points there are in these steps, and how many of them are NaN. */
  points: number;
  notNumbers: number;
  steps: number[];
  timesMs: number[];
  values: number[];
}

/** The courses of several metrics of several runs, peaks kept; a run without a metric has no series of it. Throws `not_found` for a run. */
export async function sampleMetrics(services: TrackingServices, query: z.input<typeof metricSampleSchema>): Promise<MetricSeries[]> {
  const { runs, keys, fromStep, toStep, buckets } = parseArgument(metricSampleSchema, "metric sample query", query);
  if (runs.length * keys.length > seriesAtMost)
    throw new AppError("invalid_argument", `${runs.length} runs and ${keys.length} metrics make more than ${seriesAtMost} series.`, {
      hint: "Ask for fewer at a time.",
    });
  const series: MetricSeries[] = [];
  for (const run of new Set(runs)) {
    const sampled = await sampleSeveral(services, { run, keys: [...new Set(keys)], buckets, fromStep, toStep });
    for (const [key, found] of sampled) series.push(seriesOf(run, key, found));
  }
  return series;
}

function seriesOf(run: string, key: string, buckets: MetricBucket[]): MetricSeries {
  const kept = buckets.flatMap(keptPoints);
  return {
    ...{ run, key },
    points: buckets.reduce((sum, { count }) => sum + count, 0),
    notNumbers: buckets.reduce((sum, { notNumbers }) => sum + notNumbers, 0),
    steps: kept.map(({ step }) => step),
    timesMs: kept.map(({ timeMs }) => timeMs),
    values: kept.map(({ value }) => value),
  };
}

/** First, least, greatest and last, each once. */
function keptPoints({ first, min, max, last }: MetricBucket): MetricValue[] {
  const points = [first, min, max, last]
    .filter((point) => point !== undefined)
    .sort((a, b) => a.step - b.step || a.timeMs - b.timeMs || a.value - b.value);
  return points.filter((point, i) => i === 0 || !isSame(point, points[i - 1]!));
}

function isSame(a: MetricValue, b: MetricValue): boolean {
  return a.step === b.step && a.timeMs === b.timeMs && Object.is(a.value, b.value);
}
