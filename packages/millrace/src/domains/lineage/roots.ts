import { AppError } from "#kit/app-error";
import type { Database } from "#ports/database";
import { nodeKinds, type NodeKind } from "./model.ts";
import { closeNames } from "#kit/close-names";
import { allNames, nodesById, nodesNamed, type NodeRow } from "./store.ts";

/** The nodes a name stands for: all kinds that bear it, or the one of `kind:name`. Throws `not_found` with the nearest names. */
export async function findRoots(state: Database, name: string): Promise<NodeRow[]> {
  const named = await nodesNamed(state, name);
  if (named.length > 0) return named;
  const kind = name.slice(0, Math.max(0, name.indexOf(":")));
  if (isKind(kind)) {
    const one = (await nodesById(state, [name])).get(name);
    if (one !== undefined) return [one];
  }
  const bare = isKind(kind) ? name.slice(kind.length + 1) : name;
  const near = closeNames(bare, await allNames(state));
  throw new AppError("not_found", `Lineage knows no ${isKind(kind) ? `${kind} ` : ""}"${bare}".`, {
    hint:
      near.length > 0
        ? `Did you mean ${near.map((candidate) => `"${candidate}"`).join(", ")}?`
        : "Name a column as `table.column`, a version as `name@3`; the graph fills as tables are built and models registered.",
    details: { name, similar: near },
  });
}

function isKind(text: string): text is NodeKind {
  return (nodeKinds as readonly string[]).includes(text);
}
