import { AppError } from "#kit/app-error";
import { type Trace, traceLimits, type TracesServices } from "./model.ts";
import { spansOf } from "./span-bodies.ts";
import { newestTraces, parseLabels, parseTrace, traceRows, type TraceRow } from "./store.ts";
import { compileSearch, fieldOf, type TraceCondition, type TraceField, type TraceFilter } from "./trace-filter.ts";

export type TraceOrder = ({ field: TraceField } | { run: true } | { tag: string } | { metadata: string }) & { direction?: "asc" | "desc" };

export interface TraceSearch {
  /** Ids; default: all. */
  experiments?: string[];
  /** All of them hold. */
  conditions?: TraceCondition[];
  /** Default, and where these leave it open: newest first, then by id. Traces without the field come last in either direction. */
  orderBy?: TraceOrder[];
  limit?: number;
  /** As the page before gave it, asked with the same order. */
  cursor?: string;
}

export interface TracePage {
  traces: Trace[];
  /** For the next page; undefined on the last. */
  nextCursor: string | undefined;
}

/** Rows at a time: so that neither memory nor the event loop has more than these to hold. */
const rowsPerRead = 1_000;
/** Spans are read for fewer: they may be long. */
const tracesPerSpanRead = 50;

/**
 * Finds traces. Without an order, pages stay in place while new traces come. Throws `invalid_argument` for a bad condition or cursor.
 *
 * Budget: 100 of 100,000 traces by a tag in under 300 ms.
 */
export async function searchTraces(services: TracesServices, search: TraceSearch): Promise<TracePage> {
  const limit = search.limit ?? 100;
  if (!Number.isInteger(limit) || limit < 1 || limit > traceLimits.tracesPerPage)
    throw new AppError("invalid_argument", `A page has 1 to ${traceLimits.tracesPerPage} traces, not ${limit}.`);
  const query = compileSearch(search.experiments, search.conditions);
  return search.orderBy === undefined || search.orderBy.length === 0
    ? newestPage(services, query, limit, search.cursor)
    : orderedPage(services, query, limit, search.orderBy, search.cursor);
}

async function newestPage(services: TracesServices, filter: TraceFilter, limit: number, cursor: string | undefined): Promise<TracePage> {
  const found: TraceRow[] = [];
  for await (const row of matching(services, filter, cursor === undefined ? undefined : readPlace(cursor), limit + 1)) {
    found.push(row);
    if (found.length > limit) break;
  }
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return {
    traces: page.map(parseTrace),
    nextCursor: found.length > limit && last !== undefined ? writeCursor([last.started_ms, last.id]) : undefined,
  };
}

/** Any other order needs to see all that match, of which it keeps the keys alone. */
async function orderedPage(
  services: TracesServices,
  filter: TraceFilter,
  limit: number,
  orderBy: TraceOrder[],
  cursor: string | undefined,
): Promise<TracePage> {
  const offset = cursor === undefined ? 0 : readOffset(cursor);
  const keyed: { id: string; keys: (string | number | null)[] }[] = [];
  for await (const row of matching(services, filter, undefined, rowsPerRead))
    keyed.push({ id: row.id, keys: orderBy.map((term) => keyOf(row, term)) });
  keyed.sort((a, b) => {
    for (let i = 0; i < orderBy.length; i++) {
      const sign = compareKeys(a.keys[i]!, b.keys[i]!, orderBy[i]!.direction === "desc" ? -1 : 1);
      if (sign !== 0) return sign;
    }
    return 0; // they came newest first, and stay so
  });
  const ids = keyed.slice(offset, offset + limit).map(({ id }) => id);
  const rows = new Map((await traceRows(services.state, ids)).map((row) => [row.id, row]));
  const next = offset + limit;
  return {
    traces: ids.flatMap((id) => (rows.has(id) ? [parseTrace(rows.get(id)!)] : [])),
    nextCursor: next < keyed.length ? writeCursor([next]) : undefined,
  };
}

/** Rows of the traces that a filter is for, newest first, from a place on; `wanted` is how many the caller may take. */
export async function* matching(
  services: TracesServices,
  filter: TraceFilter,
  after: { startedMs: number; id: string } | undefined,
  wanted: number,
): AsyncGenerator<TraceRow> {
  let perRead = Math.max(10, Math.min(rowsPerRead, wanted));
  for (let place = after; ; perRead = rowsPerRead) {
    const rows = await newestTraces(services.state, filter.where, place, perRead);
    const candidates = rows.filter((row) => filter.row(row));
    for (let i = 0; i < candidates.length; i += tracesPerSpanRead) {
      const part = candidates.slice(i, i + tracesPerSpanRead);
      yield* filter.spans === undefined ? part : await withSpans(services, part, filter);
    }
    if (rows.length < perRead) return;
    const last = rows.at(-1)!; // a full read has one
    place = { startedMs: last.started_ms, id: last.id };
    await new Promise((resolve) => setImmediate(resolve)); // SQLite answers in the same turn; others want theirs
  }
}

async function withSpans(services: TracesServices, rows: TraceRow[], { spans: holds, packed }: TraceFilter): Promise<TraceRow[]> {
  const spans = await spansOf(
    services,
    rows.map(({ id }) => id),
    packed,
  );
  return rows.filter(({ id }) => holds?.(spans.get(id)!)); // asked for
}

function keyOf(row: TraceRow, term: TraceOrder): string | number | null {
  if ("field" in term) return fieldOf(row, term.field);
  if ("run" in term) return row.run;
  const [labels, key] = "tag" in term ? [parseLabels(row.tags), term.tag] : [parseLabels(row.metadata), term.metadata];
  return Object.hasOwn(labels, key) ? labels[key]! : null;
}

function compareKeys(a: string | number | null, b: string | number | null, way: 1 | -1): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return (a < b ? -1 : 1) * way;
}

function writeCursor(place: (string | number)[]): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

function readPlace(cursor: string): { startedMs: number; id: string } {
  const [startedMs, id, ...more] = readCursor(cursor);
  if (!Number.isSafeInteger(startedMs) || typeof id !== "string" || id.includes("\0") || more.length > 0) throw badCursor();
  return { startedMs: startedMs as number, id }; // just asked
}

function readOffset(cursor: string): number {
  const [offset, ...more] = readCursor(cursor);
  if (typeof offset !== "number" || !Number.isSafeInteger(offset) || offset < 0 || more.length > 0) throw badCursor();
  return offset;
}

function readCursor(cursor: string): unknown[] {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (Array.isArray(place)) return place;
  } catch {
    // told below
  }
  throw badCursor();
}

function badCursor(): AppError {
  return new AppError("invalid_argument", "The cursor is not one of a page with this order.", { hint: "Ask for the first page, without a cursor." });
}
