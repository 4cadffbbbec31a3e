import { z } from "zod";
import { AppError } from "#kit/app-error";
import { likePattern } from "#kit/like-pattern";
import { keySchema } from "./model.ts";
import type { FieldKind, NumberColumn, RunColumns, TextColumn } from "./run-columns.ts";

export const runAttributes = ["id", "name", "experiment", "status", "parent", "actor", "startedMs", "endedMs", "deletedMs"] as const;

const operators = ["=", "!=", "<", "<=", ">", ">=", "like", "ilike", "in", "exists", "missing"] as const;
type Operator = (typeof operators)[number];

const numberSchema = z.custom<number>((value) => typeof value === "number", "must be a number"); // zod's own number refuses NaN and the infinities
const valueSchema = z.union([z.string(), numberSchema, z.array(z.union([z.string(), numberSchema]))]);
const test = { op: z.enum(operators), value: valueSchema.optional() };
const conditionSchema = z.union([
  z.strictObject({ metric: keySchema, ...test }),
  z.strictObject({ param: keySchema, ...test }),
  z.strictObject({ tag: keySchema, ...test }),
  z.strictObject({ attribute: z.enum(runAttributes), ...test }),
]);
export type RunCondition = z.infer<typeof conditionSchema>;

/**
 * Which runs. `like` and `ilike` (any case) know `%` and `_`. A number compares with a param or tag as a number; one that is not a
 * number never matches. A run without the key matches nothing but `missing` and what stands under `not`.
 */
export type RunFilter = RunCondition | { and: RunFilter[] } | { or: RunFilter[] } | { not: RunFilter };
export const runFilterSchema: z.ZodType<RunFilter> = z.lazy(() =>
  z.union(
    [
      conditionSchema,
      z.strictObject({ and: z.array(runFilterSchema).max(1_000) }),
      z.strictObject({ or: z.array(runFilterSchema).max(1_000) }),
      z.strictObject({ not: runFilterSchema }),
    ],
    { error: `not { and | or | not } nor { metric | param | tag | attribute, op, value } with op one of ${operators.join(" ")}` },
  ),
);
const filterDepth = 50;

/** Refuses a filter so deep that reading it would exhaust the stack. Throws `invalid_argument`. */
export function checkFilterDepth(filter: unknown): void {
  let level: unknown[] = [filter];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > filterDepth * 2)
      throw new AppError("invalid_argument", `The filter is nested deeper than ${filterDepth} levels.`, { hint: "Flatten it." });
    level = level.flatMap((part) => (typeof part === "object" && part !== null ? Object.values(part) : []));
  }
}

/** One byte per run: 1 where the filter holds. */
export function matchingRuns(columns: RunColumns, filter: RunFilter): Uint8Array {
  if ("and" in filter) return combine(columns, filter.and, 1, (a, b) => a & b);
  if ("or" in filter) return combine(columns, filter.or, 0, (a, b) => a | b);
  if ("not" in filter) return matchingRuns(columns, filter.not).map((bit) => 1 - bit);
  return matchCondition(columns, filter);
}

/** The field that a condition or an order names. */
export function fieldOf(
  named: { metric: string } | { param: string } | { tag: string } | { attribute: (typeof runAttributes)[number] },
): [FieldKind, string] {
  if ("metric" in named) return ["metric", named.metric];
  if ("param" in named) return ["param", named.param];
  if ("tag" in named) return ["tag", named.tag];
  return ["attribute", named.attribute];
}

function combine(columns: RunColumns, parts: RunFilter[], empty: 0 | 1, operate: (a: number, b: number) => number): Uint8Array {
  const result = new Uint8Array(columns.size).fill(empty);
  for (const part of parts) {
    const bits = matchingRuns(columns, part);
    for (let slot = 0; slot < bits.length; slot++) result[slot] = operate(result[slot]!, bits[slot]!);
  }
  return result;
}

function matchCondition(columns: RunColumns, condition: RunCondition): Uint8Array {
  const [kind, key] = fieldOf(condition);
  const column = columns.column(kind, key);
  const numeric = kind === "metric" || column?.kind === "number";
  const holds = numeric ? numberTest(condition, key) : textTest(condition, key); // before the look-up: a bad condition is an error on an empty store too
  const bits = new Uint8Array(columns.size);
  if (column === undefined) return condition.op === "missing" ? bits.fill(1) : bits;
  if (column.kind === "number") matchNumbers(column, condition.op, holds as (value: number) => boolean, bits);
  else matchTexts(column, condition.op, holds as (value: string) => boolean, bits);
  return bits;
}

function matchNumbers(column: NumberColumn, op: Operator, holds: (value: number) => boolean, bits: Uint8Array): void {
  for (let slot = 0; slot < bits.length; slot++) {
    const has = column.has(slot);
    bits[slot] = op === "missing" ? (has ? 0 : 1) : has && (op === "exists" || holds(column.at(slot))) ? 1 : 0;
  }
}

function matchTexts(column: TextColumn, op: Operator, holds: (value: string) => boolean, bits: Uint8Array): void {
  const verdicts = op === "missing" || op === "exists" ? undefined : Uint8Array.from(column.levels, (level) => (holds(level) ? 1 : 0)); // once a distinct text
  for (let slot = 0; slot < bits.length; slot++) {
    const code = column.code(slot);
    if (code < 0) bits[slot] = op === "missing" ? 1 : 0;
    else bits[slot] = op === "missing" ? 0 : verdicts === undefined ? 1 : verdicts[code]!;
  }
}

function numberTest({ op, value }: RunCondition, key: string): (value: number) => boolean {
  if (op === "exists" || op === "missing") return () => true;
  if (op === "in") {
    const wanted = listOf(value, key);
    const numbers = new Set(wanted.map(Number));
    if (wanted.some((item) => typeof item !== "number")) throw badCondition(key, op, "a list of numbers");
    return (actual) => numbers.has(actual);
  }
  if (typeof value !== "number" || op === "like" || op === "ilike") throw badCondition(key, op, "a number with = != < <= > >=");
  return comparison(op, value);
}

function textTest({ op, value }: RunCondition, key: string): (value: string) => boolean {
  if (op === "exists" || op === "missing") return () => true;
  if (op === "in") {
    const wanted = new Set(listOf(value, key).map(String));
    return (actual) => wanted.has(actual);
  }
  if (op === "like" || op === "ilike") {
    if (typeof value !== "string") throw badCondition(key, op, "a text");
    return likePattern(value, { anyCase: op === "ilike" });
  }
  if (typeof value === "number") {
    const holds = comparison(op, value);
    return (actual) => {
      const number = numberIn(actual);
      return !Number.isNaN(number) && holds(number);
    };
  }
  if (typeof value !== "string") throw badCondition(key, op, "a text or a number");
  return comparison(op, value);
}

function comparison<Value extends number | string>(op: "=" | "!=" | "<" | "<=" | ">" | ">=", value: Value): (actual: Value) => boolean {
  switch (op) {
    case "=":
      return (actual) => Object.is(actual, value) || actual === value; // NaN equals NaN here
    case "!=":
      return (actual) => !(Object.is(actual, value) || actual === value);
    case "<":
      return (actual) => actual < value;
    case "<=":
      return (actual) => actual <= value;
    case ">":
      return (actual) => actual > value;
    case ">=":
      return (actual) => actual >= value;
  }
}

/** The number a text is, NaN where it is none: `Number` alone takes an empty text for 0. */
export function numberIn(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}

function listOf(value: RunCondition["value"], key: string): (string | number)[] {
  if (!Array.isArray(value)) throw badCondition(key, "in", "a list");
  return value;
}

function badCondition(key: string, op: Operator, wanted: string): AppError {
  return new AppError("invalid_argument", `The condition on \`${key}\` with \`${op}\` needs ${wanted}.`, { details: { key, op } });
}
