import { AppError } from "#kit/app-error";
import { type Sql, sql, sqlJoin } from "#kit/sql";
import type { Database } from "#ports/database";

/** A field that a list is ordered by. */
export interface OrderTerm<Field extends string> {
  by: Field;
  direction: "asc" | "desc";
}

/** Where a page ended: the last one's values of the fields that the list is ordered by. */
export type PageKey = (string | number)[];

/** A column to order by, with the type that its values have. */
export interface OrderColumn {
  sql: Sql;
  type: "text" | "number";
}

/** Texts in order of their characters' numbers, whatever language the database was made for. */
export function inByteOrder({ capabilities }: Database, column: Sql): Sql {
  return capabilities.dialect === "postgres" ? sql`${column} collate "C"` : column;
}

export function orderBy(columns: OrderColumn[], terms: OrderTerm<string>[]): Sql {
  return sqlJoin(
    columns.map((column, i) => (terms[i]!.direction === "asc" ? sql`${column.sql} asc` : sql`${column.sql} desc`)),
    ", ",
  );
}

/** What comes after a key: later in the first field, or equal in it and later in the rest. */
export function after(columns: OrderColumn[], terms: OrderTerm<string>[], key: PageKey): Sql {
  const [first, ...rest] = columns;
  const [term, ...others] = terms;
  const [value, ...values] = key;
  if (first === undefined || term === undefined || value === undefined) return sql`1 = 0`;
  const later = term.direction === "asc" ? sql`${first.sql} > ${value}` : sql`${first.sql} < ${value}`;
  if (rest.length === 0) return later;
  const notBefore = term.direction === "asc" ? sql`${first.sql} >= ${value}` : sql`${first.sql} <= ${value}`;
  return sql`(${notBefore} and (${later} or ${after(rest, others, values)}))`; // where `later` is not so, it is equal
}

export function writeCursor(key: PageKey): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** Throws `invalid_argument` for what no page of a list in this order gave. */
export function readCursor(cursor: string, columns: OrderColumn[]): PageKey {
  let key: unknown;
  try {
    key = JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    key = undefined;
  }
  const fits = (value: unknown, i: number) => (columns[i]?.type === "text" ? typeof value === "string" : Number.isSafeInteger(value));
  if (!Array.isArray(key) || key.length !== columns.length || !key.every(fits))
    throw new AppError("invalid_argument", "The cursor is none that a page of this list gave.", { hint: "Begin with the first page again." });
  return key as PageKey; // just checked
}
