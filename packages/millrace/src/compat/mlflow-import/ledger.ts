import { sql, sqlIn } from "#kit/sql";
import type { Database, Reader } from "#ports/database";

export type ItemKind = "experiment" | "run" | "logged model" | "model" | "trace" | "files";

/** What was taken from a store. An import that was stopped goes on from here, and a later one sees what is new. */
export interface Item {
  kind: ItemKind;
  id: string;
  /** Of the thing in its source. */
  stamp: string;
  /** Of what stands here; null for what was begun and not finished. */
  digest: string | null;
  at_ms: number;
}

/** Items of one kind, by id. */
export async function itemsOf(reader: Reader, origin: string, kind: ItemKind, ids: string[]): Promise<Map<string, Item>> {
  const items = new Map<string, Item>();
  for (let i = 0; i < ids.length; i += 100) {
    const rows = await reader.all<Item>(sql`select kind, id, stamp, digest, at_ms from mlflow_import
      where origin = ${origin} and kind = ${kind} and id in ${sqlIn(ids.slice(i, i + 100))}`);
    for (const row of rows) items.set(row.id, row);
  }
  return items;
}

/** The next items of a kind by their ids. */
export async function itemsAfter(reader: Reader, origin: string, kind: ItemKind, after: string, limit: number): Promise<Item[]> {
  return reader.all(sql`select kind, id, stamp, digest, at_ms from mlflow_import
    where origin = ${origin} and kind = ${kind} and id > ${after} order by id limit ${limit}`);
}

/** When something was last taken from a store; 0 for never. */
export async function lastTaken(reader: Reader, origin: string): Promise<number> {
  const row = await reader.get<{ at: number | null }>(sql`select max(at_ms) as at from mlflow_import where origin = ${origin}`);
  return row?.at ?? 0;
}

/** Writes items down, in one transaction, durable when resolved. */
export async function saveItems(state: Database, origin: string, items: Item[]): Promise<void> {
  if (items.length === 0) return;
  await state.write(async (transaction) => {
    for (const { kind, id, stamp, digest, at_ms: atMs } of items)
      await transaction.run(sql`insert into mlflow_import (origin, kind, id, stamp, digest, at_ms)
        values (${origin}, ${kind}, ${id}, ${stamp}, ${digest}, ${atMs})
        on conflict (origin, kind, id) do update set stamp = excluded.stamp, digest = excluded.digest, at_ms = excluded.at_ms`);
  });
}
