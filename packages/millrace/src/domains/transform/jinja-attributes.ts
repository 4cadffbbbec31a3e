import { dictMethods, listMethods, tupleMethods } from "./jinja-collection-methods.ts";
import { itemAt } from "./jinja-items.ts";
import { textMethods } from "./jinja-text-methods.ts";
import { callable, dictGet, isTuple, isUndefined, orElse, typeName, undefinedFault, undefinedValue, type Value } from "./jinja-values.ts";

/** `target.name`: a method or attribute first, then the key of a dict, as Jinja looks it up. */
export function attributeOf(target: Value, name: string): Value {
  if (isUndefined(target)) throw undefinedFault(target);
  return orElse(
    orElse(ownAttribute(target, name), () => valueInDict(target, name)),
    () => undefinedValue(`the attribute \`${name}\` of a ${typeName(target)}`),
  );
}

/** `target | attr(name)`: methods and attributes only, never the key of a dict. */
export function ownAttributeOf(target: Value, name: string): Value {
  if (isUndefined(target)) throw undefinedFault(target);
  return orElse(ownAttribute(target, name), () => undefinedValue(`the attribute \`${name}\` of a ${typeName(target)}`));
}

/** `target[index]`: an item first, then a method or attribute of that name. */
export function subscriptOf(target: Value, index: Value): Value {
  const item = itemAt(target, index);
  if (!isUndefined(item) || typeof index !== "string") return item;
  return orElse(ownAttribute(target, index), () => item);
}

function valueInDict(target: Value, name: string): Value | undefined {
  return typeof target === "object" && target !== null && !Array.isArray(target) && target.type === "dict" ? dictGet(target, name) : undefined;
}

function ownAttribute(target: Value, name: string): Value | undefined {
  if (typeof target === "string") return method(textMethods, target, name);
  if (Array.isArray(target)) return method(listMethods, target, name);
  if (target === null || typeof target !== "object") return undefined;
  switch (target.type) {
    case "dict":
      return method(dictMethods, target, name);
    case "tuple": {
      const position = isTuple(target) ? (target.names?.indexOf(name) ?? -1) : -1;
      return position >= 0 ? target.items[position] : method(tupleMethods, target, name);
    }
    case "host":
      return target.attribute(name);
    case "callable":
      return target.attributes?.(name);
    case "undefined":
      return undefined;
  }
}

function method<Self>(
  methods: Record<string, (self: Self, args: Value[], named: Map<string, Value>) => Value>,
  self: Self,
  name: string,
): Value | undefined {
  if (!Object.hasOwn(methods, name)) return undefined;
  return callable(name, (args, named) => methods[name]!(self, args, named));
}
