import { AppError } from "#kit/app-error";
import type { WarehouseRow, WarehouseValue } from "#ports/warehouse";
import { isNumeric, type KeyValue } from "./model.ts";

/** How values of a SQL type are held: as text, as numbers (booleans too), or as moments (epoch milliseconds). */
export type ValueKind = "text" | "number" | "time";

export function kindOf(sqlType: string | undefined): ValueKind {
  if (sqlType === undefined || !isNumeric(sqlType)) return "text";
  return /^(DATE|TIMESTAMP)/.test(sqlType) ? "time" : "number";
}

/** A key part from a row or a request. Numbers may come as text and the other way round; null is null. */
export function keyValue(value: WarehouseValue, kind: ValueKind, column: string): KeyValue | null {
  if (value === null) return null;
  if (kind !== "text") return numberValue(value, kind, column);
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  throw cannotUse(value, kind, column);
}

/** A measure or time from a row: booleans as 0/1, moments as epoch milliseconds (text without a zone is UTC), null as NaN. */
export function numberValue(value: WarehouseValue, kind: ValueKind, column: string): number {
  if (typeof value === "number") return value;
  if (value === null) return Number.NaN;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string" && value.trim() !== "") {
    const number = kind === "time" ? timeOfText(value) : Number(value);
    if (Number.isFinite(number)) return number;
  }
  throw cannotUse(value, kind, column);
}

/** The value of a column that must be there, even if null. */
export function cellOf(row: WarehouseRow, column: string): WarehouseValue {
  const value = row[column];
  if (value !== undefined) return value;
  throw new AppError("invalid_argument", `A row has no \`${column}\` (it has: ${Object.keys(row).join(", ")}).`, {
    hint: "Send every column that the feature views use, null where it is not known.",
  });
}

function timeOfText(text: string): number {
  const iso = text.trim().replace(" ", "T");
  const hasZone = /(Z|[+-]\d{2}(:?\d{2})?)$/.test(iso.slice(10));
  return Date.parse(hasZone || iso.length <= 10 ? iso : `${iso}Z`);
}

function cannotUse(value: WarehouseValue, kind: ValueKind, column: string): AppError {
  return new AppError("invalid_argument", `\`${column}\` is ${JSON.stringify(value)}, which is no ${kind}.`, {
    hint: "Send the value in the type that the SQL model has.",
  });
}
