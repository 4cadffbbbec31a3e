import { AppError } from "#kit/app-error";
import { digestOf, sha256 } from "#kit/hash";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The key of a step and, for `why`, its parts by path: `params.leaves` → 31. Long parts are given by their digest. */
export interface StepKey {
  digest: string;
  parts: Record<string, KeyPart>;
}

export type KeyPart = string | number | boolean | null;

const maxParts = 200;
const maxItems = 24;
const maxText = 100;

/**
 * Digest over what a step's output depends on. Functions count by their source text, dates by their ISO text, bytes by their
 * digest, objects with `toJSON` by what it gives; fields that are undefined do not count.
 *
 * @param kind identity of the step kind, such as `fit` and 1
 * @param inputs one object: its field names become the names of the parts
 * @throws `invalid_argument` for values whose content cannot be seen (a bound function, an object of an unknown class)
 */
export function stepKey(
  kind: { name: string; version: number },
  inputs: Record<string, unknown>,
  environment: Record<string, string | null> = {},
): StepKey {
  const plain = plainOf(inputs, kind.name, "", []);
  const parts: Record<string, KeyPart> = { version: kind.version };
  collect(plain, "", parts);
  for (const [name, value] of Object.entries(environment)) parts[`environment.${name}`] = value;
  return { digest: digestOf([kind.name, kind.version, plain, environment]), parts };
}

function plainOf(value: unknown, kind: string, path: string, above: object[]): Json {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : { number: String(value) };
    case "bigint":
      return { bigint: String(value) };
    case "function":
      return { code: codeOf(value as (...args: never[]) => unknown, kind, path) }; // typeof narrows to the empty Function type only
    case "symbol":
      return refuse(kind, path, "is a symbol");
  }
  if (typeof value !== "object") return refuse(kind, path, `is a ${typeof value}`);
  if (above.includes(value)) return refuse(kind, path, "contains itself");
  const inside = [...above, value];
  if (ArrayBuffer.isView(value)) {
    return { type: value.constructor.name, bytes: sha256(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
  }
  if ("toJSON" in value && typeof value.toJSON === "function") return plainOf(value.toJSON(), kind, path, inside);
  if (Array.isArray(value)) return value.map((item, i) => plainOf(item, kind, `${path}.${i}`, inside));
  if (value instanceof Map || value instanceof Set) return { type: value.constructor.name, items: plainOf([...value], kind, path, inside) };
  if (value instanceof RegExp) return { pattern: String(value) };
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return refuse(kind, path, `is a ${value.constructor.name}`);
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.map(([name, inner]) => [name, plainOf(inner, kind, `${path}.${name}`, inside)]));
}

function codeOf(work: (...args: never[]) => unknown, kind: string, path: string): string {
  const text = Function.prototype.toString.call(work);
  if (/\{\s*\[native code\]\s*\}$/.test(text)) {
    return refuse(kind, path, "is a function without source text (built in, or made by bind)", "Wrap it: (…args) => theFunction(…args).");
  }
  return text;
}

function collect(value: Json, path: string, parts: Record<string, KeyPart>): void {
  if (value === null || typeof value === "boolean" || typeof value === "number") parts[path] = value;
  else if (typeof value === "string") parts[path] = value.length <= maxText ? value : `sha256:${sha256(value).slice(0, 16)}`;
  else {
    const entries = Object.entries(value);
    if (isCode(value)) {
      parts[path] = `code ${sha256(value.code).slice(0, 16)}`;
      return;
    }
    const tooMany = entries.length > maxItems || Object.keys(parts).length + entries.length > maxParts;
    if (path !== "" && (tooMany || entries.length === 0)) {
      parts[path] = entries.length === 0 ? "empty" : `sha256:${digestOf(value).slice(0, 16)} (${entries.length} items)`;
    } else for (const [name, inner] of entries) collect(inner, path === "" ? name : `${path}.${name}`, parts);
  }
}

function isCode(value: Json[] | { [name: string]: Json }): value is { code: string } {
  return !Array.isArray(value) && typeof value["code"] === "string" && Object.keys(value).length === 1;
}

function refuse(kind: string, path: string, problem: string, hint?: string): never {
  throw new AppError("invalid_argument", `Step ${kind} cannot be keyed: ${path === "" ? "its input" : path.slice(1)} ${problem}.`, {
    hint: hint ?? "Pass plain values, or give the step kind a `key` that names what counts.",
  });
}
