/**
 * Links of traces that are yet to come: a program may link its trace while the spans are still under way. They wait in a row of the
 * trace's id, and whoever makes the trace takes them. Both sides write that row first, so that neither misses the other.
 */
import { sql, sqlIn, sqlJoin } from "#kit/sql";
import type { Transaction } from "#ports/database";
import type { TraceLink } from "./model.ts";
import { parseLinks } from "./store.ts";

/** A trace that has not come by then is not awaited any longer. */
const awaitedMs = 24 * 60 * 60 * 1_000;
const rowsPerStatement = 100;

/** Links that wait for a trace, with those that wait already. Also forgets those of traces that never came. */
export async function keepEarlyLinks(transaction: Transaction, trace: string, links: TraceLink[], nowMs: number): Promise<TraceLink[]> {
  await transaction.run(sql`insert into traces_early_link (trace, links, made_ms) values (${trace}, '[]', ${nowMs})
    on conflict (trace) do update set made_ms = ${nowMs}`);
  const row = await transaction.get<{ links: string }>(sql`select links from traces_early_link where trace = ${trace}`);
  const all = joinedLinks(parseLinks(row?.links ?? "[]"), links);
  await transaction.run(sql`update traces_early_link set links = ${JSON.stringify(all)} where trace = ${trace}`);
  await transaction.run(sql`delete from traces_early_link where made_ms < ${nowMs - awaitedMs}`);
  return all;
}

export async function forgetEarlyLinks(transaction: Transaction, trace: string): Promise<void> {
  await transaction.run(sql`delete from traces_early_link where trace = ${trace}`);
}

/** Gives traces, which this transaction has just made, the links that waited for them. Tells which those are. */
export async function takeEarlyLinks(transaction: Transaction, traces: string[], nowMs: number): Promise<Map<string, TraceLink[]>> {
  const taken = new Map<string, TraceLink[]>();
  for (let i = 0; i < traces.length; i += rowsPerStatement) {
    const part = traces.slice(i, i + rowsPerStatement);
    const rows = part.map((trace) => sql`(${trace}, '[]', ${nowMs})`);
    await transaction.run(sql`insert into traces_early_link (trace, links, made_ms) values ${sqlJoin(rows, ", ")} on conflict (trace) do nothing`);
    const waiting = await transaction.all<{ trace: string; links: string }>(
      sql`select trace, links from traces_early_link where links <> '[]' and trace in ${sqlIn(part)}`,
    );
    for (const { trace, links } of waiting) {
      await transaction.run(sql`update traces_trace set links = ${links} where id = ${trace}`);
      taken.set(trace, parseLinks(links));
    }
    await transaction.run(sql`delete from traces_early_link where trace in ${sqlIn(part)}`);
  }
  return taken;
}

/** Each link once, in the order in which they were made. */
export function joinedLinks(standing: TraceLink[], more: TraceLink[]): TraceLink[] {
  return [...new Map([...standing, ...more].map((link) => [`${link.kind} ${link.id}`, link])).values()];
}
