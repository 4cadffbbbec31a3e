import { AppError } from "#kit/app-error";
import { closestName } from "#kit/close-names";
import type { Model, ProjectGraph } from "./model.ts";
import { parentsOf } from "./model-order.ts";

/**
 * The models that a selection names, in dependency order. `flights`, `+flights` (and all it reads), `flights+` (and all that read it),
 * `2+flights` (two steps), `tag:daily`, `path:models/staging`, `stg_*`; several are joined, and `a,b` is what is in both.
 * Without a selection, all. Throws `not_found` where a part names nothing.
 */
export function selectModels(graph: ProjectGraph, select: readonly string[] | undefined): string[] {
  const all = [...graph.models.keys()];
  if (select === undefined || select.length === 0) return all;
  const chosen = new Set<string>();
  for (const part of select.flatMap((text) => text.split(/\s+/)).filter((text) => text !== "")) {
    const sets = part.split(",").map((atom) => selectAtom(graph, atom));
    for (const name of sets[0]!) if (sets.every((set) => set.has(name))) chosen.add(name);
  }
  return all.filter((name) => chosen.has(name));
}

function selectAtom(graph: ProjectGraph, atom: string): Set<string> {
  const match = /^(\d*\+)?(?:(tag|path):)?([^+]+?)(\+\d*)?$/.exec(atom);
  if (match === null)
    throw new AppError("invalid_argument", `\`${atom}\` is not a selection.`, {
      hint: "Use names such as `flights`, `+flights`, `flights+` or `tag:daily`.",
    });
  const [, before, method, value, after] = match;
  const names = [...graph.models.values()].filter((model) => matches(model, method, value!)).map((model) => model.name);
  if (names.length === 0) throw nothingSelected(graph, method, value!);
  const result = new Set(names);
  if (before !== undefined) spread(result, names, steps(before), (name) => parentsOf(graph.models.get(name)!));
  if (after !== undefined) {
    const children = childrenOf(graph);
    spread(result, names, steps(after), (name) => children.get(name) ?? []);
  }
  return result;
}

function matches(model: Model, method: string | undefined, value: string): boolean {
  if (method === "tag") return model.config.tags.includes(value);
  if (method === "path") return model.file === value || model.file.startsWith(value.endsWith("/") ? value : `${value}/`);
  if (!value.includes("*")) return model.name === value;
  return new RegExp(`^${value.replace(/[^\w*]/g, "\\$&").replaceAll("*", ".*")}$`).test(model.name);
}

function steps(text: string): number {
  const digits = text.replace("+", "");
  return digits === "" ? Number.POSITIVE_INFINITY : Number(digits);
}

function spread(result: Set<string>, start: string[], limit: number, next: (name: string) => string[]): void {
  let border = start;
  for (let step = 0; step < limit && border.length > 0; step++) {
    border = border.flatMap(next).filter((name) => !result.has(name) && result.add(name));
  }
}

function childrenOf(graph: ProjectGraph): Map<string, string[]> {
  const children = new Map<string, string[]>();
  for (const model of graph.models.values()) {
    for (const parent of parentsOf(model)) children.set(parent, [...(children.get(parent) ?? []), model.name]);
  }
  return children;
}

function nothingSelected(graph: ProjectGraph, method: string | undefined, value: string): AppError {
  const known = method === "tag" ? [...graph.models.values()].flatMap((model) => model.config.tags) : [...graph.models.keys()];
  const close = closestName(value, known);
  return new AppError("not_found", method === "tag" ? `No model has the tag \`${value}\`.` : `There is no model \`${value}\`.`, {
    hint: close === undefined ? `There are: ${[...new Set(known)].toSorted().slice(0, 20).join(", ")}.` : `Did you mean \`${close}\`?`,
  });
}
