import type { TableColumn } from "./profile-columns.ts";

/** A value of a row: what JSON can say. Missing values are null. */
export type RowValue = string | number | boolean | null;

/** One input of a model as a plain object: its features by name, and the other columns of the row. */
export type Row = { [column: string]: RowValue };

/** Row `index` of a table of columns, as an object of its own. */
export function rowAt(columns: readonly TableColumn[], index: number): Row {
  const row: Row = {};
  for (const column of columns) {
    if (column.kind === "number") {
      const value = column.values[index]!;
      row[column.name] = Number.isNaN(value) ? null : value;
    } else {
      row[column.name] = column.levels[column.codes[index]!] ?? null; // a code of -1 has no level
    }
  }
  return row;
}
