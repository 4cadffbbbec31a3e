import { bindArguments, countArgument } from "./jinja-arguments.ts";
import { pairsOf } from "./jinja-collection-methods.ts";
import { ReturnSignal } from "./jinja-return.ts";
import { repr } from "./jinja-text.ts";
import { ValueFault, callable, dict, dictSet, itemsOf, maxItems, type HostObject, type Value } from "./jinja-values.ts";

/** The functions that every template has: Jinja2's own, and `return` as dbt adds it. */
export function baseGlobals(): Map<string, Value> {
  return new Map<string, Value>([
    ["range", callable("range", range)],
    ["dict", callable("dict", makeDict)],
    ["namespace", callable("namespace", namespace)],
    ["cycler", callable("cycler", cycler)],
    ["joiner", callable("joiner", joiner)],
    [
      "return",
      callable("return", (args, named) => {
        throw new ReturnSignal(bindArguments("return", "data?", args, named).get("data") ?? null);
      }),
    ],
  ]);
}

function range(args: Value[]): Value {
  const numbers = args.map((arg) => countArgument("range", arg));
  if (numbers.length < 1 || numbers.length > 3) throw new ValueFault("`range` takes one to three ints.");
  const [start, stop, by] = numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? 1];
  if (by === 0) throw new ValueFault("The step of `range` cannot be zero.");
  if (Math.abs((stop - start) / by) > maxItems) throw new ValueFault(`\`range\` gives at most ${maxItems} ints.`);
  const result: bigint[] = [];
  for (let i = start; by > 0 ? i < stop : i > stop; i += by) result.push(BigInt(i));
  return result;
}

function makeDict(args: Value[], named: Map<string, Value>): Value {
  if (args.length > 1) throw new ValueFault("`dict` takes one dict or list of pairs, and named values.");
  const result = dict(args[0] === undefined ? [] : pairsOf(args[0]));
  for (const [key, value] of named) dictSet(result, key, value);
  return result;
}

function namespace(args: Value[], named: Map<string, Value>): HostObject {
  const start = makeDict(args, named);
  const attributes = new Map(pairsOf(start).map(([key, value]): [string, Value] => [String(key), value]));
  return {
    type: "host",
    kind: "namespace",
    render: () => `<Namespace ${repr(dict(attributes))}>`,
    attribute: (name) => attributes.get(name),
    assign: (name, value) => void attributes.set(name, value),
  };
}

function cycler(args: Value[]): HostObject {
  if (args.length === 0) throw new ValueFault("`cycler` needs the values to go through.");
  let position = 0;
  return {
    type: "host",
    kind: "cycler",
    render: () => "<Cycler>",
    attribute: (name) => {
      if (name === "current") return args[position]!;
      if (name === "reset") return callable("reset", () => ((position = 0), null));
      if (name !== "next") return undefined;
      return callable("next", () => {
        const value = args[position]!;
        position = (position + 1) % args.length;
        return value;
      });
    },
  };
}

function joiner(args: Value[], named: Map<string, Value>): HostObject {
  const separator = bindArguments("joiner", "sep?", args, named).get("sep") ?? ", ";
  let used = false;
  return {
    type: "host",
    kind: "joiner",
    render: () => "<Joiner>",
    attribute: () => undefined,
    call: () => {
      if (used) return separator;
      used = true;
      return "";
    },
  };
}

/** Python's `zip` as a list of lists of the shortest length; dbt offers it under this name. */
export function zipLists(args: Value[]): Value {
  const lists = args.map(itemsOf);
  const length = lists.length === 0 ? 0 : Math.min(...lists.map((list) => list.length));
  return Array.from({ length }, (_, index) => lists.map((list) => list[index]!));
}
