import type { Signature } from "#domains/training";
import { AppError } from "#kit/app-error";

/** Any object with the asking row's own columns: an event of a topic, or a row of a request. */
export type AskingRow = Readonly<Record<string, unknown>>;

export interface RowWriter {
  /** Columns of the matrix. */
  readonly width: number;
  /**
   * Writes one row of the model's matrix from `offset`: the asking row's own columns, and its feature values as read in the order
   * of the names that the writer was made with. Throws `invalid_argument` for a value of another kind.
   */
  write(row: AskingRow, features: Float32Array, out: Float32Array, offset: number): void;
}

/** Whether a model finds all of its features among these names, so that one reading of the features serves it. */
export function readsFeatures(signature: Signature, names: readonly string[]): boolean {
  const own = new Set(signature.columns);
  return signature.inputs.every(({ name }) => own.has(name) || names.includes(name));
}

/** Turns an asking row and its features into the row of a model's matrix. A category that the model has not seen is missing to it. */
export function rowWriter(signature: Signature, names: readonly string[]): RowWriter {
  const own: { name: string; at: number; codes: Map<unknown, number> | undefined }[] = [];
  const features: { from: number; at: number }[] = [];
  const ownNames = new Set(signature.columns);
  signature.inputs.forEach((input, at) => {
    const { name } = input;
    if (ownNames.has(name)) {
      own.push({ name, at, codes: input.kind === "category" ? new Map(input.levels.map((level, code) => [level, code])) : undefined });
      return;
    }
    const from = names.indexOf(name);
    if (from < 0) throw new AppError("internal", `The model takes ${name}, which is neither a column of the asking row nor among its features.`);
    features.push({ from, at });
  });
  return {
    width: signature.inputs.length,
    write(row, values, out, offset) {
      for (let i = 0; i < own.length; i++) {
        const { name, at, codes } = own[i]!;
        out[offset + at] = codes === undefined ? numberOf(name, row[name]) : codeOf(name, codes, row[name]);
      }
      for (let i = 0; i < features.length; i++) {
        const { from, at } = features[i]!;
        out[offset + at] = values[from]!;
      }
    },
  };
}

/** A number of a row as the matrix holds it; NaN for missing. Throws `invalid_argument` naming the field. */
export function numberOf(name: string, value: unknown): number {
  if (typeof value === "number") return value;
  if (value === undefined || value === null) return Number.NaN;
  if (typeof value === "boolean") return value ? 1 : 0;
  throw wrongType(name, value, "number");
}

function codeOf(name: string, codes: Map<unknown, number>, value: unknown): number {
  const code = codes.get(value);
  if (code !== undefined) return code;
  if (typeof value === "string" || value === undefined || value === null) return Number.NaN;
  if (typeof value === "number") return codes.get(String(value)) ?? Number.NaN;
  throw wrongType(name, value, "text");
}

function wrongType(name: string, value: unknown, wanted: string): AppError {
  return new AppError("invalid_argument", `Field ${name} is ${JSON.stringify(value)}, but the model takes a ${wanted} there.`, {
    hint: `Send a ${wanted}, or null where it is not known.`,
    details: { field: name },
  });
}
