import { bindArguments, countArgument } from "./jinja-arguments.ts";
import { ownAttributeOf } from "./jinja-attributes.ts";
import { negate } from "./jinja-operators.ts";
import type { FilterFunction } from "./jinja-runtime.ts";
import { repr, toText } from "./jinja-text.ts";
import { ValueFault, isDict, isNumeric, isUndefined, toHost, truthy, typeName, undefinedFault, type Value } from "./jinja-values.ts";

/** Filters on single values: numbers, defaults, conversions. */
export const valueFilters: Record<string, FilterFunction> = {
  default: defaultFilter,
  d: defaultFilter,
  abs: plain("abs", (value) => {
    if (isUndefined(value)) throw undefinedFault(value);
    if (!isNumeric(value)) throw new ValueFault(`\`abs\` needs a number, not a ${typeName(value)}.`);
    if (typeof value === "number") return Math.abs(value);
    return typeof value === "bigint" && value < 0n ? negate(value) : BigInt(value);
  }),
  round: (value, args, named) => {
    const bound = bindArguments("round", "precision?, method?", args, named);
    return round(value, countArgument("round", bound.get("precision") ?? 0n), toText(bound.get("method") ?? "common"));
  },
  int: (value, args, named) => {
    const bound = bindArguments("int", "default?, base?", args, named);
    return toInt(value, bound.get("default") ?? 0n, countArgument("int", bound.get("base") ?? 10n));
  },
  float: (value, args, named) => toFloat(value, bindArguments("float", "default?", args, named).get("default") ?? 0),
  attr: (value, args, named) => ownAttributeOf(value, toText(bindArguments("attr", "name", args, named).get("name")!)),
  tojson: (value, args, named) => {
    const width = bindArguments("tojson", "indent?", args, named).get("indent") ?? null;
    return escapedJson(pythonJson(value, width === null ? undefined : countArgument("tojson", width)));
  },
  pprint: plain("pprint", (value) => repr(value)),
  // dbt's conversions: a model's SQL is text anyway, and conversions matter only where dbt renders YAML.
  as_text: plain("as_text", (value) => value),
  as_bool: plain("as_bool", (value) => value),
  as_number: plain("as_number", (value) => value),
  as_native: plain("as_native", (value) => value),
};

function plain(name: string, run: (value: Value) => Value): FilterFunction {
  return (value, args, named) => {
    bindArguments(name, "", args, named);
    return run(value);
  };
}

function defaultFilter(value: Value, args: Value[], named: Map<string, Value>): Value {
  const bound = bindArguments("default", "default_value?, boolean?", args, named);
  const fallback = bound.get("default_value");
  return isUndefined(value) || (truthy(bound.get("boolean") ?? false) && !truthy(value)) ? (fallback === undefined ? "" : fallback) : value;
}

/** Half to even for `common`, as Python rounds; the result of a float is a float. */
function round(value: Value, precision: number, method: string): Value {
  if (isUndefined(value)) throw undefinedFault(value);
  if (!isNumeric(value)) throw new ValueFault(`\`round\` needs a number, not a ${typeName(value)}.`);
  if (!["common", "ceil", "floor"].includes(method)) throw new ValueFault("`round` knows the methods common, ceil and floor.");
  const scale = 10 ** precision;
  const number = Number(value);
  if (method !== "common") return (method === "ceil" ? Math.ceil(number * scale) : Math.floor(number * scale)) / scale;
  if (typeof value !== "number" && precision >= 0) return typeof value === "boolean" ? BigInt(value) : value;
  const result = precision >= 0 && precision <= 100 ? roundDecimal(number, precision) : halfToEven(number * scale) / scale;
  return typeof value === "number" ? result : BigInt(Math.round(result));
}

/** Rounds the exact binary value, so that 2.675 (which is a little less) becomes 2.67 and only true halves go to even. */
function roundDecimal(number: number, precision: number): number {
  if (precision === 0) return halfToEven(number);
  const fixed = Number(number.toFixed(precision)); // exact in V8, but halves go up
  const exact = number.toFixed(Math.min(100, precision + 30));
  const rest = exact.slice(exact.indexOf(".") + 1 + precision);
  if (!/^50*$/.test(rest)) return fixed;
  const down = Number(exact.slice(0, exact.indexOf(".") + 1 + precision));
  return Number(exact[exact.indexOf(".") + precision]) % 2 === 0 ? down : fixed;
}

function halfToEven(number: number): number {
  const floor = Math.floor(number);
  const rest = number - floor;
  if (rest !== 0.5) return Math.round(number);
  return floor % 2 === 0 ? floor : floor + 1;
}

function toInt(value: Value, fallback: Value, base: number): Value {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return BigInt(value);
  if (typeof value === "number") return Number.isFinite(value) ? BigInt(Math.trunc(value)) : fallback;
  if (typeof value !== "string") return fallback;
  const text = value.trim().replaceAll("_", "");
  if (base !== 10) {
    const digits = text.toLowerCase().replace(base === 16 ? /^0x/ : base === 8 ? /^0o/ : /^0b/, "");
    const parsed = [...digits].map((digit) => Number.parseInt(digit, 36));
    if (digits === "" || parsed.some((digit) => !(digit < base))) return fallback;
    return parsed.reduce((sum, digit) => sum * BigInt(base) + BigInt(digit), 0n);
  }
  if (/^[+-]?\d+$/.test(text)) return BigInt(text.replace("+", ""));
  const number = parseFloatText(text);
  return number === undefined || !Number.isFinite(number) ? fallback : BigInt(Math.trunc(number));
}

function toFloat(value: Value, fallback: Value): Value {
  if (isNumeric(value)) return Number(value);
  return (typeof value === "string" ? parseFloatText(value.trim().replaceAll("_", "")) : undefined) ?? fallback;
}

function parseFloatText(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  return /^[+-]?nan$/i.test(text) ? Number.NaN : undefined;
}

/** JSON as Python's `json.dumps` writes it: `", "` and `": "` between, and only ASCII. `indent` puts items on lines of their own. */
export function pythonJson(value: Value, indent?: number, options: { sortKeys?: boolean } = { sortKeys: true }): string {
  const write = (inner: Value, depth: number): string => {
    if (depth > 100) throw new ValueFault("This value is nested too deeply for JSON.");
    if (Array.isArray(inner))
      return bracket(
        "[",
        "]",
        inner.map((item) => write(item, depth + 1)),
        depth,
      );
    if (isDict(inner)) {
      const items = [...inner.entries.values()].map(({ key, value: item }): [string, string] => [jsonKey(key), write(item, depth + 1)]);
      if (options.sortKeys === true) items.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      return bracket(
        "{",
        "}",
        items.map(([key, item]) => `${asciiJson(key)}: ${item}`),
        depth,
      );
    }
    if (typeof inner === "object" && inner !== null && inner.type === "tuple") return write(inner.items, depth);
    if (typeof inner === "number") return Number.isFinite(inner) ? repr(inner) : Number.isNaN(inner) ? "NaN" : inner < 0 ? "-Infinity" : "Infinity";
    if (typeof inner === "bigint") return String(inner);
    if (typeof inner === "string") return asciiJson(inner);
    return JSON.stringify(toHost(inner));
  };
  const bracket = (open: string, close: string, items: string[], depth: number) => {
    if (items.length === 0) return open + close;
    if (indent === undefined) return open + items.join(", ") + close;
    const pad = `\n${" ".repeat(indent * (depth + 1))}`;
    return open + pad + items.join(`,${pad}`) + `\n${" ".repeat(indent * depth)}` + close;
  };
  return write(value, 0);
}

function jsonKey(key: Value): string {
  if (typeof key === "string") return key;
  if (key === null) return "null";
  return typeof key === "boolean" ? String(key) : toText(key);
}

function asciiJson(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => (c === "\u007f" ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`));
}

/** Jinja's `tojson` is safe to put into HTML. */
function escapedJson(json: string): string {
  return json.replaceAll("<", "\\u003c").replaceAll(">", "\\u003e").replaceAll("&", "\\u0026").replaceAll("'", "\\u0027");
}
