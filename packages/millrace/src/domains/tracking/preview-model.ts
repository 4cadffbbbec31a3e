import { type PlainValue, readPlainYaml } from "#kit/plain-yaml";
import type { Preview } from "./preview.ts";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** An `MLmodel` file: plain YAML with a mapping of flavours, and a signature that is JSON within it. Undefined for anything else. */
export function previewModel(text: string): Preview | undefined {
  let top: PlainValue;
  try {
    top = readPlainYaml(text);
  } catch {
    return undefined; // shown as the text it is
  }
  if (!(top instanceof Map)) return undefined;
  const flavours = top.get("flavors");
  if (!(flavours instanceof Map) || flavours.size === 0) return undefined;
  const signature = top.get("signature");
  const facts = [...top].filter(([name]) => name !== "flavors" && name !== "signature");
  return {
    kind: "model",
    flavours: [...flavours].map(([name, settings]) => ({ name, settings: settings instanceof Map ? objectOf([...settings]) : {} })),
    ...(signature instanceof Map && {
      signature: {
        inputs: columnsOf(signature.get("inputs")),
        outputs: columnsOf(signature.get("outputs")),
        params: columnsOf(signature.get("params")),
      },
    }),
    facts: objectOf(facts),
    text,
  };
}

function columnsOf(value: PlainValue | undefined): { [name: string]: Json }[] {
  if (typeof value !== "string") return [];
  try {
    const columns: unknown = JSON.parse(value);
    if (!Array.isArray(columns)) return [];
    return columns.filter((column): column is { [name: string]: Json } => typeof column === "object" && column !== null && !Array.isArray(column));
  } catch {
    return [];
  }
}

function objectOf(entries: [string, PlainValue][]): { [name: string]: Json } {
  return Object.fromEntries(entries.map(([name, value]) => [name, jsonOf(value)])); // not by assignment: a name may be `__proto__`
}

function jsonOf(value: PlainValue): Json {
  if (value instanceof Map) return objectOf([...value]);
  return Array.isArray(value) ? value.map(jsonOf) : value;
}
