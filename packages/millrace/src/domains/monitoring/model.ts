import { z } from "zod";
import { checkResultSchema, type TableProfile } from "#domains/quality";
import type { Signature } from "#domains/training";

/** Days are those of UTC, by event time: streams may be replayed faster than the clock. */
export const dayMs = 86_400_000;

const maybe = z.number().nullable();

/** How a version did on the predictions of one day: as the one that answered, or as the one that was scored beside it. */
export const dailyMetricsSchema = z.object({
  /** Day of the predictions, such as 2001-06-01. */
  day: z.string(),
  version: z.int(),
  role: z.enum(["serving", "shadow"]),
  predictions: z.int(),
  /** Those whose outcome is known. */
  labelled: z.int(),
  positives: z.int(),
  /** No further outcome will be counted. */
  mature: z.boolean(),
  /** Of all predictions. */
  meanScore: maybe,
  /** Share of positives among the labelled. */
  baseRate: maybe,
  auc: maybe,
  /** DeLong's. */
  aucStandardError: maybe,
  logLoss: maybe,
  /** Calibration in the large: mean score - base rate, of the labelled. */
  calibration: maybe,
});
export type DailyMetrics = z.infer<typeof dailyMetricsSchema>;
export type Role = DailyMetrics["role"];

/** How far a feature of a day's predictions has moved from the training rows of the version that answered. */
export const featureDriftSchema = z.object({
  feature: z.string(),
  psi: maybe,
  /** What the size of the day alone would make of PSI. */
  psiWithoutDrift: maybe,
  ks: maybe,
  missing: z.number(),
  missingInTraining: z.number(),
});
export type FeatureDrift = z.infer<typeof featureDriftSchema>;

/** Checks of a day's inputs against the training rows: those that failed, and how many did not. */
export const dataQualitySchema = z.object({ passed: z.int(), inconclusive: z.int(), failed: z.array(checkResultSchema) });
export type DataQuality = z.infer<typeof dataQualitySchema>;

export const dayDriftSchema = z.object({
  day: z.string(),
  version: z.int(),
  rows: z.int(),
  features: z.array(featureDriftSchema),
  quality: dataQualitySchema,
});
export type DayDrift = z.infer<typeof dayDriftSchema>;

/** What the closing of a day counted. */
export const closeCountsSchema = z.object({
  predictions: z.int(),
  outcomes: z.int(),
  /** Predictions that got their outcome. */
  labelled: z.int(),
  /** Outcomes of predictions that had theirs already. */
  duplicates: z.int(),
  /** Outcomes of nothing that was predicted, or of what was predicted too long ago. */
  withoutPrediction: z.int(),
  /** Outcomes without a value. */
  withoutLabel: z.int(),
  /** Predictions that were given up waiting for. */
  unlabelled: z.int(),
  /** Predictions that came after their day had been given up; kept in the table, counted in no day. */
  late: z.int(),
});
export type CloseCounts = z.infer<typeof closeCountsSchema>;

/** A closed day. */
export interface DayReport {
  endpoint: string;
  day: string;
  dayEndMs: number;
  /** The version that answered last. */
  servingVersion: number | undefined;
  counts: CloseCounts;
  /** Newest version of the table of joined records; undefined while there is none. */
  tableVersion: number | undefined;
  metrics: DailyMetrics[];
  drift: DayDrift[];
}

/** What a version is compared with. */
export interface MonitorReference {
  version: number;
  inputs: Signature["inputs"];
  /** Of its training rows; undefined for a model that came without. */
  profile: TableProfile | undefined;
  /** On the test rows of its gate. */
  testAuc: number | undefined;
  /** End of the data it was made from, its test rows included, where known. */
  trainedUntilMs: number | undefined;
}

export type ReferenceOf = (version: number) => Promise<MonitorReference>;

/** Table of the lake with every joined record of an endpoint. */
export function joinedTable(endpoint: string): string {
  return `monitoring.${endpoint.replaceAll("-", "_")}`;
}

/** Start of the UTC day of a moment. */
export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / dayMs) * dayMs;
}

/** 2001-06-01 for any moment of that day. */
export function dayName(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
