import { ValueFault, callable, equal, tuple, undefinedValue, type HostObject, type Value } from "./jinja-values.ts";

/** Where a `for` stands; `index` is from zero. */
export interface LoopState {
  items: Value[];
  index: number;
  depth: number;
  lastChanged: Value | undefined;
}

/** The `loop` of a `for` block. `recurse` renders the loop again over other items, in a recursive loop. */
export function loopObject(state: LoopState, recurse: ((items: Value) => string) | undefined): HostObject {
  return {
    type: "host",
    kind: "loop",
    render: () => `<LoopContext ${state.index + 1}/${state.items.length}>`,
    attribute: (name) => loopAttribute(state, name),
    ...(recurse !== undefined && {
      call: (args: Value[]) => {
        if (args.length !== 1) throw new ValueFault("`loop()` takes the items to go through.");
        return recurse(args[0]!);
      },
    }),
  };
}

function loopAttribute(state: LoopState, name: string): Value | undefined {
  const { items, index } = state;
  switch (name) {
    case "index":
      return BigInt(index + 1);
    case "index0":
      return BigInt(index);
    case "revindex":
      return BigInt(items.length - index);
    case "revindex0":
      return BigInt(items.length - index - 1);
    case "first":
      return index === 0;
    case "last":
      return index === items.length - 1;
    case "length":
      return BigInt(items.length);
    case "depth":
      return BigInt(state.depth);
    case "depth0":
      return BigInt(state.depth - 1);
    case "previtem":
      return index === 0 ? undefinedValue("the item before the first") : items[index - 1]!;
    case "nextitem":
      return index === items.length - 1 ? undefinedValue("the item after the last") : items[index + 1]!;
    case "cycle":
      return callable("cycle", (args) => {
        if (args.length === 0) throw new ValueFault("`loop.cycle` needs the values to go through.");
        return args[index % args.length]!;
      });
    case "changed":
      return callable("changed", (args) => {
        const value = tuple(args);
        const changed = state.lastChanged === undefined || !equal(state.lastChanged, value);
        state.lastChanged = value;
        return changed;
      });
    default:
      return undefined;
  }
}
