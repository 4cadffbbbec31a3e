/**
 * The values of templates, with Python's meaning. An int is a `bigint` and a float a `number`, so that `1` and `1.0` stay apart;
 * a list is a JavaScript array and mutable; the rest are tagged objects.
 */
export type Value = null | boolean | bigint | number | string | Value[] | Tuple | Dict | Undefined | Callable | HostObject;

/** `names` gives the items attribute names, as in a Python named tuple. */
export interface Tuple {
  type: "tuple";
  items: Value[];
  names?: string[];
}

/** Keeps insertion order. The map's key is `keyOf(key)`, so that `1`, `1.0` and `True` are one key as in Python. */
export interface Dict {
  type: "dict";
  entries: Map<string, { key: Value; value: Value }>;
}

/** What a name or attribute that is nowhere defined evaluates to: prints as nothing, and fails on any other use. */
export interface Undefined {
  type: "undefined";
  /** What was looked for, as the error says it: "`x`" or "the attribute `y` of a dict". */
  what: string;
}

export interface Callable {
  type: "callable";
  name: string;
  /** `named` keeps the order in which the arguments were written. */
  call(args: Value[], named: Map<string, Value>): Value;
  /** Attributes of the function itself, such as `exceptions.raise` would be of an object. */
  attributes?: (name: string) => Value | undefined;
}

/** A thing of the host: a relation, the loop, a namespace. */
export interface HostObject {
  type: "host";
  /** The name of its kind, for errors. */
  kind: string;
  render(): string;
  attribute(name: string): Value | undefined;
  /** Present when templates may assign its attributes (`namespace`). */
  assign?: (name: string, value: Value) => void;
  call?: (args: Value[], named: Map<string, Value>) => Value;
}

/** An error of the values themselves, without a place yet; whoever evaluates adds the place. */
export class ValueFault extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.name = "ValueFault";
    this.hint = hint;
  }
}

/** Largest text (characters), list and dict (items) that one expression may make. */
export const maxTextLength = 16_000_000;
export const maxItems = 1_000_000;

export function tuple(items: Value[], names?: string[]): Tuple {
  return { type: "tuple", items, ...(names !== undefined && { names }) };
}

export function undefinedValue(what: string): Undefined {
  return { type: "undefined", what };
}

export function callable(name: string, call: Callable["call"]): Callable {
  return { type: "callable", name, call };
}

export function dict(entries: Iterable<[Value, Value]> = []): Dict {
  const result: Dict = { type: "dict", entries: new Map() };
  for (const [key, value] of entries) dictSet(result, key, value);
  return result;
}

export function dictSet(target: Dict, key: Value, value: Value): void {
  const hash = keyOf(key);
  const existing = target.entries.get(hash);
  if (existing === undefined && target.entries.size >= maxItems) throw new ValueFault(`This dict has more than ${maxItems} items.`);
  target.entries.set(hash, { key: existing?.key ?? key, value });
}

export function dictGet(target: Dict, key: Value): Value | undefined {
  return target.entries.get(keyOf(key))?.value;
}

/** As `??`, but None is a value: only what is missing altogether takes the fallback. */
export function orElse<T>(value: Value | undefined, fallback: () => T): Value | T {
  return value === undefined ? fallback() : value;
}

/** A text that is equal for keys that Python holds for equal. Throws for what Python cannot hash. */
export function keyOf(key: Value): string {
  if (typeof key === "string") return `s${key}`;
  if (typeof key === "bigint") return `n${key}`;
  if (typeof key === "boolean") return key ? "n1" : "n0";
  if (typeof key === "number") return Number.isInteger(key) ? `n${BigInt(key)}` : `f${key}`;
  if (key === null) return "none";
  if (!Array.isArray(key) && key.type === "tuple") return `t${JSON.stringify(key.items.map(keyOf))}`;
  throw new ValueFault(`A ${typeName(key)} cannot be the key of a dict.`);
}

/** The name of a value's type, as Python calls it. */
export function typeName(value: Value): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  if (typeof value === "string") return "str";
  if (Array.isArray(value)) return "list";
  if (value.type === "callable") return "function";
  return value.type === "host" ? value.kind : value.type;
}

export function isUndefined(value: Value): value is Undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) && value.type === "undefined";
}

export function isDict(value: Value): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value) && value.type === "dict";
}

export function isTuple(value: Value): value is Tuple {
  return typeof value === "object" && value !== null && !Array.isArray(value) && value.type === "tuple";
}

export function isCallable(value: Value): value is Callable {
  return typeof value === "object" && value !== null && !Array.isArray(value) && value.type === "callable";
}

export function isHost(value: Value): value is HostObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && value.type === "host";
}

/** The fault of using something that is not defined. */
export function undefinedFault(value: Undefined): ValueFault {
  return new ValueFault(`${value.what.charAt(0).toUpperCase()}${value.what.slice(1)} is not defined.`);
}

/** Python's truth: empty, zero, None and undefined are false. */
export function truthy(value: Value): boolean {
  if (value === null || value === false) return false;
  if (typeof value === "bigint") return value !== 0n;
  if (typeof value === "number") return value !== 0;
  if (typeof value === "string" || Array.isArray(value)) return value.length > 0;
  if (value === true) return true;
  if (value.type === "tuple") return value.items.length > 0;
  if (value.type === "dict") return value.entries.size > 0;
  return value.type !== "undefined";
}

/** The items that `for` walks over: characters of a text, keys of a dict; nothing for undefined. Throws for what has no items. */
export function itemsOf(value: Value): Value[] {
  if (Array.isArray(value)) return value;
  if (typeof value === "string") return [...value];
  if (isTuple(value)) return value.items;
  if (isDict(value)) return [...value.entries.values()].map((entry) => entry.key);
  if (isUndefined(value)) return [];
  throw new ValueFault(`A ${typeName(value)} has no items to go through.`);
}

/** Python's `==`: numbers by value whatever their type, containers item by item. */
export function equal(a: Value, b: Value): boolean {
  if (isNumeric(a) && isNumeric(b)) return numericCompare(a, b) === 0;
  if (Array.isArray(a) && Array.isArray(b)) return sameItems(a, b);
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null || Array.isArray(a) || Array.isArray(b)) return a === b;
  if (a.type === "tuple" && b.type === "tuple") return sameItems(a.items, b.items);
  if (a.type === "undefined" && b.type === "undefined") return true;
  if (a.type !== "dict" || b.type !== "dict") return a === b;
  return (
    a.entries.size === b.entries.size &&
    [...a.entries].every(([hash, entry]) => b.entries.has(hash) && equal(entry.value, b.entries.get(hash)!.value))
  );
}

function sameItems(a: Value[], b: Value[]): boolean {
  return a.length === b.length && a.every((item, index) => equal(item, b[index]!));
}

/** Negative, zero or positive, for numbers, texts and sequences; throws for what Python does not order. NaN compares as NaN. */
export function compare(a: Value, b: Value): number {
  if (isUndefined(a)) throw undefinedFault(a);
  if (isUndefined(b)) throw undefinedFault(b);
  if (isNumeric(a) && isNumeric(b)) return numericCompare(a, b);
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  if (Array.isArray(a) && Array.isArray(b)) return compareItems(a, b);
  if (isTuple(a) && isTuple(b)) return compareItems(a.items, b.items);
  throw new ValueFault(`A ${typeName(a)} and a ${typeName(b)} have no order.`);
}

function compareItems(a: Value[], b: Value[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (!equal(a[i]!, b[i]!)) return compare(a[i]!, b[i]!);
  return a.length - b.length;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
  }
  return left.length - right.length;
}

export function isNumeric(value: Value): value is boolean | bigint | number {
  return typeof value === "bigint" || typeof value === "number" || typeof value === "boolean";
}

/** JavaScript compares bigint and number by value, exactly. */
function numericCompare(a: boolean | bigint | number, b: boolean | bigint | number): number {
  const left = typeof a === "boolean" ? BigInt(a) : a;
  const right = typeof b === "boolean" ? BigInt(b) : b;
  // oxlint-disable-next-line eqeqeq -- `==` is the comparison of a bigint with a number by value
  if (left == right) return 0;
  return left < right ? -1 : left > right ? 1 : Number.NaN;
}

/** Turns plain data of the host (JSON) into template values: whole numbers become ints. */
export function fromHost(value: unknown): Value {
  if (value === undefined || value === null) return null;
  if (typeof value === "boolean" || typeof value === "string" || typeof value === "bigint") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(fromHost);
  if (typeof value === "object") return dict(Object.entries(value).map(([key, inner]) => [key, fromHost(inner)]));
  throw new ValueFault(`A ${typeof value} cannot be used in a template.`);
}

/** Turns a template value into plain data of the host. `host` says what becomes of relations and other objects. */
export function toHost(value: Value, host: (object: HostObject | Callable | Undefined) => unknown = refuse): unknown {
  if (value === null || typeof value === "boolean" || typeof value === "string" || typeof value === "number") return value;
  if (typeof value === "bigint")
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
  if (Array.isArray(value)) return value.map((item) => toHost(item, host));
  if (value.type === "tuple") return value.items.map((item) => toHost(item, host));
  if (value.type === "dict") {
    return Object.fromEntries([...value.entries.values()].map((entry) => [String(toHost(entry.key, host)), toHost(entry.value, host)]));
  }
  return host(value);
}

function refuse(value: HostObject | Callable | Undefined): never {
  if (value.type === "undefined") throw undefinedFault(value);
  throw new ValueFault(`A ${typeName(value)} cannot be used here.`);
}
