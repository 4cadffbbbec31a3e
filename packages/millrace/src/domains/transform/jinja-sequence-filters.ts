import { bindArguments, countArgument } from "./jinja-arguments.ts";
import { attributeOf, subscriptOf } from "./jinja-attributes.ts";
import { pairsOf } from "./jinja-collection-methods.ts";
import { filterByName, testByName } from "./jinja-evaluate.ts";
import { binary } from "./jinja-operators.ts";
import type { FilterFunction, Run } from "./jinja-runtime.ts";
import { bounded, toText } from "./jinja-text.ts";
import {
  ValueFault,
  compare,
  equal,
  isDict,
  isTuple,
  isUndefined,
  itemsOf,
  keyOf,
  orElse,
  truthy,
  tuple,
  typeName,
  undefinedValue,
  type Value,
} from "./jinja-values.ts";

/** Filters on lists, dicts and texts as sequences. Where Jinja2 gives a generator, these give a list. */
export const sequenceFilters: Record<string, FilterFunction> = {
  length: plain("length", lengthOf),
  count: plain("count", lengthOf),
  list: plain("list", (value) => [...itemsOf(value)]),
  first: plain("first", (value) => orElse(itemsOf(value)[0], () => undefinedValue("the first item of an empty sequence"))),
  last: plain("last", (value) => orElse(itemsOf(value).at(-1), () => undefinedValue("the last item of an empty sequence"))),
  reverse: plain("reverse", (value) => (typeof value === "string" ? [...value].toReversed().join("") : itemsOf(value).toReversed())),
  items: plain("items", (value) => {
    if (isUndefined(value)) return [];
    if (!isDict(value)) throw new ValueFault(`\`items\` needs a dict, not a ${typeName(value)}.`);
    return pairsOf(value).map((pair) => tuple(pair));
  }),
  join: (value, args, named) => {
    const bound = bindArguments("join", "d?, attribute?", args, named);
    const items = itemsOf(value).map((item) => (bound.get("attribute") === undefined ? item : attributePath(item, bound.get("attribute")!)));
    return bounded(items.map(toText).join(toText(bound.get("d") ?? "")));
  },
  sum: (value, args, named) => {
    const bound = bindArguments("sum", "attribute?, start?", args, named);
    const attribute = bound.get("attribute") ?? null;
    return itemsOf(value).reduce<Value>(
      (sum, item) => binary("+", sum, attribute === null ? item : attributePath(item, attribute)),
      bound.get("start") ?? 0n,
    );
  },
  min: (value, args, named) => extreme("min", value, args, named, (order) => order < 0),
  max: (value, args, named) => extreme("max", value, args, named, (order) => order > 0),
  sort: (value, args, named) => {
    const bound = bindArguments("sort", "reverse?, case_sensitive?, attribute?", args, named);
    const key = sortKey(bound.get("attribute"), truthy(bound.get("case_sensitive") ?? false));
    return sorted([...itemsOf(value)], key, truthy(bound.get("reverse") ?? false));
  },
  dictsort: (value, args, named) => {
    const bound = bindArguments("dictsort", "case_sensitive?, by?, reverse?", args, named);
    if (!isDict(value)) throw new ValueFault(`\`dictsort\` needs a dict, not a ${typeName(value)}.`);
    const by = toText(bound.get("by") ?? "key");
    if (by !== "key" && by !== "value") throw new ValueFault("`dictsort` sorts by key or by value.");
    const fold = sortKey(undefined, truthy(bound.get("case_sensitive") ?? false));
    const pairs = pairsOf(value).map((pair): Value => tuple(pair));
    return sorted(pairs, (pair) => fold(isTuple(pair) ? pair.items[by === "key" ? 0 : 1]! : pair), truthy(bound.get("reverse") ?? false));
  },
  unique: (value, args, named) => {
    const bound = bindArguments("unique", "case_sensitive?, attribute?", args, named);
    const key = sortKey(bound.get("attribute"), truthy(bound.get("case_sensitive") ?? false));
    const seen = new Set<string>();
    return itemsOf(value).filter((item) => {
      const hash = keyOf(key(item));
      return !seen.has(hash) && seen.add(hash);
    });
  },
  groupby: (value, args, named) => {
    const bound = bindArguments("groupby", "attribute, default?, case_sensitive?", args, named);
    const fallback = bound.get("default");
    const read = (item: Value) => {
      const found = attributePath(item, bound.get("attribute")!);
      return isUndefined(found) && fallback !== undefined ? fallback : found;
    };
    const fold = sortKey(undefined, truthy(bound.get("case_sensitive") ?? false));
    const groups: { key: Value; grouper: Value; items: Value[] }[] = [];
    for (const item of sorted([...itemsOf(value)], (inner) => fold(read(inner)), false)) {
      const key = fold(read(item));
      const last = groups.at(-1);
      if (last !== undefined && equal(last.key, key)) last.items.push(item);
      else groups.push({ key, grouper: read(item), items: [item] });
    }
    return groups.map((group) => tuple([group.grouper, group.items], ["grouper", "list"]));
  },
  batch: (value, args, named) => {
    const bound = bindArguments("batch", "linecount, fill_with?", args, named);
    const size = atLeastOne("batch", countArgument("batch", bound.get("linecount")!));
    const items = itemsOf(value);
    const rows: Value[][] = [];
    for (let i = 0; i < items.length; i += size) rows.push(items.slice(i, i + size));
    const fill = bound.get("fill_with") ?? null;
    const last = rows.at(-1);
    if (fill !== null && last !== undefined) while (last.length < size) last.push(fill);
    return rows;
  },
  slice: (value, args, named) => {
    const bound = bindArguments("slice", "slices, fill_with?", args, named);
    const count = atLeastOne("slice", countArgument("slice", bound.get("slices")!));
    return sliceIntoColumns(itemsOf(value), count, bound.get("fill_with") ?? null);
  },
  map: (value, args, named, run) => {
    const apply = mapper(args, named, run);
    return itemsOf(value).map(apply);
  },
  select: (value, args, named, run) => itemsOf(value).filter(predicate("select", args, named, run, false)),
  reject: (value, args, named, run) => itemsOf(value).filter(negated(predicate("reject", args, named, run, false))),
  selectattr: (value, args, named, run) => itemsOf(value).filter(predicate("selectattr", args, named, run, true)),
  rejectattr: (value, args, named, run) => itemsOf(value).filter(negated(predicate("rejectattr", args, named, run, true))),
};

function plain(name: string, run: (value: Value) => Value): FilterFunction {
  return (value, args, named) => {
    bindArguments(name, "", args, named);
    return run(value);
  };
}

function lengthOf(value: Value): bigint {
  if (typeof value === "string") return BigInt([...value].length);
  if (isDict(value)) return BigInt(value.entries.size);
  if (value === null || typeof value !== "object") throw new ValueFault(`A ${typeName(value)} has no length.`);
  return BigInt(itemsOf(value).length);
}

/** `a.b.0` walks attribute by attribute; an int is an index. */
function attributePath(item: Value, path: Value): Value {
  if (typeof path === "bigint") return subscriptOf(item, path);
  let value = item;
  for (const part of toText(path).split(".")) value = /^\d+$/.test(part) ? subscriptOf(value, BigInt(part)) : pathStep(value, part);
  return value;
}

/** Filters look an attribute up as an item first, the way Jinja2's `make_attrgetter` does. */
function pathStep(value: Value, part: string): Value {
  return isDict(value) ? subscriptOf(value, part) : attributeOf(value, part);
}

function sortKey(attribute: Value | undefined, caseSensitive: boolean): (item: Value) => Value {
  const fold = (value: Value) => (typeof value === "string" && !caseSensitive ? value.toLowerCase() : value);
  if (attribute === undefined || attribute === null) return fold;
  if (typeof attribute === "bigint") return (item) => fold(attributePath(item, attribute));
  const paths = toText(attribute).split(",");
  if (paths.length === 1) return (item) => fold(attributePath(item, attribute));
  return (item) => tuple(paths.map((path) => fold(attributePath(item, path))));
}

function sorted(items: Value[], key: (item: Value) => Value, reverse: boolean): Value[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  keyed.sort((a, b) => (reverse ? compare(b.key, a.key) : compare(a.key, b.key))); // stable, in reverse as well, as Python's is
  return keyed.map(({ item }) => item);
}

function extreme(name: string, value: Value, args: Value[], named: Map<string, Value>, better: (order: number) => boolean): Value {
  const bound = bindArguments(name, "case_sensitive?, attribute?", args, named);
  const key = sortKey(bound.get("attribute"), truthy(bound.get("case_sensitive") ?? false));
  const items = itemsOf(value);
  if (items.length === 0) return undefinedValue(`the ${name} of an empty sequence`);
  return items.reduce((best, item) => (better(compare(key(item), key(best))) ? item : best));
}

function atLeastOne(name: string, count: number): number {
  if (count < 1) throw new ValueFault(`\`${name}\` needs a number of at least 1.`);
  return count;
}

function sliceIntoColumns(items: Value[], count: number, fill: Value): Value[] {
  const size = Math.floor(items.length / count);
  const longer = items.length % count;
  const columns: Value[][] = [];
  for (let i = 0, start = 0; i < count; i++) {
    const end = start + size + (i < longer ? 1 : 0);
    const column = items.slice(start, end);
    if (fill !== null && i >= longer) column.push(fill);
    columns.push(column);
    start = end;
  }
  return columns;
}

/** What `map` does to each item: `map(attribute="x")`, or `map("filter", …)`. */
function mapper(args: Value[], named: Map<string, Value>, run: Run): (item: Value) => Value {
  const attribute = named.get("attribute");
  if (args.length === 0 && attribute !== undefined) {
    const fallback = named.get("default");
    return (item) => {
      const value = attributePath(item, attribute);
      return isUndefined(value) && fallback !== undefined ? fallback : value;
    };
  }
  const [name, ...rest] = args;
  if (name === undefined) throw new ValueFault("`map` needs the name of a filter or `attribute=`.");
  const filter = filterByName(run, toText(name));
  return (item) => filter(item, rest, named, run);
}

function predicate(name: string, args: Value[], named: Map<string, Value>, run: Run, byAttribute: boolean): (item: Value) => boolean {
  const attribute = byAttribute ? args[0] : undefined;
  const rest = byAttribute ? args.slice(1) : args;
  if (byAttribute && attribute === undefined) throw new ValueFault(`\`${name}\` needs the name of an attribute.`);
  const read = (item: Value) => (attribute === undefined ? item : attributePath(item, attribute));
  const [testName, ...testArgs] = rest;
  if (testName === undefined) return (item) => truthy(read(item));
  const test = testByName(run, toText(testName));
  return (item) => test(read(item), testArgs, named, run);
}

function negated(test: (item: Value) => boolean): (item: Value) => boolean {
  return (item) => !test(item);
}
