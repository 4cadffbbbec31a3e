import { digestOf } from "#kit/hash";
import type { Transaction } from "#ports/database";
import { findOwner, nodeId, replaceEdges, saveNodes, saveOwner, type NewEdge, type NewNode } from "./store.ts";

/** What one definition or fact says about the graph. */
export interface Statement {
  /** Key of the definition or fact. */
  owner: string;
  nodes: NewNode[];
  edges: NewEdge[];
}

/** Records facts that never change once true, such as what a version was made from. Saying the same again changes nothing. */
export async function recordFact(transaction: Transaction, { owner, nodes, edges }: Statement, nowMs: number): Promise<void> {
  const digest = digestOf({ nodes, edges });
  if ((await findOwner(transaction, owner))?.digest === digest) return;
  await saveNodes(transaction, nodes, nowMs);
  await replaceEdges(transaction, owner, 0, edges);
  await saveOwner(transaction, owner, { version: 0, digest }, nowMs);
}

/**
 * Records a definition as of a version; its edges stand until a later version states others. A version older than the newest
 * one on record says nothing about the present and is passed over. Without `version` a changed definition gets the next number.
 * Returns the version that holds the definition.
 */
export async function recordDefinition(transaction: Transaction, statement: Statement, nowMs: number, version?: number): Promise<number> {
  const { owner, nodes, edges } = statement;
  const known = await findOwner(transaction, owner);
  const digest = digestOf({ nodes, edges });
  if (known !== undefined && version !== undefined && version < known.version) return known.version;
  if (known?.digest === digest) {
    if (version !== undefined && version > known.version) await saveOwner(transaction, owner, { version, digest }, nowMs);
    return version ?? known.version;
  }
  const next = version ?? (known?.version ?? 0) + 1;
  await saveNodes(transaction, nodes, nowMs);
  await replaceEdges(transaction, owner, next, edges);
  await saveOwner(transaction, owner, { version: next, digest }, nowMs);
  return next;
}

export function versioned(name: string, version: number): string {
  return `${name}@${version}`;
}

export function columnName(table: string, column: string): string {
  return `${table}.${column}`;
}

export function edge(from: [NewNode["kind"], string], to: [NewNode["kind"], string], kind: NewEdge["kind"] = "input"): NewEdge {
  return { from: nodeId(...from), to: nodeId(...to), kind };
}
