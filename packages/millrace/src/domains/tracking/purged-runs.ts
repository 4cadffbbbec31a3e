import { sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";

/** How long processes may go without a search and still be told which runs are gone; later they read all anew. */
const keptMs = 7 * 86_400_000;

/** Notes that runs are gone, for other processes that search them. */
export async function notePurge(transaction: Transaction, runs: string[], nowMs: number): Promise<void> {
  const seq = (await lastPurge(transaction)) + 1;
  await transaction.run(sql`insert into tracking_purge (seq, runs, purged_ms) values (${seq}, ${JSON.stringify(runs)}, ${nowMs})`);
  await transaction.run(sql`delete from tracking_purge where purged_ms < ${nowMs - keptMs} and seq < ${seq}`); // the last number stays
}

/** Number of the last purge; 0 where there was none. */
export async function lastPurge(reader: Reader): Promise<number> {
  return (await reader.get<{ seq: number | null }>(sql`select max(seq) as seq from tracking_purge`))?.seq ?? 0;
}

/** Runs that were purged after a purge; undefined where that is no longer known. */
export async function purgedSince(reader: Reader, purge: number): Promise<{ last: number; runs: string[] } | undefined> {
  const rows = await reader.all<{ seq: number; runs: string }>(sql`select seq, runs from tracking_purge where seq > ${purge} order by seq`);
  if (rows.length > 0 && rows[0]!.seq !== purge + 1) return undefined;
  return { last: rows.at(-1)?.seq ?? purge, runs: rows.flatMap(({ runs }) => JSON.parse(runs) as string[]) }; // written by this file
}
