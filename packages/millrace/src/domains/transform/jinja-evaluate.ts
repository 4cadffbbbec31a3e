import { closestName } from "#kit/close-names";
import type { CallArguments, Expression, FilterExpression } from "./jinja-ast.ts";
import { attributeOf, subscriptOf } from "./jinja-attributes.ts";
import { sliceOf } from "./jinja-items.ts";
import { binary, compareWith, negate, plus } from "./jinja-operators.ts";
import { lookUp, step, type Run, type Scope } from "./jinja-runtime.ts";
import { bounded, toText } from "./jinja-text.ts";
import {
  ValueFault,
  dict,
  isCallable,
  isDict,
  isHost,
  isUndefined,
  itemsOf,
  truthy,
  tuple,
  typeName,
  undefinedFault,
  undefinedValue,
  type Value,
} from "./jinja-values.ts";

/** The value of an expression. Throws a `ValueFault` with `run.at` at the guilty place. */
export function evaluate(node: Expression, scope: Scope, run: Run): Value {
  step(run, node.at);
  switch (node.type) {
    case "constant":
      return node.value;
    case "name": {
      const value = lookUp(scope, node.name);
      return value === undefined ? undefinedValue(`\`${node.name}\``) : value;
    }
    case "list":
      return node.items.map((item) => evaluate(item, scope, run));
    case "tuple":
      return tuple(node.items.map((item) => evaluate(item, scope, run)));
    case "dict": {
      const entries = node.items.map(({ key, value }): [Value, Value] => [evaluate(key, scope, run), evaluate(value, scope, run)]);
      return at(run, node, () => dict(entries));
    }
    case "attribute": {
      const target = evaluate(node.target, scope, run);
      return at(run, node, () => attributeOf(target, node.name));
    }
    case "item":
      return evaluateItem(node, scope, run);
    case "slice":
      throw new ValueFault("A slice stands on its own only inside `[ ]` with nothing beside it.");
    case "call": {
      const target = evaluate(node.target, scope, run);
      const { args, named } = evaluateArguments(node.args, scope, run);
      return at(run, node, () => callValue(target, args, named, describeTarget(node.target)));
    }
    case "filter":
      return evaluateFilter(node, scope, run);
    case "test": {
      const target = evaluate(node.target, scope, run);
      const { args, named } = evaluateArguments(node.args, scope, run);
      return at(run, node, () => testByName(run, node.name)(target, args, named, run));
    }
    case "unary": {
      const operand = evaluate(node.operand, scope, run);
      return at(run, node, () => (node.operator === "not" ? !truthy(operand) : node.operator === "-" ? negate(operand) : plus(operand)));
    }
    case "binary": {
      const left = evaluate(node.left, scope, run);
      const right = evaluate(node.right, scope, run);
      return at(run, node, () => binary(node.operator, left, right));
    }
    case "logic": {
      const left = evaluate(node.left, scope, run);
      return truthy(left) === (node.operator === "or") ? left : evaluate(node.right, scope, run);
    }
    case "compare":
      return evaluateCompare(node, scope, run);
    case "concat": {
      const parts = node.parts.map((part) => toText(evaluate(part, scope, run)));
      return at(run, node, () => bounded(parts.join("")));
    }
    case "conditional":
      if (truthy(evaluate(node.test, scope, run))) return evaluate(node.then, scope, run);
      return node.otherwise === undefined ? undefinedValue("the value of an `if` without `else`") : evaluate(node.otherwise, scope, run);
  }
}

/** Runs an operation with the place set back to its node, after its operands have been evaluated. */
function at<T>(run: Run, node: Expression, operation: () => T): T {
  run.at = node.at;
  return operation();
}

function evaluateItem(node: Extract<Expression, { type: "item" }>, scope: Scope, run: Run): Value {
  const target = evaluate(node.target, scope, run);
  const { index } = node;
  if (index.type !== "slice") {
    const key = evaluate(index, scope, run);
    return at(run, node, () => subscriptOf(target, key));
  }
  const [start, stop, by] = [index.start, index.stop, index.step].map((part) => (part === undefined ? null : evaluate(part, scope, run)));
  return at(run, node, () => sliceOf(target, start ?? null, stop ?? null, by ?? null));
}

/** A chain such as `1 < x <= 5`: each operand is evaluated once, and it stops at the first that does not hold. */
function evaluateCompare(node: Extract<Expression, { type: "compare" }>, scope: Scope, run: Run): boolean {
  let left = evaluate(node.first, scope, run);
  for (const { operator, right } of node.rest) {
    const value = evaluate(right, scope, run);
    run.at = node.at;
    if (!compareWith(operator, left, value)) return false;
    left = value;
  }
  return true;
}

/** Applies a filter, or a chain of them to the text of a block (`input`). */
export function evaluateFilter(node: FilterExpression, scope: Scope, run: Run, input?: Value): Value {
  const value =
    node.target === undefined
      ? (input ?? "")
      : node.target.type === "filter"
        ? evaluateFilter(node.target, scope, run, input)
        : evaluate(node.target, scope, run);
  const { args, named } = evaluateArguments(node.args, scope, run);
  run.at = node.at;
  return filterByName(run, node.name)(value, args, named, run);
}

export function filterByName(run: Run, name: string): Run["filters"][string] {
  if (Object.hasOwn(run.filters, name)) return run.filters[name]!;
  const close = closestName(name, Object.keys(run.filters));
  throw new ValueFault(`There is no filter \`${name}\`.`, close === undefined ? undefined : `Did you mean \`${close}\`?`);
}

export function testByName(run: Run, name: string): Run["tests"][string] {
  if (Object.hasOwn(run.tests, name)) return run.tests[name]!;
  const close = closestName(name, Object.keys(run.tests));
  throw new ValueFault(`There is no test \`${name}\`.`, close === undefined ? undefined : `Did you mean \`${close}\`?`);
}

/** Calls a macro, function or callable object. */
export function callValue(target: Value, args: Value[], named: Map<string, Value>, description: string): Value {
  if (isCallable(target)) return target.call(args, named);
  if (isHost(target) && target.call !== undefined) return target.call(args, named);
  if (isUndefined(target)) throw undefinedFault(target);
  throw new ValueFault(`${description} is a ${typeName(target)} and cannot be called.`);
}

export function evaluateArguments(node: CallArguments, scope: Scope, run: Run): { args: Value[]; named: Map<string, Value> } {
  const args = node.positional.map((value) => evaluate(value, scope, run));
  const named = new Map(node.named.map(({ name, value }): [string, Value] => [name, evaluate(value, scope, run)]));
  if (node.splat !== undefined) args.push(...itemsOf(evaluate(node.splat, scope, run)).slice(0, 10_000));
  if (node.namedSplat !== undefined) {
    const extra = evaluate(node.namedSplat, scope, run);
    if (!isDict(extra)) throw new ValueFault(`\`**\` needs a dict, not a ${typeName(extra)}.`);
    for (const { key, value } of extra.entries.values()) {
      if (typeof key !== "string") throw new ValueFault("`**` needs a dict whose keys are texts.");
      if (named.has(key)) throw new ValueFault(`The argument \`${key}\` is given twice.`);
      named.set(key, value);
    }
  }
  return { args, named };
}

function describeTarget(node: Expression): string {
  if (node.type === "name") return `\`${node.name}\``;
  return node.type === "attribute" ? `\`.${node.name}\`` : "This";
}
