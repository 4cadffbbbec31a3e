import { AppError } from "#kit/app-error";
import type { Database } from "#ports/database";
import type { NodeKind } from "./model.ts";
import { versioned } from "./record.ts";
import { edgesAt, nodeId, nodesById, type EdgeRow, type NodeRow } from "./store.ts";

const factKinds = new Set<string>(["table-version", "feature-view-version", "training-set", "run", "model-version"] satisfies NodeKind[]);

/**
 * Which edges stand, as a test. Asked about a fact, or about a version of a definition, the versions of all definitions around it
 * are read from the facts: the exact table versions that were inputs of inputs. Definitions that no fact pins are today's.
 *
 * @param near `to` when the walk goes upstream, `from` when it goes downstream
 */
export async function definitionsFor(
  state: Database,
  roots: NodeRow[],
  near: "from" | "to",
  version: number | undefined,
): Promise<(edge: EdgeRow) => boolean> {
  const facts =
    version === undefined ? roots.filter((root) => factKinds.has(root.kind)).map((root) => root.id) : await factsOf(state, roots, version);
  const versions = await versionsAround(state, facts, near);
  return (edge) => {
    const at = versions.get(edge.owner);
    if (at === undefined) return edge.until_version === null;
    return edge.since_version <= at && (edge.until_version === null || at < edge.until_version);
  };
}

/** The facts that say what the roots were at a version, e.g. `raw.flights@7` for the column `raw.flights.delay`. */
async function factsOf(state: Database, roots: NodeRow[], version: number): Promise<string[]> {
  const wanted = roots.flatMap((root) => {
    if (root.kind === "table") return [nodeId("table-version", versioned(root.name, version))];
    if (root.kind === "column") return [nodeId("table-version", versioned(String(root.facts["table"]), version))];
    if (root.kind === "feature-view") return [nodeId("feature-view-version", versioned(root.name, version))];
    if (root.kind === "feature") return [nodeId("feature-view-version", versioned(String(root.facts["view"]), version))];
    return [];
  });
  const known = [...(await nodesById(state, wanted)).keys()];
  if (known.length === 0) {
    const name = roots[0]!.name;
    throw new AppError("not_found", wanted.length === 0 ? `"${name}" has no versions.` : `Version ${version} of "${name}" is not on record.`, {
      hint: "Leave the version out to ask about the present.",
    });
  }
  return known;
}

/** Owner → version, from the facts that the walk's direction reaches. Of several versions the nearest to the start counts: upstream the newest, downstream the oldest. */
async function versionsAround(state: Database, facts: string[], near: "from" | "to"): Promise<Map<string, number>> {
  const versions = new Map<string, number>();
  const seen = new Set(facts);
  for (let frontier = facts; frontier.length > 0;) {
    for (const id of frontier) note(id);
    const edges = await edgesAt(state, near, frontier);
    frontier = [];
    for (const edge of edges) {
      const there = near === "from" ? edge.to_node : edge.from_node;
      if (edge.until_version !== null || seen.has(there) || !factKinds.has(there.slice(0, there.indexOf(":")))) continue;
      seen.add(there);
      frontier.push(there);
    }
  }
  return versions;

  function note(id: string): void {
    const match = /^(table|feature-view)-version:(.*)@(\d+)$/s.exec(id);
    if (match === null) return;
    const owner = `${match[1]}:${match[2]}`;
    const version = Number(match[3]);
    const known = versions.get(owner);
    if (known === undefined || (near === "to" ? version > known : version < known)) versions.set(owner, version);
  }
}
