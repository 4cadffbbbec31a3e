/** SQL of the log of events: rows are only ever added. */
import { newId } from "#kit/id";
import { sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import { runEvent, type RunEvent } from "./model.ts";

export async function appendEvent(transaction: Transaction, event: RunEvent): Promise<void> {
  await transaction.run(sql`
    insert into pipeline_event (id, run_id, at_ms, data) values (${newId()}, ${event.runId}, ${event.atMs}, ${JSON.stringify(event)})`);
}

/** Events after the one with id `since`, in order, none younger than `untilMs`. */
export async function selectEvents(
  reader: Reader,
  { since = "", limit, untilMs, runId }: { since?: string; limit: number; untilMs: number; runId?: string },
): Promise<{ id: string; event: RunEvent }[]> {
  const ofRun = runId === undefined ? sql`1 = 1` : sql`run_id = ${runId}`;
  const rows = await reader.all<{ id: string; data: string }>(sql`
    select id, data from pipeline_event where id > ${since} and at_ms <= ${untilMs} and ${ofRun} order by id limit ${limit}`);
  return rows.map((row) => ({ id: row.id, event: runEvent.parse(JSON.parse(row.data)) }));
}
