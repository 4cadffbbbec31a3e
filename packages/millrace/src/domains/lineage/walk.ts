import { parseArgument } from "#kit/parse-argument";
import type { Database } from "#ports/database";
import {
  type LineageEdge,
  type LineageGraph,
  type LineageNode,
  type LineageServices,
  nodeKinds,
  type WalkOptions,
  walkOptionsSchema,
} from "./model.ts";
import { definitionsFor } from "./past-definitions.ts";
import { findRoots } from "./roots.ts";
import { edgesAt, nodesById, type EdgeRow, type NodeRow } from "./store.ts";

/**
 * Everything made from the named thing: `downstream(services, "raw.flights.delay")`. A name that several kinds share stands for
 * all of them; `endpoint:late-arrival` picks one. Throws `not_found`, with the nearest names, for an unknown one.
 */
export function downstream(services: LineageServices, name: string, options: WalkOptions = {}): Promise<LineageGraph> {
  return walk(services, name, "from", options);
}

/**
 * Everything the named thing was made from. For a fact, such as `late-arrival@3`, definitions are those of the versions it was
 * made with, not today's.
 */
export function upstream(services: LineageServices, name: string, options: WalkOptions = {}): Promise<LineageGraph> {
  return walk(services, name, "to", options);
}

async function walk({ state }: LineageServices, name: string, near: "from" | "to", options: WalkOptions): Promise<LineageGraph> {
  const { depth, version, kinds = nodeKinds, limit } = parseArgument(walkOptionsSchema, "lineage query", options);
  const roots = await findRoots(state, name);
  const stands = await definitionsFor(state, roots, near, version);
  const reached = await breadthFirst(state, roots, near, { depth, limit, stands });
  return describe(state, roots, reached, new Set<string>(kinds));
}

/** A node as the walk met it: how far out, and from which node nearer to the root. */
interface Reached {
  depth: number;
  via: string | undefined;
}

interface Found {
  nodes: Map<string, Reached>;
  edges: EdgeRow[];
  truncated: boolean;
}

/**
 * One query a level (and 200 nodes): a recursive query would carry every path of a diamond-shaped graph, and tells the two
 * databases apart; this visits each node once.
 */
async function breadthFirst(
  state: Database,
  roots: NodeRow[],
  near: "from" | "to",
  { depth, limit, stands }: { depth: number; limit: number; stands: (edge: EdgeRow) => boolean },
): Promise<Found> {
  const found: Found = { nodes: new Map(roots.map((root) => [root.id, { depth: 0, via: undefined }])), edges: [], truncated: false };
  let frontier = roots.map((root) => root.id);
  for (let level = 1; level <= depth && frontier.length > 0; level++) {
    const edges = (await edgesAt(state, near, frontier)).filter(stands);
    const next: string[] = [];
    for (const edge of edges) {
      const [here, there] = near === "from" ? [edge.from_node, edge.to_node] : [edge.to_node, edge.from_node];
      if (!found.nodes.has(there)) {
        if (found.nodes.size >= limit) {
          found.truncated = true;
          continue;
        }
        found.nodes.set(there, { depth: level, via: here });
        next.push(there);
      }
      found.edges.push(edge);
    }
    frontier = next.sort();
  }
  return found;
}

async function describe(state: Database, roots: NodeRow[], { nodes, edges, truncated }: Found, kinds: Set<string>): Promise<LineageGraph> {
  const rows = await nodesById(state, [...nodes.keys()]);
  const described: LineageNode[] = [];
  for (const [id, { depth }] of nodes) {
    const row = rows.get(id)!; // every edge's ends are saved with it
    if (depth === 0 || kinds.has(row.kind))
      described.push({ kind: row.kind, name: row.name, facts: row.facts, depth, path: pathTo(id, nodes, rows) });
  }
  described.sort((a, b) => a.depth - b.depth || compare(a.kind, b.kind) || compare(a.name, b.name));

  const end = (id: string) => ({ kind: rows.get(id)!.kind, name: rows.get(id)!.name });
  const returned = (id: string) => kinds.has(rows.get(id)!.kind) || nodes.get(id)!.depth === 0;
  const unique = new Map<string, LineageEdge>();
  for (const edge of edges) {
    if (!returned(edge.from_node) || !returned(edge.to_node)) continue;
    unique.set(`${edge.from_node}\n${edge.to_node}\n${edge.kind}`, { from: end(edge.from_node), to: end(edge.to_node), kind: edge.kind });
  }
  return { roots: roots.map(({ kind, name }) => ({ kind, name })), nodes: described, edges: [...unique.values()], truncated };
}

function pathTo(id: string, nodes: Map<string, Reached>, rows: Map<string, NodeRow>): string[] {
  const path: string[] = [];
  for (let at: string | undefined = id; at !== undefined; at = nodes.get(at)!.via) path.push(rows.get(at)!.name);
  return path.reverse();
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
