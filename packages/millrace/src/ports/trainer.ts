/** Turns a table of features and labels into a model. Built in: gradient-boosted trees. */
import type { z } from "zod";

/** A model's input column: numbers with NaN for missing, or categories as codes into `levels` (-1 for missing or unseen). */
export type FeatureColumn =
  | { name: string; kind: "number"; values: Float32Array }
  | { name: string; kind: "category"; codes: Int32Array; levels: string[] };

/** Rows to learn from. `label` is 0/1 for binary tasks, a number for regression. All arrays have `rows` elements. */
export interface LabelledTable {
  rows: number;
  features: FeatureColumn[];
  label: Float32Array;
  weight?: Float32Array;
}

export interface TrainerProgress {
  iteration: number;
  iterations: number;
  /** Metric on the validation rows, where there are any. */
  validation?: number;
}

export interface FittedModel {
  /** The model as an ONNX file: one input `features` float32 [rows, columns] (categories as their codes, missing as NaN), one output `probability` (binary) or `value` float32 [rows, 1]. */
  onnx: Uint8Array;
  task: "binary" | "regression";
  /** Parameters as used, defaults filled in. */
  params: Record<string, unknown>;
  /** Metric history by name, one value an iteration, e.g. `valid_logloss`. */
  history: Record<string, number[]>;
  bestIteration: number;
  /** Total gain by feature name. */
  importance: Record<string, number>;
}

export interface FitRequest {
  train: LabelledTable;
  valid?: LabelledTable;
  params: Record<string, unknown>;
  seed: number;
  /** How many threads may be used. The result must not depend on it. */
  threads: number;
  onProgress?: (progress: TrainerProgress) => void;
  signal?: AbortSignal;
}

export interface Trainer {
  readonly name: string;
  /** Bumped when the same inputs would give another model: part of a step's key. */
  readonly version: number;
  readonly params: z.ZodType;
  fit(request: FitRequest): Promise<FittedModel>;
}

/**
 * Packs columns into the row-major matrix [rows, columns] that models take: categories as their codes, missing values and −1 as NaN.
 * @param out where to, if not into a new array; its length is at least rows × columns
 */
export function packFeatures(features: FeatureColumn[], rows: number, out: Float32Array = new Float32Array(rows * features.length)): Float32Array {
  const width = features.length;
  const blockRows = 1024; // a block of the matrix stays in the cache while its columns are written
  for (let first = 0; first < rows; first += blockRows) {
    const end = Math.min(first + blockRows, rows);
    features.forEach((feature, column) => {
      const values = feature.kind === "number" ? feature.values : feature.codes;
      for (let row = first; row < end; row++) out[row * width + column] = values[row] as number; // in range
      if (feature.kind === "number") return;
      for (let row = first; row < end; row++) if (values[row] === -1) out[row * width + column] = NaN;
    });
  }
  return out;
}
