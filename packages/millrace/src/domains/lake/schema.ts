/** Delta's schema (Spark's JSON) and the warehouse's types, one made from the other. */
import { z } from "zod";
import { AppError } from "#kit/app-error";
import { quoteName } from "#kit/sql-text";
import type { ColumnType } from "#ports/warehouse";
import { parseType, type SqlType } from "./type-text.ts";

export type DeltaType =
  | string
  | { type: "array"; elementType: DeltaType; containsNull: boolean }
  | { type: "map"; keyType: DeltaType; valueType: DeltaType; valueContainsNull: boolean }
  | { type: "struct"; fields: DeltaField[] };

export interface DeltaField {
  name: string;
  type: DeltaType;
  nullable: boolean;
  metadata: Record<string, unknown>;
}

const deltaType: z.ZodType<DeltaType> = z.lazy(() =>
  z.union([
    z.string(),
    z.object({ type: z.literal("array"), elementType: deltaType, containsNull: z.boolean() }),
    z.object({ type: z.literal("map"), keyType: deltaType, valueType: deltaType, valueContainsNull: z.boolean() }),
    z.object({ type: z.literal("struct"), fields: z.array(deltaField) }),
  ]),
);
const deltaField: z.ZodType<DeltaField> = z.object({
  name: z.string(),
  type: deltaType,
  nullable: z.boolean(),
  metadata: z.record(z.string(), z.unknown()).default({}),
});
const deltaSchema = z.object({ type: z.literal("struct"), fields: z.array(deltaField) });

export function parseSchema(schemaString: string): DeltaField[] {
  return deltaSchema.parse(JSON.parse(schemaString)).fields;
}

export function schemaString(fields: DeltaField[]): string {
  return JSON.stringify({ type: "struct", fields });
}

/** The fields of a new table for a query's columns. Names must differ by more than case. Throws `unsupported` for types without a Delta form. */
export function fieldsOf(table: string, columns: ColumnType[]): DeltaField[] {
  const seen = new Map<string, string>();
  return columns.map(({ name, type }) => {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) {
      throw new AppError(
        "invalid_argument",
        `Table \`${table}\` would have two columns \`${other}\` and \`${name}\`; their names must differ by more than case.`,
        {
          hint: "Rename or leave out one of them in the query.",
        },
      );
    }
    seen.set(name.toLowerCase(), name);
    return { name, type: named(table, name, () => toDelta(parseType(type))), nullable: true, metadata: {} };
  });
}

/** The table's column as the warehouse sees it. */
export function columnOf(table: string, field: DeltaField): ColumnType {
  return { name: field.name, type: named(table, field.name, () => fromDelta(field.type)) };
}

/** Whether rows of one type can go into a column of another without losing anything. */
export function fits(from: DeltaType, into: DeltaType): boolean {
  if (typeof from === "string" && typeof into === "string") {
    if (from === into) return true;
    const decimalInto = decimalParts(into);
    if (decimalInto !== undefined) {
      const digits = integerDigits[from];
      if (digits !== undefined) return digits <= decimalInto.precision - decimalInto.scale;
      const decimalFrom = decimalParts(from);
      return (
        decimalFrom !== undefined &&
        decimalFrom.scale <= decimalInto.scale &&
        decimalFrom.precision - decimalFrom.scale <= decimalInto.precision - decimalInto.scale
      );
    }
    return widenings[from]?.includes(into) === true;
  }
  if (typeof from === "string" || typeof into === "string") return false;
  if (from.type === "array" && into.type === "array") return fits(from.elementType, into.elementType);
  if (from.type === "map" && into.type === "map") return fits(from.keyType, into.keyType) && fits(from.valueType, into.valueType);
  return (
    from.type === "struct" &&
    into.type === "struct" &&
    from.fields.length === into.fields.length &&
    from.fields.every((field, i) => field.name === into.fields[i]!.name && fits(field.type, into.fields[i]!.type))
  );
}

const widenings: Record<string, string[]> = {
  byte: ["short", "integer", "long", "float", "double"],
  short: ["integer", "long", "float", "double"],
  integer: ["long", "double"],
  float: ["double"],
};
const integerDigits: Record<string, number> = { byte: 3, short: 5, integer: 10, long: 19 };

function decimalParts(type: string): { precision: number; scale: number } | undefined {
  const match = /^decimal\((\d+),\s*(-?\d+)\)$/.exec(type);
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) };
}

/**
 * The expression that turns a query's column into what the Parquet file holds. A TIMESTAMP (UTC) becomes an instant by its microseconds,
 * which is twice as fast as a cast with the session's zone; one that is infinite, or finer than a microsecond, is an error, not a null.
 */
export function writeExpression(column: ColumnType, field: DeltaField): string {
  const name = quoteName(column.name);
  if (field.type === "timestamp" && column.type.startsWith("TIMESTAMP")) {
    const text = column.name.replaceAll("'", "''");
    const inexact =
      column.type === "TIMESTAMP_NS"
        ? ` when epoch_ns(${name}) % 1000 <> 0 then error('Column ${text} has a time finer than a microsecond; cast it to TIMESTAMP to round it.')`
        : "";
    return `case when not isfinite(${name}) then error('Column ${text} has an infinite time, which a table cannot hold.')${inexact} else make_timestamptz(epoch_us(${name})) end`;
  }
  return `cast(${name} as ${storageType(field.type)})`;
}

/** The expression that turns what the files hold into the column's type. */
export function readExpression(field: DeltaField): string {
  const name = quoteName(field.name);
  return field.type === "timestamp" ? `make_timestamp(epoch_us(${name}))` : `cast(${name} as ${fromDelta(field.type)})`;
}

/** The type within the Parquet files: as `fromDelta`, but `timestamp` is an instant. */
export function storageType(type: DeltaType): string {
  return toSql(type, "TIMESTAMP WITH TIME ZONE");
}

function fromDelta(type: DeltaType): string {
  return toSql(type, "TIMESTAMP");
}

function toSql(type: DeltaType, timestamp: string): string {
  if (typeof type === "string") {
    const decimal = decimalParts(type);
    if (decimal !== undefined) return `DECIMAL(${decimal.precision},${decimal.scale})`;
    const scalar = type === "timestamp" ? timestamp : sqlScalars[type];
    if (scalar === undefined) throw new AppError("unsupported", `The Delta type \`${type}\` is not known.`);
    return scalar;
  }
  switch (type.type) {
    case "array":
      return `${toSql(type.elementType, timestamp)}[]`;
    case "map":
      return `MAP(${toSql(type.keyType, timestamp)}, ${toSql(type.valueType, timestamp)})`;
    case "struct":
      return `STRUCT(${type.fields.map((field) => `${quoteName(field.name)} ${toSql(field.type, timestamp)}`).join(", ")})`;
  }
}

const sqlScalars: Record<string, string> = {
  boolean: "BOOLEAN",
  byte: "TINYINT",
  short: "SMALLINT",
  integer: "INTEGER",
  long: "BIGINT",
  float: "FLOAT",
  double: "DOUBLE",
  string: "VARCHAR",
  binary: "BLOB",
  date: "DATE",
  timestamp_ntz: "TIMESTAMP",
};

/**
 * The nearest Delta type. Unsigned integers go into the next wider signed type; HUGEINT, which sums of integers are, into `long` (a value
 * beyond it is an error when it is written); what Delta has no word for (UUID, TIME, INTERVAL, JSON, ENUM) into `string`.
 */
function toDelta(type: SqlType, inside = false): DeltaType {
  switch (type.kind) {
    case "list":
      return { type: "array", elementType: toDelta(type.element, true), containsNull: true };
    case "map":
      return { type: "map", keyType: toDelta(type.key, true), valueType: toDelta(type.value, true), valueContainsNull: true };
    case "struct":
      return {
        type: "struct",
        fields: type.fields.map((field) => ({ name: field.name, type: toDelta(field.type, true), nullable: true, metadata: {} })),
      };
    case "scalar": {
      if (type.name === "DECIMAL") return `decimal(${type.params.map((param) => param.trim()).join(",")})`;
      const scalar = inside && type.name === "TIMESTAMP_NS" ? undefined : deltaScalars[type.name];
      if (scalar === undefined) {
        throw new AppError("unsupported", `the type ${type.name} has no Delta form`, {
          hint: "Cast the column, for example to VARCHAR, DOUBLE or TIMESTAMP.",
        });
      }
      return scalar;
    }
  }
}

const deltaScalars: Record<string, string> = {
  BOOLEAN: "boolean",
  TINYINT: "byte",
  SMALLINT: "short",
  INTEGER: "integer",
  BIGINT: "long",
  HUGEINT: "long",
  UTINYINT: "short",
  USMALLINT: "integer",
  UINTEGER: "long",
  UBIGINT: "decimal(20,0)",
  FLOAT: "float",
  DOUBLE: "double",
  VARCHAR: "string",
  JSON: "string",
  ENUM: "string",
  UUID: "string",
  TIME: "string",
  "TIME WITH TIME ZONE": "string",
  INTERVAL: "string",
  BIT: "string",
  BLOB: "binary",
  DATE: "date",
  TIMESTAMP: "timestamp",
  TIMESTAMP_S: "timestamp",
  TIMESTAMP_MS: "timestamp",
  TIMESTAMP_NS: "timestamp",
  "TIMESTAMP WITH TIME ZONE": "timestamp",
  NULL: "integer",
};

function named<T>(table: string, column: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `Column \`${column}\` of table \`${table}\`: ${error.message}`, {
      cause: error,
      ...(error.hint !== undefined && { hint: error.hint }),
    });
  }
}
