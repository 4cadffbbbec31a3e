import type { BinaryOperator, CompareOperator } from "./jinja-ast.ts";
import { formatPercent } from "./jinja-format.ts";
import { bounded } from "./jinja-text.ts";
import { boundedItems, contains } from "./jinja-items.ts";
import {
  ValueFault,
  compare,
  equal,
  isNumeric,
  isTuple,
  isUndefined,
  maxItems,
  maxTextLength,
  tuple,
  typeName,
  undefinedFault,
  type Value,
} from "./jinja-values.ts";

/** Python's binary operators on template values. Throws a `ValueFault` where Python throws a TypeError. */
export function binary(operator: BinaryOperator, left: Value, right: Value): Value {
  if (isUndefined(left)) throw undefinedFault(left);
  if (operator === "%" && typeof left === "string") return formatPercent(left, right);
  if (isUndefined(right)) throw undefinedFault(right);
  if (isNumeric(left) && isNumeric(right)) return arithmetic(operator, toNumber(left), toNumber(right));
  if (operator === "+") {
    if (typeof left === "string" && typeof right === "string") return bounded(left + right);
    if (Array.isArray(left) && Array.isArray(right)) return boundedItems([...left, ...right]);
    if (isTuple(left) && isTuple(right)) return tuple(boundedItems([...left.items, ...right.items]));
  }
  if (operator === "*") {
    const repeated = repeat(left, right) ?? repeat(right, left);
    if (repeated !== undefined) return repeated;
  }
  throw new ValueFault(
    `\`${operator}\` does not work on a ${typeName(left)} and a ${typeName(right)}.`,
    operator === "+" && (typeof left === "string" || typeof right === "string") ? "Use `~` to join texts with other values." : undefined,
  );
}

type PythonNumber = bigint | number;

function toNumber(value: boolean | bigint | number): PythonNumber {
  return typeof value === "boolean" ? BigInt(value) : value;
}

function arithmetic(operator: BinaryOperator, left: PythonNumber, right: PythonNumber): Value {
  if (typeof left === "bigint" && typeof right === "bigint" && operator !== "/") return intArithmetic(operator, left, right);
  const a = Number(left);
  const b = Number(right);
  if (b === 0 && (operator === "/" || operator === "//" || operator === "%")) throw new ValueFault("Division by zero.");
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "//":
      return Math.floor(a / b);
    case "%":
      return floatModulo(a, b);
    case "**":
      return a ** b;
  }
}

function intArithmetic(operator: Exclude<BinaryOperator, "/">, a: bigint, b: bigint): Value {
  if (b === 0n && (operator === "//" || operator === "%")) throw new ValueFault("Division by zero.");
  switch (operator) {
    case "+":
      return boundedInt(a + b);
    case "-":
      return boundedInt(a - b);
    case "*":
      return boundedInt(a * b);
    case "//":
      return (a - intModulo(a, b)) / b;
    case "%":
      return intModulo(a, b);
    case "**":
      if (b < 0n) return Number(a) ** Number(b);
      if (BigInt(a.toString(2).length) * b > 4096n) throw new ValueFault("This power is too large.");
      return a ** b;
  }
}

function boundedInt(value: bigint): bigint {
  if (value > 1n << 8192n || value < -(1n << 8192n)) throw new ValueFault("This number is too large.");
  return value;
}

/** Python's remainder has the sign of the divisor. */
function intModulo(a: bigint, b: bigint): bigint {
  const rest = a % b;
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}

function floatModulo(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

function repeat(value: Value, times: Value): Value | undefined {
  if (typeof times !== "bigint" && typeof times !== "boolean") return undefined;
  const count = Math.max(0, Number(times));
  if (typeof value === "string") {
    if (value.length * count > maxTextLength) throw new ValueFault(`This text would be longer than ${maxTextLength} characters.`);
    return value.repeat(count);
  }
  const items = Array.isArray(value) ? value : isTuple(value) ? value.items : undefined;
  if (items === undefined) return undefined;
  if (items.length * count > maxItems) throw new ValueFault(`This list would have more than ${maxItems} items.`);
  const result = Array.from({ length: count }, () => items).flat();
  return Array.isArray(value) ? result : tuple(result);
}

export function negate(value: Value): Value {
  if (isUndefined(value)) throw undefinedFault(value);
  if (!isNumeric(value)) throw new ValueFault(`\`-\` does not work on a ${typeName(value)}.`);
  return -toNumber(value);
}

export function plus(value: Value): Value {
  if (isUndefined(value)) throw undefinedFault(value);
  if (!isNumeric(value)) throw new ValueFault(`\`+\` does not work on a ${typeName(value)}.`);
  return toNumber(value);
}

export function compareWith(operator: CompareOperator, left: Value, right: Value): boolean {
  switch (operator) {
    case "==":
      return equal(left, right);
    case "!=":
      return !equal(left, right);
    case "<":
      return compare(left, right) < 0;
    case "<=":
      return compare(left, right) <= 0;
    case ">":
      return compare(left, right) > 0;
    case ">=":
      return compare(left, right) >= 0;
    case "in":
      return contains(right, left);
    case "not in":
      return !contains(right, left);
  }
}
