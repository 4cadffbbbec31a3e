import { AppError } from "#kit/app-error";
import type { Floats } from "./metric-input.ts";

/** A column's values as Python's libraries see them: numbers (NaN is missing) or texts (null is missing). */
export type RawColumn = { kind: "number"; values: Floats } | { kind: "category"; values: readonly (string | null)[] };

/** The values that are present and finite. */
export type RawValues = { kind: "number"; values: Float64Array } | { kind: "category"; values: readonly string[] };

/** Drops missing and infinite values. Throws `invalid_argument`, naming the `side`, when none is left. */
export function presentOf(column: RawColumn, side: string): RawValues {
  const present: RawValues =
    column.kind === "number"
      ? { kind: "number", values: Float64Array.from(column.values).filter((value) => Number.isFinite(value)) }
      : { kind: "category", values: column.values.filter((value) => value !== null) };
  if (present.values.length === 0) throw new AppError("invalid_argument", `The ${side} column has no values to compare.`);
  return present;
}

/** How often each value occurs. */
export function countValues({ values }: RawValues): Map<string | number, number> {
  const counts = new Map<string | number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
