import { bindArguments } from "./jinja-arguments.ts";
import type { CompareOperator } from "./jinja-ast.ts";
import { binary, compareWith } from "./jinja-operators.ts";
import type { TestFunction } from "./jinja-runtime.ts";
import { isCallable, isDict, isHost, isTuple, isUndefined, truthy, type Value } from "./jinja-values.ts";

/** The tests of `x is …`. A new one is a new entry. */
export const tests: Record<string, TestFunction> = {
  defined: plain("defined", (value) => !isUndefined(value)),
  undefined: plain("undefined", isUndefined),
  none: plain("none", (value) => value === null),
  true: plain("true", (value) => value === true),
  false: plain("false", (value) => value === false),
  boolean: plain("boolean", (value) => typeof value === "boolean"),
  integer: plain("integer", (value) => typeof value === "bigint"),
  float: plain("float", (value) => typeof value === "number"),
  number: plain("number", (value) => typeof value === "bigint" || typeof value === "number" || typeof value === "boolean"),
  string: plain("string", (value) => typeof value === "string"),
  mapping: plain("mapping", isDict),
  sequence: plain("sequence", (value) => typeof value === "string" || Array.isArray(value) || isTuple(value) || isDict(value) || isUndefined(value)),
  iterable: plain("iterable", (value) => typeof value === "string" || Array.isArray(value) || isTuple(value) || isDict(value) || isUndefined(value)),
  callable: plain("callable", (value) => isCallable(value) || (isHost(value) && value.call !== undefined)),
  even: plain("even", (value) => isZero(binary("%", value, 2n))),
  odd: plain("odd", (value) => !isZero(binary("%", value, 2n))),
  lower: plain("lower", (value) => typeof value === "string" && value !== value.toUpperCase() && value === value.toLowerCase()),
  upper: plain("upper", (value) => typeof value === "string" && value !== value.toLowerCase() && value === value.toUpperCase()),
  divisibleby: (value, args, named) => isZero(binary("%", value, bindArguments("divisibleby", "num", args, named).get("num")!)),
  sameas: (value, args, named) => value === bindArguments("sameas", "other", args, named).get("other"),
  filter: (value, args, named, run) => {
    bindArguments("filter", "", args, named);
    return typeof value === "string" && Object.hasOwn(run.filters, value);
  },
  test: (value, args, named, run) => {
    bindArguments("test", "", args, named);
    return typeof value === "string" && Object.hasOwn(run.tests, value);
  },
  escaped: plain("escaped", () => false),
  in: (value, args, named) => compareWith("in", value, bindArguments("in", "seq", args, named).get("seq")!),
  ...Object.fromEntries(comparisons().map(([name, operator]) => [name, comparison(name, operator)])),
};

function comparisons(): [string, CompareOperator][] {
  return [
    ["==", "=="],
    ["eq", "=="],
    ["equalto", "=="],
    ["!=", "!="],
    ["ne", "!="],
    ["<", "<"],
    ["lt", "<"],
    ["lessthan", "<"],
    ["<=", "<="],
    ["le", "<="],
    [">", ">"],
    ["gt", ">"],
    ["greaterthan", ">"],
    [">=", ">="],
    ["ge", ">="],
  ];
}

function comparison(name: string, operator: CompareOperator): TestFunction {
  return (value, args, named) => compareWith(operator, value, bindArguments(name, "other", args, named).get("other")!);
}

function plain(name: string, test: (value: Value) => boolean): TestFunction {
  return (value, args, named) => {
    bindArguments(name, "", args, named);
    return test(value);
  };
}

function isZero(value: Value): boolean {
  return !truthy(value);
}
