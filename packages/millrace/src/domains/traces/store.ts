/**
 * A trace is one row with all that searches ask and lists show; its spans are packed batches, one row for all spans of the trace
 * that came in one delivery. A batch is known by the digest of its spans, so a delivery that is repeated adds nothing. When a trace
 * has many small batches they are put together, so that reading it, and counting its spans, stays a matter of few rows.
 */
import { AppError } from "#kit/app-error";
import { sql, sqlIn, type Sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import type { Assessment, Trace, TraceLink, TraceStatus } from "./model.ts";

export interface TraceRow {
  id: string;
  experiment: string;
  name: string | null;
  status: TraceStatus;
  started_ms: number;
  ended_ms: number | null;
  run: string | null;
  session: string | null;
  person: string | null;
  request: string | null;
  inputs: string | null;
  outputs: string | null;
  tags: string;
  metadata: string;
  links: string;
  assessments: string;
  /** Where the span without a parent stands in the order of such spans (see `rootOrder`); null before there is one. */
  root: string | null;
  told: number;
  span_count: number;
  size_bytes: number;
}

const columns = sql`id, experiment, name, status, started_ms, ended_ms, run, session, person, request, inputs, outputs, tags, metadata,
  links, assessments, root, told, span_count, size_bytes`;
const idsPerQuery = 100;

/** False where there is a trace of this id already; nothing is changed then. */
export async function insertTrace(transaction: Transaction, row: TraceRow, nowMs: number): Promise<boolean> {
  const inserted = await transaction.run(sql`insert into traces_trace (${columns}, revision, changed_ms)
    values (${row.id}, ${row.experiment}, ${row.name}, ${row.status}, ${row.started_ms}, ${row.ended_ms}, ${row.run}, ${row.session},
    ${row.person}, ${row.request}, ${row.inputs}, ${row.outputs}, ${row.tags}, ${row.metadata}, ${row.links}, ${row.assessments},
    ${row.root}, ${row.told}, ${row.span_count}, ${row.size_bytes}, 1, ${nowMs}) on conflict (id) do nothing`);
  return inserted > 0;
}

/** The row, which then stands still until the transaction ends: the first statement of every change of a trace. */
export async function lockTrace(transaction: Transaction, id: string, nowMs: number): Promise<TraceRow | undefined> {
  const found = await transaction.run(sql`update traces_trace set revision = revision + 1, changed_ms = ${nowMs} where id = ${id}`);
  return found === 0 ? undefined : findTrace(transaction, id);
}

export async function saveTrace(transaction: Transaction, row: TraceRow): Promise<void> {
  await transaction.run(sql`update traces_trace set experiment = ${row.experiment}, name = ${row.name}, status = ${row.status},
    started_ms = ${row.started_ms}, ended_ms = ${row.ended_ms}, run = ${row.run}, session = ${row.session}, person = ${row.person},
    request = ${row.request}, inputs = ${row.inputs}, outputs = ${row.outputs}, tags = ${row.tags}, metadata = ${row.metadata},
    links = ${row.links}, assessments = ${row.assessments}, root = ${row.root}, told = ${row.told}, span_count = ${row.span_count},
    size_bytes = ${row.size_bytes} where id = ${row.id}`);
}

export async function findTrace(reader: Reader, id: string): Promise<TraceRow | undefined> {
  return reader.get<TraceRow>(sql`select ${columns} from traces_trace where id = ${id}`);
}

/** Rows of these traces, in no particular order. */
export async function traceRows(reader: Reader, ids: string[]): Promise<TraceRow[]> {
  const rows: TraceRow[] = [];
  for (let i = 0; i < ids.length; i += idsPerQuery) {
    const part = Array.from({ length: idsPerQuery }, (_, j) => ids[i + j] ?? null); // padded: one statement for every length
    rows.push(...(await reader.all<TraceRow>(sql`select ${columns} from traces_trace where id in ${sqlIn(part)}`)));
  }
  return rows;
}

/** Traces that meet a condition, newest first, after a place in that order. */
export async function newestTraces(
  reader: Reader,
  where: Sql,
  after: { startedMs: number; id: string } | undefined,
  limit: number,
): Promise<TraceRow[]> {
  const later = after === undefined ? sql`` : sql` and started_ms <= ${after.startedMs} and (started_ms < ${after.startedMs} or id > ${after.id})`;
  return reader.all<TraceRow>(sql`select ${columns} from traces_trace where ${where}${later} order by started_ms desc, id limit ${limit}`);
}

/** Ids of an experiment's traces, the oldest first. */
export async function oldestTraceIds(reader: Reader, where: Sql, limit: number): Promise<string[]> {
  const rows = await reader.all<{ id: string }>(sql`select id from traces_trace where ${where} order by started_ms, id limit ${limit}`);
  return rows.map(({ id }) => id);
}

export async function deleteTraceRows(transaction: Transaction, ids: string[]): Promise<number> {
  await transaction.run(sql`delete from traces_batch where trace in ${sqlIn(ids)}`);
  return transaction.run(sql`delete from traces_trace where id in ${sqlIn(ids)}`);
}

// Batches

export interface BatchHead {
  digest: string;
  /** 16 hexadecimal digits each, one after the other. */
  span_ids: string;
  size_bytes: number;
  /** Where the blob store has the body; null where it is in the row. */
  blob_key: string | null;
}

export interface Batch extends BatchHead {
  trace: string;
  body: Uint8Array | null;
}

export async function insertBatch(transaction: Transaction, batch: Batch): Promise<void> {
  await transaction.run(sql`insert into traces_batch (trace, digest, span_ids, size_bytes, body, blob_key)
    values (${batch.trace}, ${batch.digest}, ${batch.span_ids}, ${batch.size_bytes}, ${batch.body}, ${batch.blob_key})
    on conflict (trace, digest) do nothing`);
}

export async function batchHeads(reader: Reader, trace: string): Promise<BatchHead[]> {
  return reader.all<BatchHead>(sql`select digest, span_ids, size_bytes, blob_key from traces_batch where trace = ${trace}`);
}

export async function batchesOf(reader: Reader, traces: string[]): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (let i = 0; i < traces.length; i += idsPerQuery) {
    const part = Array.from({ length: idsPerQuery }, (_, j) => traces[i + j] ?? null); // as above
    batches.push(
      ...(await reader.all<Batch>(
        sql`select trace, digest, span_ids, size_bytes, body, blob_key from traces_batch where trace in ${sqlIn(part)} order by trace, digest`,
      )),
    );
  }
  return batches;
}

/** Where the blob store has spans of these traces. */
export async function blobKeys(reader: Reader, traces: string[]): Promise<string[]> {
  const rows = await reader.all<{ blob_key: string }>(
    sql`select blob_key from traces_batch where blob_key is not null and trace in ${sqlIn(traces)}`,
  );
  return rows.map(({ blob_key: key }) => key);
}

export async function deleteBatches(transaction: Transaction, trace: string, digests: string[]): Promise<void> {
  await transaction.run(sql`delete from traces_batch where trace = ${trace} and digest in ${sqlIn(digests)}`);
}

// Rows as traces

export function parseTrace(row: TraceRow): Trace {
  return {
    id: row.id,
    experiment: row.experiment,
    name: row.name ?? undefined,
    status: row.status,
    startedMs: row.started_ms,
    durationMs: row.ended_ms === null ? undefined : row.ended_ms - row.started_ms,
    run: row.run ?? undefined,
    session: row.session ?? undefined,
    user: row.person ?? undefined,
    request: row.request ?? undefined,
    inputs: row.inputs ?? undefined,
    outputs: row.outputs ?? undefined,
    tags: parseLabels(row.tags),
    metadata: parseLabels(row.metadata),
    links: parseLinks(row.links),
    assessments: parseAssessments(row.assessments),
    spanCount: row.span_count,
    sizeBytes: row.size_bytes,
    told: row.told === 1,
  };
}

// What follows was written by this domain.

export function parseLabels(json: string): Record<string, string> {
  return JSON.parse(json) as Record<string, string>;
}

export function parseLinks(json: string): TraceLink[] {
  return JSON.parse(json) as TraceLink[];
}

export function parseAssessments(json: string): Assessment[] {
  return JSON.parse(json) as Assessment[];
}

export function traceNotFound(id: string): AppError {
  return new AppError("not_found", `There is no trace "${id}".`, { hint: "millrace traces list" });
}
