import { AppError } from "#kit/app-error";
import type { Model } from "./model.ts";

/** Every model that another reads, in its rows or in its tests. */
export function parentsOf(model: Model): string[] {
  return [...model.refs, ...model.testRefs];
}

/** Puts models behind all that they read, otherwise by name. Throws `invalid_definition` with the path of a circle. */
export function dependencyOrder(models: ReadonlyMap<string, Model>): Map<string, Model> {
  const ordered = new Map<string, Model>();
  const names = [...models.keys()].toSorted();
  for (const root of names) {
    // a stack of its own, so that a chain of thousands of models is no matter
    const stack = [{ name: root, next: 0 }];
    const onPath = new Set([root]);
    if (ordered.has(root)) continue;
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const model = models.get(top.name)!; // names were checked against the models when they were loaded
      const parent = parentsOf(model)[top.next++];
      if (parent === undefined) {
        ordered.set(top.name, model);
        onPath.delete(top.name);
        stack.pop();
      } else if (onPath.has(parent)) {
        throw circle([...stack.map(({ name }) => name), parent], models);
      } else if (!ordered.has(parent) && models.has(parent)) {
        stack.push({ name: parent, next: 0 });
        onPath.add(parent);
      }
    }
  }
  return ordered;
}

function circle(path: string[], models: ReadonlyMap<string, Model>): AppError {
  const cycle = path.slice(path.indexOf(path.at(-1)!));
  const files = [...new Set(cycle)].map((name) => models.get(name)!.file);
  const self = cycle.length === 2;
  return new AppError("invalid_definition", `Models depend on one another in a circle: ${cycle.join(" → ")} (${files.join(", ")}).`, {
    hint: self ? "A model reads its own rows by `{{ this }}` within `{% if is_incremental() %}`." : "Take one of these references out.",
    details: { cycle },
  });
}
