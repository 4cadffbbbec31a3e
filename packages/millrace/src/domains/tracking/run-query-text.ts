import type { Value } from "./query-value.ts";
import { fieldText, type RunField } from "./run-fields.ts";
import type { RunCondition, RunFilter } from "./run-filter.ts";

/** A filter in the query language; read again it is the same filter. Nothing but an empty filter gives an empty text. */
export function runQueryText(filter: RunFilter): string {
  if ("and" in filter)
    return filter.and.map((part) => ("or" in part || "and" in part ? `(${runQueryText(part)})` : runQueryText(part))).join(" AND ");
  if ("or" in filter) return filter.or.map((part) => ("or" in part ? `(${runQueryText(part)})` : runQueryText(part))).join(" OR ");
  if ("not" in filter) return `NOT ${"and" in filter.not || "or" in filter.not ? `(${runQueryText(filter.not)})` : runQueryText(filter.not)}`;
  return "text" in filter ? quoted(filter.text, '"') : conditionText(filter);
}

function conditionText(condition: RunCondition): string {
  const { op, value } = condition;
  const name = fieldText(condition);
  if (op === "missing") return `${name} IS NULL`;
  if (op === "exists") return `${name} IS NOT NULL`;
  const values = (Array.isArray(value) ? value : [value ?? ""]).map((each) => valueText(condition, each));
  if (op === "between" || op === "not between") return `${name} ${op.toUpperCase()} ${values.join(" AND ")}`;
  return `${name} ${op.toUpperCase()} ${Array.isArray(value) ? `(${values.join(", ")})` : values[0]}`;
}

function valueText(field: RunField, value: Value): string {
  if (typeof value === "string") return quoted(value, "'");
  if (!("attribute" in field)) return Object.is(value, -0) ? "-0" : String(value);
  return field.attribute === "durationMs" ? `${value}ms` : new Date(value).toISOString();
}

function quoted(text: string, quote: string): string {
  return quote + text.replaceAll(quote, quote + quote) + quote;
}
