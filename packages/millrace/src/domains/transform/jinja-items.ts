import {
  ValueFault,
  dictGet,
  equal,
  isDict,
  isHost,
  isTuple,
  isUndefined,
  maxItems,
  orElse,
  tuple,
  typeName,
  undefinedFault,
  undefinedValue,
  type Value,
} from "./jinja-values.ts";

/** Python's `item in container`. */
export function contains(container: Value, item: Value): boolean {
  if (typeof container === "string") {
    if (typeof item !== "string") throw new ValueFault(`\`in\` a text needs a text, not a ${typeName(item)}.`);
    return container.includes(item);
  }
  if (Array.isArray(container)) return container.some((other) => equal(other, item));
  if (isTuple(container)) return container.items.some((other) => equal(other, item));
  if (isDict(container)) return dictGet(container, item) !== undefined;
  if (isUndefined(container)) return false;
  throw new ValueFault(`\`in\` does not work on a ${typeName(container)}.`);
}

/** `container[index]`, with negative indexes; undefined where there is nothing. Only texts, sequences and dicts have items. */
export function itemAt(container: Value, index: Value): Value {
  if (isUndefined(container)) throw undefinedFault(container);
  if (isDict(container)) return orElse(dictGet(container, index), () => undefinedValue(`the key ${JSON.stringify(keyText(index))} of a dict`));
  const position = typeof index === "bigint" ? Number(index) : typeof index === "boolean" ? Number(index) : undefined;
  const items = Array.isArray(container)
    ? container
    : isTuple(container)
      ? container.items
      : typeof container === "string"
        ? [...container]
        : undefined;
  if (items === undefined || position === undefined) {
    if (isHost(container) && typeof index === "string")
      return orElse(container.attribute(index), () => undefinedValue(`the attribute \`${index}\` of a ${container.kind}`));
    return undefinedValue(`the item ${JSON.stringify(keyText(index))} of a ${typeName(container)}`);
  }
  return orElse(items.at(position), () => undefinedValue(`the item ${position} of a ${typeName(container)} with ${items.length} items`));
}

function keyText(index: Value): string | number {
  if (typeof index === "string") return index;
  return typeof index === "bigint" || typeof index === "number" ? Number(index) : typeName(index);
}

/** `container[start:stop:step]` with Python's clamping. */
export function sliceOf(container: Value, start: Value, stop: Value, step: Value): Value {
  if (isUndefined(container)) throw undefinedFault(container);
  const items = Array.isArray(container)
    ? container
    : isTuple(container)
      ? container.items
      : typeof container === "string"
        ? [...container]
        : undefined;
  if (items === undefined) throw new ValueFault(`A ${typeName(container)} cannot be sliced.`);
  const by = step === null ? 1 : sliceNumber(step);
  if (by === 0) throw new ValueFault("The step of a slice cannot be zero.");
  const length = items.length;
  const clamp = (value: Value, low: number, high: number, fallback: number) => {
    if (value === null) return fallback;
    const position = sliceNumber(value);
    return Math.min(high, Math.max(low, position < 0 ? position + length : position));
  };
  const from = by > 0 ? clamp(start, 0, length, 0) : clamp(start, -1, length - 1, length - 1);
  const to = by > 0 ? clamp(stop, 0, length, length) : clamp(stop, -1, length - 1, -1);
  const result: Value[] = [];
  for (let i = from; by > 0 ? i < to : i > to; i += by) result.push(items[i]!);
  if (typeof container === "string") return result.join("");
  return Array.isArray(container) ? result : tuple(result);
}

function sliceNumber(value: Value): number {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "boolean") return Number(value);
  throw new ValueFault(`A slice needs ints, not a ${typeName(value)}.`);
}

export function boundedItems(items: Value[]): Value[] {
  if (items.length > maxItems) throw new ValueFault(`This list would have more than ${maxItems} items.`);
  return items;
}
