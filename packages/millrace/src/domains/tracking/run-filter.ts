import { z } from "zod";
import { AppError } from "#kit/app-error";
import { likePattern } from "#kit/like-pattern";
import { keySchema } from "./model.ts";
import { matchFreeText } from "./free-text.ts";
import { inputFields, type NumberColumn, type RunColumns, type TextColumn } from "./run-columns.ts";
import { kindAndKey, runAttributes } from "./run-fields.ts";

const negations = { "!=": "=", "not in": "in", "not like": "like", "not ilike": "ilike", "not between": "between" } as const;
const operators = [
  ...(["=", "!=", "<", "<=", ">", ">=", "like", "ilike", "in", "between", "exists", "missing"] as const),
  ...(["not like", "not ilike", "not in", "not between"] as const),
] as const;
export type Operator = (typeof operators)[number];

const numberSchema = z.custom<number>((value) => typeof value === "number", "must be a number"); // zod's own number refuses NaN and the infinities
const valueSchema = z.union([z.string(), numberSchema, z.array(z.union([z.string(), numberSchema]))]);
const test = { op: z.enum(operators), value: valueSchema.optional() };
const conditionSchema = z.union([
  z.strictObject({ metric: keySchema, ...test }),
  z.strictObject({ param: keySchema, ...test }),
  z.strictObject({ tag: keySchema, ...test }),
  z.strictObject({ input: z.enum(inputFields), ...test }),
  z.strictObject({ attribute: z.enum(runAttributes), ...test }),
]);
const textSchema = z.strictObject({ text: z.string().min(1).max(1_000) });
export type RunCondition = z.infer<typeof conditionSchema>;

/**
 * Which runs. `like` and `ilike` (any case) know `%` and `_`. A number compares with a param or tag as a number; one that is not a
 * number meets only `!=` and `not …`. A run without the key matches nothing but `missing` and what stands under `not`. A condition on inputs holds
 * where one of them meets it; `!=` and `not …` where there are some and none meets the opposite. `text` is found in any case in the
 * run's id, name, note (its first 10,000 characters), experiment's name and the values of params and tags.
 */
export type RunFilter = RunCondition | { text: string } | { and: RunFilter[] } | { or: RunFilter[] } | { not: RunFilter };
export const runFilterSchema: z.ZodType<RunFilter> = z.lazy(() =>
  z.union(
    [
      conditionSchema,
      textSchema,
      z.strictObject({ and: z.array(runFilterSchema).max(1_000) }),
      z.strictObject({ or: z.array(runFilterSchema).max(1_000) }),
      z.strictObject({ not: runFilterSchema }),
    ],
    { error: `not { and | or | not | text } nor { metric | param | tag | input | attribute, op, value } with op one of ${operators.join(", ")}` },
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
  if ("text" in filter) return matchFreeText(columns, filter.text);
  return matchCondition(columns, filter);
}

/** Every condition of a filter, wherever it stands. */
export function conditionsOf(filter: RunFilter): (RunCondition | { text: string })[] {
  if ("and" in filter) return filter.and.flatMap(conditionsOf);
  if ("or" in filter) return filter.or.flatMap(conditionsOf);
  return "not" in filter ? conditionsOf(filter.not) : [filter];
}

function combine(columns: RunColumns, parts: RunFilter[], empty: 0 | 1, operate: (a: number, b: number) => number): Uint8Array {
  const result = new Uint8Array(columns.size).fill(empty);
  for (const part of parts) {
    const bits = matchingRuns(columns, part);
    for (let slot = 0; slot < bits.length; slot++) result[slot] = operate(result[slot]!, bits[slot]!);
  }
  return result;
}

type Test = Pick<RunCondition, "op" | "value">;

function matchCondition(columns: RunColumns, condition: RunCondition): Uint8Array {
  const [kind, key] = kindAndKey(condition);
  const column = columns.column(kind, key);
  const numeric = kind === "metric" || column?.kind === "number";
  const holds = numeric ? numberTest(condition, key) : kind === "input" ? inputTest(condition, key) : textTest(condition, key); // before the look-up: a bad condition is an error on an empty store too
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

function numberTest({ op, value }: Test, key: string): (value: number) => boolean {
  if (op === "exists" || op === "missing") return () => true;
  if (isNegation(op) && op !== "!=") return not(numberTest({ op: negations[op], value }, key));
  if (op === "in") {
    const wanted = listOf(value, op, key);
    const numbers = new Set(wanted.map(Number));
    if (wanted.some((item) => typeof item !== "number")) throw badCondition(key, op, "a list of numbers");
    return (actual) => numbers.has(actual);
  }
  if (op === "between") {
    const [low, high] = boundsOf(value, key);
    if (typeof low !== "number" || typeof high !== "number") throw badCondition(key, op, "two numbers");
    return (actual) => actual >= low && actual <= high;
  }
  if (typeof value !== "number" || !isComparison(op)) throw badCondition(key, op, "a number with = != < <= > >=");
  return comparison(op, value);
}

function textTest({ op, value }: Test, key: string): (value: string) => boolean {
  if (op === "exists" || op === "missing") return () => true;
  if (isNegation(op) && op !== "!=") return not(textTest({ op: negations[op], value }, key));
  if (op === "in") {
    const wanted = listOf(value, op, key);
    const wantedTexts = new Set(wanted.filter((item) => typeof item === "string"));
    const wantedNumbers = new Set(wanted.filter((item) => typeof item === "number"));
    return (actual) => wantedTexts.has(actual) || (wantedNumbers.size > 0 && !Number.isNaN(numberIn(actual)) && wantedNumbers.has(numberIn(actual)));
  }
  if (op === "between") {
    const [low, high] = boundsOf(value, key);
    if (typeof low !== typeof high) throw badCondition(key, op, "two texts or two numbers");
    const [from, to] = [textTest({ op: ">=", value: low }, key), textTest({ op: "<=", value: high }, key)];
    return (actual) => from(actual) && to(actual);
  }
  if (op === "like" || op === "ilike") {
    if (typeof value !== "string") throw badCondition(key, op, "a text");
    return likePattern(value, { anyCase: op === "ilike" });
  }
  if (!isComparison(op)) throw badCondition(key, op, "another operator");
  if (typeof value === "number") {
    const holds = comparison(op, value);
    return (actual) => {
      const number = numberIn(actual);
      return Number.isNaN(number) ? op === "!=" : holds(number);
    };
  }
  if (typeof value !== "string") throw badCondition(key, op, "a text or a number");
  return comparison(op, value);
}

function inputTest({ op, value }: Test, key: string): (list: string) => boolean {
  const holds = textTest({ op: isNegation(op) ? negations[op] : op, value }, key);
  const some = (list: string) => (JSON.parse(list) as string[]).some(holds); // written by the columns
  return isNegation(op) ? not(some) : some;
}

function not<Value>(holds: (actual: Value) => boolean): (actual: Value) => boolean {
  return (actual) => !holds(actual);
}

function isNegation(op: Operator): op is keyof typeof negations {
  return op in negations;
}

function isComparison(op: Operator): op is "=" | "!=" | "<" | "<=" | ">" | ">=" {
  return /^[=!<>]/.test(op);
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

function listOf(value: RunCondition["value"], op: Operator, key: string): (string | number)[] {
  if (!Array.isArray(value)) throw badCondition(key, op, "a list");
  return value;
}

function boundsOf(value: RunCondition["value"], key: string): [string | number, string | number] {
  const [low, high, ...more] = listOf(value, "between", key);
  if (low === undefined || high === undefined || more.length > 0) throw badCondition(key, "between", "a list of two: the least and the greatest");
  return [low, high];
}

function badCondition(key: string, op: Operator, wanted: string): AppError {
  return new AppError("invalid_argument", `The condition on \`${key}\` with \`${op}\` needs ${wanted}.`, { details: { key, op } });
}
