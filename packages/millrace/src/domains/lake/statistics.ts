/** Statistics of a data file for the log, from the footer that the engine has just written (PROTOCOL.md, "Per-file Statistics"). */
import type { Warehouse, WarehouseValue } from "#ports/warehouse";
import type { DeltaField, DeltaType } from "./schema.ts";

const longestBound = 32; // characters of text that readers keep as a bound
const lastCharacter = "\u{10FFFF}"; // after a cut upper bound, so that it stays one

/**
 * The `stats` text of an `add` action. Only top-level columns of plain types have bounds. Where one of them has none that JSON can hold (its
 * numbers include NaN or infinity), no column gets any: delta-rs 1.6 takes a single missing bound for one that no row meets.
 */
export async function fileStatistics(warehouse: Warehouse, pathLiteral: string, fields: DeltaField[], rows: number): Promise<string> {
  const groups = await warehouse.rows(
    `select path_in_schema as path, stats_min_value as low, stats_max_value as high, stats_null_count as nulls, num_values as count
     from parquet_metadata(${pathLiteral})`,
  );
  const byColumn = Map.groupBy(groups, (group) => String(group["path"]));
  const low: string[] = [];
  const high: string[] = [];
  const nulls: string[] = [];
  let bounded = true;
  for (const { name, type } of fields) {
    if (typeof type !== "string") continue;
    const key = JSON.stringify(name);
    const parts = byColumn.get(name) ?? [];
    if (parts.length === 0) nulls.push(`${key}:${rows}`); // not in the file: reads as null
    else if (parts.every((part) => part["nulls"] !== null)) nulls.push(`${key}:${parts.reduce((sum, part) => sum + Number(part["nulls"]), 0)}`);
    const filled = parts.filter((part) => part["nulls"] === null || Number(part["nulls"]) < Number(part["count"]));
    if (type === "binary" || filled.length === 0) continue;
    const lowest = extreme(type, filled, "low", -1);
    const highest = extreme(type, filled, "high", 1);
    if (lowest === undefined || highest === undefined) bounded = false;
    low.push(`${key}:${lowest}`);
    high.push(`${key}:${highest}`);
  }
  const bounds = bounded ? `"minValues":{${low.join(",")}},"maxValues":{${high.join(",")}},` : "";
  return `{"numRecords":${rows},${bounds}"nullCount":{${nulls.join(",")}}}`;
}

/** The lowest or highest bound of all row groups as JSON, or undefined where one group does not tell it. */
function extreme(type: string, groups: Record<string, WarehouseValue>[], side: "low" | "high", sign: 1 | -1): string | undefined {
  let best: Bound | undefined;
  for (const group of groups) {
    const value = group[side];
    const bound = typeof value === "string" ? boundOf(type, value, side) : undefined;
    if (bound === undefined) return undefined;
    if (best === undefined || compare(bound.order, best.order) * sign > 0) best = bound;
  }
  return best?.json;
}

interface Bound {
  order: bigint | number | string;
  /** JSON text, because not every 64-bit integer is a number of JavaScript. */
  json: string;
}

function boundOf(type: DeltaType & string, text: string, side: "low" | "high"): Bound | undefined {
  switch (type) {
    case "byte":
    case "short":
    case "integer":
    case "long":
      return { order: BigInt(text), json: text };
    case "float":
    case "double":
      return Number.isFinite(Number(text)) ? { order: Number(text), json: String(Number(text)) } : undefined;
    case "date":
      return /^\d{4}-\d\d-\d\d$/.test(text) ? { order: text, json: JSON.stringify(text) } : undefined;
    case "timestamp": {
      const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text);
      if (parts === null) return undefined;
      const micros = (parts[3] ?? "").padEnd(6, "0");
      const ms = Date.parse(`${parts[1]}T${parts[2]}.${micros.slice(0, 3)}Z`) + (side === "high" && micros.slice(3) !== "000" ? 1 : 0);
      return { order: ms, json: JSON.stringify(new Date(ms).toISOString()) };
    }
    case "string":
      return { order: text, json: JSON.stringify(cutText(text, side)) };
    case "boolean":
      return { order: text === "true" ? 1 : 0, json: String(text === "true") };
    default: {
      if (!type.startsWith("decimal") || !/^-?\d+(\.\d+)?$/.test(text)) return undefined;
      const [whole, fraction = ""] = text.split(".");
      return { order: BigInt(`${whole}${fraction}`), json: text }; // one column has one scale
    }
  }
}

function compare(a: Bound["order"], b: Bound["order"]): number {
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b)); // as Parquet does: by UTF-8 bytes
  return a < b ? -1 : a > b ? 1 : 0;
}

function cutText(text: string, side: "low" | "high"): string {
  const characters = [...text];
  if (characters.length <= longestBound) return text;
  return characters.slice(0, longestBound).join("") + (side === "high" ? lastCharacter : "");
}
