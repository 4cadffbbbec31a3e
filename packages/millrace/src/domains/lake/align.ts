/** Matching a query's columns with a table's. */
import { AppError } from "#kit/app-error";
import type { ColumnType } from "#ports/warehouse";
import type { AlignedRows } from "./data-file.ts";
import { columnOf, fieldsOf, fits, type DeltaField } from "./schema.ts";

export interface Alignment {
  rows: AlignedRows;
  /** The table's fields after the write: those it had, then the new ones. */
  fields: DeltaField[];
}

/** A query whose columns become the table's own. */
export function alignNew(table: string, sql: string, columns: ColumnType[]): Alignment {
  const fields = fieldsOf(table, columns);
  return { rows: { sql, sources: fields.map((field, i) => ({ field, type: columns[i]!.type })) }, fields };
}

/**
 * Matches by name, whatever the case. Throws `invalid_argument` naming the column for one that the table lacks, that the query lacks (both
 * are allowed with `addColumns`), or whose type would lose something.
 */
export function alignExisting(table: string, existing: DeltaField[], sql: string, columns: ColumnType[], addColumns: boolean): Alignment {
  const given = new Map(fieldsOf(table, columns).map((field, i) => [field.name.toLowerCase(), { field, column: columns[i]! }]));
  const sources: AlignedRows["sources"] = existing.map((field) => {
    const match = given.get(field.name.toLowerCase());
    given.delete(field.name.toLowerCase());
    if (match === undefined) {
      if (addColumns) return { field, type: undefined };
      throw new AppError("invalid_argument", `The rows for table \`${table}\` lack its column \`${field.name}\`.`, {
        hint: "Select it (null will do), or allow other columns with `addColumns`.",
        details: { column: field.name },
      });
    }
    if (!fits(match.field.type, field.type)) {
      const type = columnOf(table, field).type;
      throw new AppError(
        "invalid_argument",
        `Column \`${field.name}\` of table \`${table}\` is ${type}, but the rows have ${match.column.type}, which may not fit.`,
        {
          hint: `Cast it in the query: \`cast(${field.name} as ${type})\`.`,
          details: { column: field.name, table: type, rows: match.column.type },
        },
      );
    }
    return { field, type: match.column.type };
  });
  const added = [...given.values()];
  if (added.length > 0 && !addColumns) {
    const names = added.map(({ field }) => `\`${field.name}\``).join(", ");
    throw new AppError("invalid_argument", `Table \`${table}\` has no column ${names}, which the rows have.`, {
      hint: "Leave it out of the query, or allow new columns with `addColumns`.",
      details: { column: added[0]!.field.name },
    });
  }
  return {
    rows: { sql, sources: [...sources, ...added.map(({ field, column }) => ({ field, type: column.type }))] },
    fields: [...existing, ...added.map(({ field }) => field)],
  };
}
