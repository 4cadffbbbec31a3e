import { AppError } from "#kit/app-error";
import type { Floats } from "./metric-input.ts";
import type { TableColumn } from "./profile-columns.ts";

/** The rows of one level of a column. */
export interface Slice {
  level: string;
  rows: Uint32Array;
}

const mostNumericLevels = 1_000;

/**
 * Splits rows by the value of a column; missing values are a slice called "(missing)". A numeric column must have at most 1,000
 * different values. Throws `invalid_argument` otherwise.
 */
export function sliceRows(column: TableColumn): Slice[] {
  const { codes, levels } = column.kind === "number" ? codesOf(column.name, column.values) : column;
  const sizes = new Uint32Array(levels.length + 1);
  for (const code of codes) sizes[code + 1]!++; // slot 0 is for missing values
  const slices = Array.from(sizes, (size, slot) => ({ level: slot === 0 ? "(missing)" : levels[slot - 1]!, rows: new Uint32Array(size) }));
  sizes.fill(0);
  codes.forEach((code, row) => (slices[code + 1]!.rows[sizes[code + 1]!++] = row));
  return slices.filter((slice) => slice.rows.length > 0);
}

/** The values of some rows, in their order. */
export function gather(values: Floats, rows: Uint32Array): Floats {
  const gathered = values instanceof Float32Array ? new Float32Array(rows.length) : new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) gathered[i] = values[rows[i]!]!;
  return gathered;
}

function codesOf(name: string, values: Floats): { codes: Int32Array; levels: string[] } {
  const known = new Map<number, number>();
  const codes = Int32Array.from(values, (value) => {
    if (Number.isNaN(value)) return -1;
    let code = known.get(value);
    if (code === undefined) known.set(value, (code = known.size));
    if (code >= mostNumericLevels) {
      throw new AppError("invalid_argument", `Column "${name}" has more than ${mostNumericLevels} different numbers; it cannot be sliced by value.`, {
        hint: "Slice by a category, or add a column that puts the numbers into classes.",
      });
    }
    return code;
  });
  return { codes, levels: [...known.keys()].map(String) };
}
