import { z } from "zod";

/** A value of a metric in JSON, which has no NaN and no infinities: those are texts. */
export const metricNumberSchema = z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"])]);
export type MetricNumber = z.infer<typeof metricNumberSchema>;

export function numberText(value: number): MetricNumber {
  return Number.isFinite(value) ? value : (String(value) as MetricNumber); // the three that are not finite
}
