import { stableJson } from "#kit/hash";
import { type Sql, sql } from "#kit/sql";
import type { Transaction } from "#ports/database";
import type { Facts } from "./model.ts";
import { nodeId } from "./store.ts";

/** Gives the versions of a model in the graph its new name, in the transaction of whoever renames it. What they were made from and where they went stays. */
export async function renameModelVersions(transaction: Transaction, { model, newName }: { model: string; newName: string }): Promise<void> {
  const [old, now] = [`${model}@`, `${newName}@`];
  // No name of a model holds an @, so what begins like this is one of its versions.
  const begins = (column: Sql, text: string) => sql`substr(${column}, 1, ${lengthOf(text)}) = ${text}`;
  const renamed = (column: Sql, from: string, to: string) => sql`${to} || substr(${column}, ${lengthOf(from) + 1})`;
  const nodes = sql`select id from lineage_node where kind = 'model-version' and ${begins(sql`name`, old)}`;
  const [oldId, newId] = [nodeId("model-version", old), nodeId("model-version", now)];

  // What the new name may have here already was said of a model that has it no longer.
  const standing = sql`select ${renamed(sql`id`, oldId, newId)} from lineage_node where kind = 'model-version' and ${begins(sql`name`, old)}`;
  await transaction.run(sql`delete from lineage_edge where owner in (${standing})`);
  await transaction.run(sql`delete from lineage_owner where id in (${standing})`);
  await transaction.run(sql`delete from lineage_node where id in (${standing})`);

  await renameInEndpoints(transaction, nodes, old, now);
  for (const column of [sql`from_node`, sql`to_node`, sql`owner`])
    await transaction.run(sql`update lineage_edge set ${column} = ${renamed(column, oldId, newId)} where ${column} in (${nodes})`);
  await transaction.run(sql`update lineage_owner set id = ${renamed(sql`id`, oldId, newId)} where id in (${nodes})`);
  const [oldFact, newFact] = [factText(model), factText(newName)];
  await transaction.run(sql`update lineage_node set id = ${renamed(sql`id`, oldId, newId)}, name = ${renamed(sql`name`, old, now)},
    facts = replace(facts, ${oldFact}, ${newFact}) where kind = 'model-version' and ${begins(sql`name`, old)}`);
}

/** Endpoints say what answers: `late-arrival@3 late-arrival@2`. */
async function renameInEndpoints(transaction: Transaction, versions: Sql, old: string, now: string): Promise<void> {
  const endpoints = await transaction.all<{ id: string; facts: string }>(sql`select id, facts from lineage_node
    where kind = 'endpoint' and id in (select to_node from lineage_edge where from_node in (${versions}))`);
  for (const { id, facts } of endpoints) {
    const known = JSON.parse(facts) as Facts; // written by this domain
    const serving = [...String(known["serving"] ?? "").matchAll(/(.+?@\d+)(?: |$)/g)].map(([, name]) =>
      name!.startsWith(old) ? `${now}${name!.slice(old.length)}` : name!,
    );
    await transaction.run(sql`update lineage_node set facts = ${stableJson({ ...known, serving: serving.join(" ") })} where id = ${id}`);
  }
}

/** How a version's facts name its model. Within a text of JSON the quotes would be escaped, so it stands nowhere else. */
function factText(model: string): string {
  return `"model":${JSON.stringify(model)}`;
}

/** Characters as databases count them. */
function lengthOf(text: string): number {
  return [...text].length;
}
