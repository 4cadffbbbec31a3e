import type { DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { AppError } from "#kit/app-error";
import type { WarehouseValue } from "#ports/warehouse";
import type { DuckdbModules } from "./duckdb-modules.ts";

type DuckdbApi = DuckdbModules["api"];

/** A value of a result as the port has it. Decimals are numbers while 15 digits hold them, text beyond. */
export function fromEngine(api: DuckdbApi, value: DuckDBValue): WarehouseValue {
  if (value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "bigint") return value >= -maxSafe && value <= maxSafe ? Number(value) : value.toString();
  if (value instanceof api.DuckDBTimestampValue || value instanceof api.DuckDBTimestampTZValue) return isoFromMicros(value.micros);
  if (value instanceof api.DuckDBTimestampMillisecondsValue) return isoFromMicros(value.millis * 1000n);
  if (value instanceof api.DuckDBTimestampSecondsValue) return isoFromMicros(value.seconds * 1_000_000n);
  if (value instanceof api.DuckDBTimestampNanosecondsValue) return isoFromMicros(value.nanos / 1000n);
  if (value instanceof api.DuckDBDecimalValue) {
    const text = value.toString();
    return text.replace(/^[-0.]+|\./g, "").length <= 15 ? Number(text) : text;
  }
  const inner = (item: DuckDBValue) => fromEngine(api, item);
  if (value instanceof api.DuckDBListValue || value instanceof api.DuckDBArrayValue) return value.items.map(inner);
  if (value instanceof api.DuckDBStructValue) {
    return Object.fromEntries(Object.entries(value.entries).map(([key, item]) => [key, inner(item)]));
  }
  if (value instanceof api.DuckDBMapValue) return Object.fromEntries(value.entries.map(({ key, value: item }) => [String(key), inner(item)]));
  if (value instanceof api.DuckDBUnionValue) return inner(value.value);
  if (value instanceof api.DuckDBBlobValue) return Buffer.from(value.bytes).toString("base64");
  return String(value); // dates (ISO), times, intervals, UUIDs, bits: DuckDB's own text
}

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);

/** ISO 8601 in UTC with as many digits as needed (milliseconds or microseconds); `infinity` stays a word. */
function isoFromMicros(micros: bigint): string {
  const milliseconds = Number(micros / 1000n);
  if (Math.abs(milliseconds) > 8.64e15) return milliseconds > 0 ? "infinity" : "-infinity";
  const rest = Number(((micros % 1000n) + 1000n) % 1000n);
  const iso = new Date(rest !== 0 && micros < 0n ? milliseconds - 1 : milliseconds).toISOString();
  return rest === 0 ? iso : `${iso.slice(0, -1)}${String(rest).padStart(3, "0")}Z`;
}

/** A parameter as the engine takes it, with its type. */
export function toEngine(api: DuckdbApi, value: WarehouseValue): { value: DuckDBValue; type: DuckDBType } {
  if (value === null) return { value, type: api.SQLNULL };
  if (typeof value === "string") return { value, type: api.VARCHAR };
  if (typeof value === "boolean") return { value, type: api.BOOLEAN };
  if (typeof value === "number") return Number.isSafeInteger(value) ? { value: BigInt(value), type: api.BIGINT } : { value, type: api.DOUBLE };
  if (Array.isArray(value)) {
    const items = value.map((item) => toEngine(api, item));
    const type = items.find((item) => item.type !== api.SQLNULL)?.type ?? api.VARCHAR;
    if (items.some((item) => item.type !== api.SQLNULL && item.type.toString() !== type.toString())) {
      throw new AppError("invalid_argument", "A list parameter mixes types.", { hint: "Pass values of one type." });
    }
    return { value: api.listValue(items.map((item) => item.value)), type: api.LIST(type) };
  }
  const fields = Object.entries(value).map(([key, item]) => [key, toEngine(api, item)] as const);
  return {
    value: api.structValue(Object.fromEntries(fields.map(([key, field]) => [key, field.value]))),
    type: api.STRUCT(Object.fromEntries(fields.map(([key, field]) => [key, field.type]))),
  };
}
