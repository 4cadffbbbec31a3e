import { z } from "zod";
import { type Run, type RunDetail, runInputSchema, runOutputSchema, runStatuses, sourceSchema } from "./model.ts";
import type { FoundRun } from "./query-runs.ts";
import { metricNumberSchema, numberText } from "./wire-number.ts";

/** Runs as the API tells them. */

const attributes = {
  id: z.string(),
  name: z.string(),
  experiment: z.string(),
  status: z.enum(runStatuses),
  actor: z.string().optional(),
  parent: z.string().optional(),
  startedMs: z.number(),
  endedMs: z.number().optional(),
  deletedMs: z.number().optional(),
};
const texts = z.record(z.string(), z.string());

export const foundRunOutput = z.object({
  ...attributes,
  experimentName: z.string(),
  metrics: z.record(z.string(), metricNumberSchema),
  params: texts,
  tags: texts,
});
const metricOutput = z.object({ value: metricNumberSchema, step: z.number(), timeMs: z.number() });
export const runOutput = z.object({ ...attributes, metrics: z.record(z.string(), metricOutput), params: texts, tags: texts });
export const runDetailOutput = runOutput.extend({
  source: sourceSchema.partial(),
  environment: z.record(z.string(), z.unknown()),
  inputs: z.array(runInputSchema),
  outputs: z.array(runOutputSchema),
  note: z.string(),
});

export function wireFoundRun(run: FoundRun): z.output<typeof foundRunOutput> {
  return { ...run, metrics: mapValues(run.metrics, numberText) };
}

export function wireRun<Given extends Run | RunDetail>(run: Given) {
  return { ...run, metrics: mapValues(run.metrics, (point) => ({ ...point, value: numberText(point.value) })) };
}

function mapValues<From, To>(record: Record<string, From>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)])); // not by assignment: a key may be `__proto__`
}
