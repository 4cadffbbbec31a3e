import { z } from "zod";
import { boundViewSchema } from "#domains/features";

/** A column of the model's input matrix, in the order of the matrix. Categories go in as their position in `levels`. */
export const inputColumnSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("number"), name: z.string() }),
  z.object({ kind: z.literal("category"), name: z.string(), levels: z.array(z.string()) }),
]);

/**
 * What a model wants to be asked with, enough to answer from an entity's keys alone: its matrix columns, which of them are the
 * asking row's own, and the feature views that give the rest.
 */
export const signatureSchema = z.object({
  inputs: z.array(inputColumnSchema),
  /** Inputs that the asking row brings itself. */
  columns: z.array(z.string()),
  /** Views by alias, bound to columns of the asking row. */
  features: z.record(z.string(), boundViewSchema),
  /** Column of the asking row with the moment it asks at. */
  time: z.string(),
  /** Column that names the asking row. */
  id: z.string(),
  label: z.string(),
  task: z.enum(["binary", "regression"]),
});

const pinnedTable = z.object({ table: z.string(), version: z.number().int() });

/** Everything that a training set depends on: the same request gives the same bytes. */
export const trainingSetRequestSchema = z.object({
  /** Table with a row per example. */
  examples: pinnedTable,
  /** Number column that names an example. */
  id: z.string(),
  label: z.string(),
  time: z.string(),
  /** Column with the moment the label is known; an example is left out when that is not before `before`. */
  known: z.string().optional(),
  /** ISO date or instant: only examples of earlier times. */
  before: z.string().optional(),
  /** At most this many rows, drawn evenly and reproducibly. */
  rows: z.number().int().optional(),
  seed: z.number().int(),
  /** The examples' own columns that the model takes. */
  columns: z.array(z.string()),
  features: z.record(z.string(), boundViewSchema),
  /** The table behind each model that a feature view takes its events from. */
  events: z.record(z.string(), pinnedTable),
});

/** A training set: rows sorted by time, pinned to the versions of the tables they came from, stored as one blob of columns. */
export const trainingSetSchema = z.object({
  kind: z.literal("training_set"),
  blob: z.string(),
  request: trainingSetRequestSchema,
  rows: z.number().int(),
  signature: signatureSchema,
  /** Tables it was made from, with their versions. */
  tables: z.array(z.object({ table: z.string(), version: z.number().int() })),
  /** Times of the first and the last row, epoch ms. */
  firstMs: z.number(),
  lastMs: z.number(),
});

/** Rows `from` (inclusive) to `to` (exclusive) of a training set. */
export const rowRangeSchema = z.object({ kind: z.literal("row_range"), set: trainingSetSchema, from: z.number().int(), to: z.number().int() });

/** A trained model before it is registered. */
export const trainedModelSchema = z.object({
  kind: z.literal("trained_model"),
  /** Blob of the ONNX file. */
  blob: z.string(),
  digest: z.string(),
  sizeBytes: z.number().int(),
  trainer: z.string(),
  params: z.record(z.string(), z.unknown()),
  seed: z.number().int(),
  signature: signatureSchema,
  bestIteration: z.number().int(),
  importance: z.record(z.string(), z.number()),
  /** Final values of what was measured while it learned, such as `valid_logloss`. */
  metrics: z.record(z.string(), z.number()),
  train: rowRangeSchema,
  valid: rowRangeSchema.optional(),
});

/** Views by alias in the order of the aliases' names: the order of the matrix, whatever a store did to the keys. */
export function viewsInOrder<View>(features: Readonly<Record<string, View>>): Record<string, View> {
  return Object.fromEntries(Object.entries(features).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export type InputColumn = z.infer<typeof inputColumnSchema>;
export type Signature = z.infer<typeof signatureSchema>;
export type PinnedTable = z.infer<typeof pinnedTable>;
export type TrainingSetRequest = z.infer<typeof trainingSetRequestSchema>;
export type TrainingSet = z.infer<typeof trainingSetSchema>;
export type RowRange = z.infer<typeof rowRangeSchema>;
export type TrainedModel = z.infer<typeof trainedModelSchema>;
