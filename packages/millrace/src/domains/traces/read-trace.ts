import type { Span, Trace, TracesServices } from "./model.ts";
import { spansOf } from "./span-bodies.ts";
import { findTrace, parseTrace, traceNotFound, traceRows } from "./store.ts";

export interface TraceWithSpans {
  trace: Trace;
  /** Those without a parent first, then in the order in which they began. */
  spans: Span[];
}

/** A trace with its spans. Throws `not_found`. */
export async function readTrace(services: TracesServices, id: string): Promise<TraceWithSpans> {
  const row = await findTrace(services.state, id);
  if (row === undefined) throw traceNotFound(id);
  return { trace: parseTrace(row), spans: (await spansOf(services, [id])).get(id)! }; // asked for
}

/** Throws `not_found`. */
export async function getTrace({ state }: TracesServices, id: string): Promise<Trace> {
  const row = await findTrace(state, id);
  if (row === undefined) throw traceNotFound(id);
  return parseTrace(row);
}

/** Traces in the order of the ids; those that are not there are left out. */
export async function getTraces({ state }: TracesServices, ids: string[]): Promise<Trace[]> {
  const rows = new Map((await traceRows(state, ids)).map((row) => [row.id, row]));
  return [...new Set(ids)].flatMap((id) => (rows.has(id) ? [parseTrace(rows.get(id)!)] : []));
}

/** The spans of traces, by trace. */
export async function readSpans(services: TracesServices, ids: string[]): Promise<Map<string, Span[]>> {
  return spansOf(services, [...new Set(ids)]);
}
