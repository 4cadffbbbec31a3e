import { AppError } from "#kit/app-error";
import { type Sql, sql, sqlIn, sqlJoin } from "#kit/sql";
import type { TracesServices } from "./model.ts";
import { deleteTraceRows, oldestTraceIds } from "./store.ts";

export interface TraceDeletion {
  experiment?: string;
  ids?: string[];
  /** Traces that began then or before. */
  untilMs?: number;
  /** No more than these, the oldest first. */
  limit?: number;
}

const tracesPerCommit = 100;

/**
 * Takes traces away for good, with their spans. Tells which went. Spans in the blob store stay until `gc` finds that nothing refers to
 * them: the same may be delivered again in this moment. Throws `invalid_argument` for a deletion that names neither traces nor a time.
 */
export async function deleteTraces({ state }: TracesServices, { experiment, ids, untilMs, limit }: TraceDeletion): Promise<string[]> {
  if (ids === undefined && untilMs === undefined)
    throw new AppError("invalid_argument", "A deletion of traces names the traces, or the time until which they began.");
  const deleted: string[] = [];
  const conditions: Sql[] = [];
  if (experiment !== undefined) conditions.push(sql`experiment = ${experiment}`);
  if (untilMs !== undefined) conditions.push(sql`started_ms <= ${untilMs}`);
  const parts = ids === undefined ? [undefined] : partsOf(ids);
  for (const part of parts) {
    const where = sqlJoin([...conditions, ...(part === undefined ? [] : [sql`id in ${sqlIn(part)}`])], " and ");
    for (;;) {
      const most = Math.min(tracesPerCommit, (limit ?? Number.POSITIVE_INFINITY) - deleted.length);
      const found = most <= 0 ? [] : await oldestTraceIds(state, where, most);
      if (found.length === 0) break;
      await state.write((transaction) => deleteTraceRows(transaction, found));
      deleted.push(...found);
    }
  }
  return deleted;
}

function partsOf(ids: string[]): string[][] {
  const parts: string[][] = [];
  for (let i = 0; i < ids.length; i += tracesPerCommit) parts.push(ids.slice(i, i + tracesPerCommit));
  return parts;
}
