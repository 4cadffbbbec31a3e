import { closestName } from "#kit/close-names";
import { type FieldKind, inputFields } from "./run-columns.ts";

export const runAttributes = [
  ...(["id", "name", "experiment", "status", "parent", "actor", "startedMs", "endedMs", "deletedMs"] as const),
  ...(["experimentName", "folder", "durationMs", "note"] as const), // `experiment` is the id
] as const;
export type RunAttribute = (typeof runAttributes)[number];

/** What conditions, orders, groups and selections name. */
export type RunField =
  | { metric: string }
  | { param: string }
  | { tag: string }
  | { input: (typeof inputFields)[number] }
  | { attribute: RunAttribute };

/** The attributes as the query language calls them. */
export const attributeWords: Record<string, RunAttribute> = {
  ...({ id: "id", name: "name", status: "status", actor: "actor", started: "startedMs", ended: "endedMs", duration: "durationMs" } as const),
  ...({
    parent: "parent",
    experiment: "experimentName",
    "experiment.id": "experiment",
    folder: "folder",
    note: "note",
    deleted: "deletedMs",
  } as const),
};
const kindWords: Record<string, "metric" | "param" | "tag" | "input"> = {
  ...({ metrics: "metric", metric: "metric", params: "param", param: "param", tags: "tag", tag: "tag", inputs: "input", input: "input" } as const),
};
const plainKey = /^[^\s()'"`,=<>!*]*[^\s()'"`,=<>!*.]$/u;

export function kindAndKey(field: RunField): [FieldKind, string] {
  if ("metric" in field) return ["metric", field.metric];
  if ("param" in field) return ["param", field.param];
  if ("tag" in field) return ["tag", field.tag];
  if ("input" in field) return ["input", field.input];
  return ["attribute", field.attribute];
}

/** The field that a name of the query language stands for, its key apart where it was quoted; undefined where there is none. */
export function fieldNamed(name: string, quotedKey?: string): RunField | undefined {
  const dot = name.indexOf(".");
  const prefix = (quotedKey !== undefined ? name : dot < 0 ? "" : name.slice(0, dot)).toLowerCase();
  const key = quotedKey ?? name.slice(dot + 1);
  if (Object.hasOwn(kindWords, prefix) && key !== "") {
    const kind = kindWords[prefix]!;
    if (kind === "metric") return { metric: key };
    if (kind === "param") return { param: key };
    if (kind === "tag") return { tag: key };
    const input = inputFields.find((field) => field === key.toLowerCase());
    return input === undefined ? undefined : { input };
  }
  const word = name.toLowerCase();
  return quotedKey === undefined && Object.hasOwn(attributeWords, word) ? { attribute: attributeWords[word]! } : undefined;
}

/** A field as the query language writes it. */
export function fieldText(field: RunField): string {
  if ("attribute" in field) return Object.entries(attributeWords).find(([, attribute]) => attribute === field.attribute)![0]; // every attribute has a word
  const [kind, key] = kindAndKey(field);
  return `${kind}s.${plainKey.test(key) ? key : `"${key.replaceAll('"', '""')}"`}`;
}

/** The field a person may have meant: one whose key is the same, else is spelled most like it. */
export function likelyField(name: string, fields: Iterable<string>): string | undefined {
  const [prefix, key] = [name.slice(0, Math.max(0, name.indexOf("."))), name.slice(name.indexOf(".") + 1)];
  const kind = prefix === "" ? undefined : closestName(prefix, ["metrics", "params", "tags", "inputs"]);
  if (kind !== undefined && !Object.hasOwn(kindWords, prefix)) return `${kind}.${key}`;
  const bare = (each: string) => each.slice(each.indexOf(".") + 1);
  const byKey = new Map([...fields].toReversed().map((each) => [bare(each), each]));
  const close = byKey.has(bare(name)) ? bare(name) : closestName(bare(name), [...Object.keys(attributeWords), ...byKey.keys()]);
  return close === undefined ? undefined : (byKey.get(close) ?? close);
}
