import { getExperiment } from "#domains/tracking";
import { parseArgument } from "#kit/parse-argument";
import type { Transaction } from "#ports/database";
import { takeEarlyLinks } from "./early-links.ts";
import { traceIdSchema, traceLimits, type TracesServices } from "./model.ts";
import { isSmall, joinBatches, storeBatch } from "./span-bodies.ts";
import { mergeSpans } from "./span-code.ts";
import { type Batch, batchesOf, batchHeads, deleteBatches, insertBatch, insertTrace, lockTrace, saveTrace, type TraceRow } from "./store.ts";
import { type ReceivedSpan, summaryOf, withLater } from "./trace-summary.ts";

/** So many small batches of a trace are put together. */
const smallBatchesAtMost = 64;

export interface RefusedSpans {
  count: number;
  reason: string;
}

/**
 * Takes spans of any number of traces, durable when resolved, in any order and in pieces: a trace grows. A span that comes again
 * adds nothing. Spans of new traces go to `experiment`; those of a trace that is there stay with it. What a trace or a span has no
 * room for is refused and told; the rest is kept. Throws `not_found` for the experiment.
 *
 * Budget: 1,000 spans of 100 traces in under 50 ms.
 */
export async function recordSpans(
  services: TracesServices,
  { experiment, spans }: { experiment: string; spans: ReceivedSpan[] },
): Promise<{ traces: string[]; refused: RefusedSpans[] }> {
  const { state, blobs, clock } = services;
  if (spans.length === 0) return { traces: [], refused: [] };
  await getExperiment(services, { id: experiment });
  const refused: RefusedSpans[] = [];
  const pieces: Piece[] = [];
  // In the order of their ids: two deliveries that share traces then wait for each other, and never both ways.
  for (const [trace, received] of [...byTrace(spans)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    parseArgument(traceIdSchema, "trace's id", trace); // it becomes part of a blob's key
    const batch = await storeBatch(blobs, trace, mergeSpans(received.map(({ span }) => span)));
    if (batch.size_bytes > traceLimits.bytesPerTrace) refused.push(tooLarge(trace, received.length));
    else pieces.push({ batch, summary: summaryOf(trace, experiment, received) });
  }
  const late = await state.write(async (transaction) => {
    const none: RefusedSpans[] = [];
    const made: string[] = [];
    for (const piece of pieces) {
      const added = await addPiece(transaction, piece, clock.now());
      if (added === "made") made.push(piece.batch.trace);
      else if (added !== "grown") none.push(added);
    }
    await takeEarlyLinks(transaction, made, clock.now());
    return none;
  });
  return { traces: pieces.map(({ batch }) => batch.trace), refused: [...refused, ...late] };
}

interface Piece {
  batch: Batch;
  summary: TraceRow;
}

async function addPiece(transaction: Transaction, { batch, summary }: Piece, nowMs: number): Promise<"made" | "grown" | RefusedSpans> {
  const count = batch.span_ids.length / spanIdLength;
  const row = { ...summary, span_count: count, size_bytes: batch.size_bytes };
  if (await insertTrace(transaction, row, nowMs)) {
    await insertBatch(transaction, batch);
    return "made";
  }
  const standing = (await lockTrace(transaction, batch.trace, nowMs)) ?? row; // it was there a statement ago, and is held now
  const heads = await batchHeads(transaction, batch.trace);
  if (heads.some(({ digest }) => digest === batch.digest)) return "grown";
  const ids = spanIds([batch.span_ids, ...heads.map((head) => head.span_ids)]);
  const sizeBytes = standing.size_bytes + batch.size_bytes;
  if (ids.size > traceLimits.spansPerTrace || sizeBytes > traceLimits.bytesPerTrace) return tooLarge(batch.trace, count);
  await insertBatch(transaction, batch);
  const joined = heads.filter(isSmall).length >= smallBatchesAtMost ? await joinSmall(transaction, batch.trace) : 0;
  await saveTrace(transaction, { ...withLater(standing, summary), span_count: ids.size, size_bytes: sizeBytes + joined });
  return "grown";
}

/** Tells by how many bytes the trace grew: less than none. */
async function joinSmall(transaction: Transaction, trace: string): Promise<number> {
  const small = (await batchesOf(transaction, [trace])).filter(isSmall);
  const joined = joinBatches(trace, small);
  await deleteBatches(
    transaction,
    trace,
    small.map(({ digest }) => digest),
  );
  for (const batch of joined) await insertBatch(transaction, batch);
  return bytesOf(joined) - bytesOf(small);
}

const spanIdLength = 16;

function spanIds(texts: string[]): Set<string> {
  const ids = new Set<string>();
  for (const text of texts) for (let at = 0; at < text.length; at += spanIdLength) ids.add(text.slice(at, at + spanIdLength));
  return ids;
}

function byTrace(spans: ReceivedSpan[]): Map<string, ReceivedSpan[]> {
  const traces = new Map<string, ReceivedSpan[]>();
  for (const each of spans) {
    const trace = traces.get(each.span.trace);
    if (trace === undefined) traces.set(each.span.trace, [each]);
    else trace.push(each);
  }
  return traces;
}

function bytesOf(batches: Batch[]): number {
  return batches.reduce((sum, batch) => sum + batch.size_bytes, 0);
}

function tooLarge(trace: string, count: number): RefusedSpans {
  const { spansPerTrace, bytesPerTrace } = traceLimits;
  return {
    count,
    reason: `Trace "${trace}" would have more than ${spansPerTrace} spans or ${bytesPerTrace / 2 ** 20} MB: its later spans are not kept. Begin a new trace for each request.`,
  };
}
