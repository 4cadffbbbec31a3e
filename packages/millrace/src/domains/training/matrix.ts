import { setImmediate } from "node:timers/promises";
import { AppError } from "#kit/app-error";
import type { FeatureColumn } from "#ports/trainer";
import type { LoadedModel } from "#ports/model-adapter";
import type { Signature } from "./model.ts";

const rowsPerSlice = 4_096;

/**
 * Scores columns, a few milliseconds at a time so that the event loop goes on in between. Columns are matched to the signature
 * by name, and categories by their text, so that rows made for one model can be given to another. Throws
 * `invalid_argument` when a column is missing.
 */
export async function scoreColumns(
  model: LoadedModel,
  signature: Signature,
  features: FeatureColumn[],
  rows: number,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const fill = columnWriters(signature, features);
  const width = signature.inputs.length;
  const matrix = new Float32Array(Math.min(rows, rowsPerSlice) * width);
  const scores = new Float32Array(rows);
  for (let from = 0; from < rows; from += rowsPerSlice) {
    const count = Math.min(rowsPerSlice, rows - from);
    for (const write of fill) write(matrix, from, count);
    await model.score(matrix, count, scores.subarray(from, from + count));
    await setImmediate();
    signal?.throwIfAborted();
  }
  return scores;
}

type ColumnWriter = (matrix: Float32Array, from: number, count: number) => void;

function columnWriters(signature: Signature, features: FeatureColumn[]): ColumnWriter[] {
  const byName = new Map(features.map((feature) => [feature.name, feature]));
  const width = signature.inputs.length;
  return signature.inputs.map((input, at): ColumnWriter => {
    const feature = byName.get(input.name);
    if (!feature || feature.kind !== input.kind) {
      throw new AppError(
        "invalid_argument",
        `The model takes ${input.name} as a ${input.kind}, which the rows ${feature ? "have as another kind" : "lack"}.`,
      );
    }
    if (feature.kind === "number" || input.kind === "number") {
      const { values } = feature as FeatureColumn & { kind: "number" }; // both kinds are the same, as checked above
      return (matrix, from, count) => {
        for (let i = 0; i < count; i++) matrix[i * width + at] = values[from + i]!;
      };
    }
    const places = new Map(input.levels.map((level, code) => [level, code]));
    const into = feature.levels.map((level) => places.get(level) ?? Number.NaN);
    return (matrix, from, count) => {
      for (let i = 0; i < count; i++) {
        const code = feature.codes[from + i]!;
        matrix[i * width + at] = code < 0 ? Number.NaN : into[code]!;
      }
    };
  });
}

/** A function that writes a row given as an object (inputs by name, categories as text) into a matrix; what the row lacks is missing. */
export function objectWriter(signature: Signature): (row: Readonly<Record<string, unknown>>, matrix: Float32Array, offset: number) => void {
  const inputs = signature.inputs.map((input) => ({
    name: input.name,
    codes: input.kind === "category" ? new Map(input.levels.map((level, code) => [level, code])) : undefined,
  }));
  return (row, matrix, offset) => {
    for (let i = 0; i < inputs.length; i++) {
      const { name, codes } = inputs[i]!;
      const value = row[name];
      if (codes) matrix[offset + i] = codes.get(String(value)) ?? Number.NaN;
      else if (value === undefined || value === null) matrix[offset + i] = Number.NaN;
      else if (typeof value === "number" || typeof value === "boolean") matrix[offset + i] = Number(value);
      else throw new AppError("invalid_argument", `Field ${name} is ${JSON.stringify(value)}, but the model takes a number there.`);
    }
  };
}
