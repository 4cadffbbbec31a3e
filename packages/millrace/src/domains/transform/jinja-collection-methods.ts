import { bindArguments, countArgument } from "./jinja-arguments.ts";
import { boundedItems } from "./jinja-items.ts";
import {
  ValueFault,
  compare,
  dict,
  dictGet,
  dictSet,
  equal,
  isDict,
  isTuple,
  itemsOf,
  keyOf,
  orElse,
  maxItems,
  tuple,
  type Dict,
  type Tuple,
  type Value,
} from "./jinja-values.ts";

type Method<Self> = (self: Self, args: Value[], named: Map<string, Value>) => Value;

/** The methods of Python's `list`; those that change it return None. */
export const listMethods: Record<string, Method<Value[]>> = {
  append: (self, args, named) => {
    if (self.length >= maxItems) throw new ValueFault(`This list has more than ${maxItems} items.`);
    self.push(bindArguments("append", "item", args, named).get("item")!);
    return null;
  },
  extend: (self, args, named) => {
    const items = [...itemsOf(bindArguments("extend", "items", args, named).get("items")!)];
    boundedItems([...self, ...items]);
    for (const item of items) self.push(item);
    return null;
  },
  insert: (self, args, named) => {
    const bound = bindArguments("insert", "index, item", args, named);
    self.splice(countArgument("insert", bound.get("index")!), 0, bound.get("item")!);
    return null;
  },
  pop: (self, args, named) => {
    const index = bindArguments("pop", "index?", args, named).get("index");
    const at = index === undefined ? self.length - 1 : countArgument("pop", index);
    const position = at < 0 ? at + self.length : at;
    if (position < 0 || position >= self.length) throw new ValueFault("`pop` from a list that has no such item.");
    return self.splice(position, 1)[0]!;
  },
  remove: (self, args, named) => {
    const item = bindArguments("remove", "item", args, named).get("item")!;
    const position = self.findIndex((other) => equal(other, item));
    if (position < 0) throw new ValueFault("`remove` did not find the item in the list.");
    self.splice(position, 1);
    return null;
  },
  clear: (self, args, named) => {
    bindArguments("clear", "", args, named);
    self.length = 0;
    return null;
  },
  reverse: (self, args, named) => {
    bindArguments("reverse", "", args, named);
    self.reverse();
    return null;
  },
  sort: (self, args, named) => {
    const down = bindArguments("sort", "reverse?", args, named).get("reverse") === true;
    self.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
    return null;
  },
  copy: (self, args, named) => {
    bindArguments("copy", "", args, named);
    return [...self];
  },
  index: (self, args, named) => indexOf(self, args, named),
  count: (self, args, named) => countOf(self, args, named),
};

export const tupleMethods: Record<string, Method<Tuple>> = {
  index: (self, args, named) => indexOf(self.items, args, named),
  count: (self, args, named) => countOf(self.items, args, named),
};

function indexOf(items: Value[], args: Value[], named: Map<string, Value>): Value {
  const item = bindArguments("index", "item", args, named).get("item")!;
  const position = items.findIndex((other) => equal(other, item));
  if (position < 0) throw new ValueFault("`index` did not find the item.");
  return BigInt(position);
}

function countOf(items: Value[], args: Value[], named: Map<string, Value>): Value {
  const item = bindArguments("count", "item", args, named).get("item")!;
  return BigInt(items.filter((other) => equal(other, item)).length);
}

/** The methods of Python's `dict`. `items`, `keys` and `values` give lists. */
export const dictMethods: Record<string, Method<Dict>> = {
  items: (self, args, named) => {
    bindArguments("items", "", args, named);
    return [...self.entries.values()].map(({ key, value }) => tuple([key, value]));
  },
  keys: (self, args, named) => {
    bindArguments("keys", "", args, named);
    return [...self.entries.values()].map(({ key }) => key);
  },
  values: (self, args, named) => {
    bindArguments("values", "", args, named);
    return [...self.entries.values()].map(({ value }) => value);
  },
  get: (self, args, named) => {
    const bound = bindArguments("get", "key, default?", args, named);
    return orElse(dictGet(self, bound.get("key")!), () => bound.get("default") ?? null);
  },
  setdefault: (self, args, named) => {
    const bound = bindArguments("setdefault", "key, default?", args, named);
    const existing = dictGet(self, bound.get("key")!);
    if (existing !== undefined) return existing;
    const value = bound.get("default") ?? null;
    dictSet(self, bound.get("key")!, value);
    return value;
  },
  update: (self, args, named) => {
    const source = args[0];
    if (args.length > 1) throw new ValueFault("`update` takes one dict.");
    if (source !== undefined) for (const [key, value] of pairsOf(source)) dictSet(self, key, value);
    for (const [key, value] of named) dictSet(self, key, value);
    return null;
  },
  pop: (self, args, named) => {
    const bound = bindArguments("pop", "key, default?", args, named);
    const key = bound.get("key")!;
    const value = orElse(dictGet(self, key), () => bound.get("default"));
    if (value === undefined) throw new ValueFault("`pop` did not find the key in the dict.");
    self.entries.delete(keyOf(key));
    return value;
  },
  clear: (self, args, named) => {
    bindArguments("clear", "", args, named);
    self.entries.clear();
    return null;
  },
  copy: (self, args, named) => {
    bindArguments("copy", "", args, named);
    return dict(pairsOf(self));
  },
};

/** The key-value pairs of a dict or of a list of pairs. */
export function pairsOf(value: Value): [Value, Value][] {
  if (isDict(value)) return [...value.entries.values()].map((entry) => [entry.key, entry.value]);
  return itemsOf(value).map((item) => {
    const pair = Array.isArray(item) ? item : isTuple(item) ? item.items : undefined;
    if (pair?.length !== 2) throw new ValueFault("A dict is made from pairs of key and value.");
    return [pair[0]!, pair[1]!];
  });
}
