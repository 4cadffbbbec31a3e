import { stableJson } from "#kit/hash";
import { newId } from "#kit/id";
import { sql, sqlIn, sqlJoin, type SqlValue } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import type { EdgeKind, Facts, NodeKind } from "./model.ts";

export interface NodeRow {
  id: string;
  kind: NodeKind;
  name: string;
  facts: Facts;
}

export interface EdgeRow {
  owner: string;
  from_node: string;
  to_node: string;
  kind: EdgeKind;
  since_version: number;
  until_version: number | null;
}

export interface Owner {
  version: number;
  digest: string;
}

export interface NewNode {
  kind: NodeKind;
  name: string;
  facts?: Facts;
}

export interface NewEdge {
  from: string;
  to: string;
  kind: EdgeKind;
}

const chunkSize = 200;

/** The key of a node or owner. */
export function nodeId(kind: NodeKind, name: string): string {
  return `${kind}:${name}`;
}

export async function findOwner(reader: Reader, owner: string): Promise<Owner | undefined> {
  return reader.get<Owner>(sql`select version, digest from lineage_owner where id = ${owner}`);
}

export async function saveOwner(transaction: Transaction, owner: string, { version, digest }: Owner, nowMs: number): Promise<void> {
  await transaction.run(sql`insert into lineage_owner (id, version, digest, recorded_ms) values (${owner}, ${version}, ${digest}, ${nowMs})
    on conflict (id) do update set version = excluded.version, digest = excluded.digest, recorded_ms = excluded.recorded_ms`);
}

/** Adds nodes and gives known ones their newer facts; a node mentioned without facts keeps what it has. */
export async function saveNodes(transaction: Transaction, nodes: NewNode[], nowMs: number): Promise<void> {
  const unique = new Map<string, NewNode>();
  for (const node of nodes) {
    const id = nodeId(node.kind, node.name);
    if (node.facts !== undefined || !unique.has(id)) unique.set(id, node);
  }
  const mentioned = [...unique].filter(([, node]) => node.facts === undefined);
  const described = [...unique].filter(([, node]) => node.facts !== undefined);
  for (const rows of chunks(mentioned)) await transaction.run(sql`${insertNodes(rows, nowMs)} on conflict (id) do nothing`);
  for (const rows of chunks(described)) await transaction.run(sql`${insertNodes(rows, nowMs)} on conflict (id) do update set facts = excluded.facts`);
}

/** Makes `edges` what the owner states from `version` on: those it no longer states end there, unchanged ones stay as they are. */
export async function replaceEdges(transaction: Transaction, owner: string, version: number, edges: NewEdge[]): Promise<void> {
  const wanted = new Map(edges.map((edge) => [`${edge.from}\n${edge.to}\n${edge.kind}`, edge]));
  const standing = await transaction.all<EdgeRow & { id: string }>(
    sql`select id, owner, from_node, to_node, kind, since_version, until_version from lineage_edge where owner = ${owner} and until_version is null`,
  );
  const ended = standing.filter((edge) => !wanted.delete(`${edge.from_node}\n${edge.to_node}\n${edge.kind}`));
  for (const rows of chunks(ended))
    await transaction.run(sql`update lineage_edge set until_version = ${version} where id in ${sqlIn(rows.map((edge) => edge.id))}`);
  for (const rows of chunks([...wanted.values()])) {
    const values = rows.map((edge) => sql`(${newId()}, ${owner}, ${edge.from}, ${edge.to}, ${edge.kind}, ${version})`);
    await transaction.run(sql`insert into lineage_edge (id, owner, from_node, to_node, kind, since_version) values ${sqlJoin(values, ", ")}`);
  }
}

/** Edges that leave (`from`) or reach (`to`) any of the nodes, of every version. */
export async function edgesAt(reader: Reader, end: "from" | "to", ids: string[]): Promise<EdgeRow[]> {
  const found: EdgeRow[] = [];
  for (const part of chunks(ids)) {
    const column = end === "from" ? sql`from_node` : sql`to_node`;
    found.push(
      ...(await reader.all<EdgeRow>(
        sql`select owner, from_node, to_node, kind, since_version, until_version from lineage_edge where ${column} in ${sqlIn(padded(part))}`,
      )),
    );
  }
  return found;
}

export async function nodesNamed(reader: Reader, name: string): Promise<NodeRow[]> {
  return (await reader.all<RawNode>(sql`select id, kind, name, facts from lineage_node where name = ${name} order by kind`)).map(parseNode);
}

export async function nodesById(reader: Reader, ids: string[]): Promise<Map<string, NodeRow>> {
  const found = new Map<string, NodeRow>();
  for (const part of chunks(ids)) {
    const rows = await reader.all<RawNode>(sql`select id, kind, name, facts from lineage_node where id in ${sqlIn(padded(part))}`);
    for (const row of rows) found.set(row.id, parseNode(row));
  }
  return found;
}

/** Every name of the graph, for suggestions. */
export async function allNames(reader: Reader): Promise<string[]> {
  return (await reader.all<{ name: string }>(sql`select distinct name from lineage_node`)).map((row) => row.name);
}

type RawNode = Omit<NodeRow, "facts"> & { facts: string };

function parseNode(row: RawNode): NodeRow {
  return { id: row.id, kind: row.kind, name: row.name, facts: JSON.parse(row.facts) as Facts }; // written by insertNodes
}

function insertNodes(rows: [string, NewNode][], nowMs: number) {
  const values = rows.map(([id, { kind, name, facts }]) => sql`(${id}, ${kind}, ${name}, ${stableJson(facts ?? {})}, ${nowMs})`);
  return sql`insert into lineage_node (id, kind, name, facts, recorded_ms) values ${sqlJoin(values, ", ")}`;
}

function chunks<Item>(items: Item[]): Item[][] {
  return Array.from({ length: Math.ceil(items.length / chunkSize) }, (_, i) => items.slice(i * chunkSize, (i + 1) * chunkSize));
}

/** A list of one length, so that one prepared statement serves every walk. Null is in no list. */
function padded(values: SqlValue[]): SqlValue[] {
  return values.length === chunkSize ? values : [...values, ...Array.from({ length: chunkSize - values.length }, () => null)];
}
