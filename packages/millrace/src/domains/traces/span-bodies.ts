import { collectBytes } from "#kit/collect-bytes";
import { sha256 } from "#kit/hash";
import type { BlobStore } from "#ports/blob-store";
import type { Reader } from "#ports/database";
import type { Span } from "./model.ts";
import { mergeSpans, packSpans, unpackSpans } from "./span-code.ts";
import { type Batch, type BatchHead, batchesOf } from "./store.ts";

/** What is larger than this goes to the blob store, not through the state database. */
const inlineBytes = 128 * 1024;

/** Spans of one trace as a batch to insert, with their bytes stored already where they are many. */
export async function storeBatch(blobs: BlobStore, trace: string, spans: Span[]): Promise<Batch> {
  const ordered = spans.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const body = packSpans(ordered);
  const batch = { trace, digest: sha256(body), span_ids: ordered.map(({ id }) => id).join(""), size_bytes: body.length };
  if (body.length <= inlineBytes) return { ...batch, body, blob_key: null };
  const key = `traces/${trace}/${batch.digest}`;
  await blobs.put(key, body, { ifAbsent: true });
  return { ...batch, body: null, blob_key: key };
}

/** Small batches put together, as few as they fit in; all of them are in the database, and stay there. */
export function joinBatches(trace: string, batches: Batch[]): Batch[] {
  const spans = mergeSpans(batches.flatMap(({ body }) => (body === null ? [] : unpackSpans(trace, body))));
  const joined: Batch[] = [];
  for (let from = 0; from < spans.length;) {
    let count = spans.length - from;
    let body = packSpans(spans.slice(from, from + count));
    while (body.length > inlineBytes && count > 1) {
      count = Math.ceil(count / 2);
      body = packSpans(spans.slice(from, from + count));
    }
    const ids = spans.slice(from, from + count).map(({ id }) => id);
    joined.push({ trace, digest: sha256(body), span_ids: ids.join(""), size_bytes: body.length, body, blob_key: null });
    from += count;
  }
  return joined;
}

/** Whether a batch is small enough to be put together with others. */
export function isSmall({ size_bytes: sizeBytes, blob_key: key }: BatchHead): boolean {
  return key === null && sizeBytes < inlineBytes / 2;
}

/**
 * The spans of traces, each once: those without a parent first, then in the order in which they began. Where `worth` says so of the
 * packed spans, a trace has none.
 */
export async function spansOf(
  { state, blobs }: { state: Reader; blobs: BlobStore },
  traces: string[],
  worth: (bodies: Uint8Array[]) => boolean = () => true,
): Promise<Map<string, Span[]>> {
  const bodies = new Map<string, Uint8Array[]>(traces.map((trace) => [trace, []]));
  for (const { trace, body, blob_key: key } of await batchesOf(state, traces))
    bodies.get(trace)!.push(body ?? (await collectBytes(await blobs.get(key!)))); // one of the two is there
  const spans = [...bodies].map(([trace, packed]): [string, Span[]] => {
    const unpacked = worth(packed) ? packed.flatMap((body) => unpackSpans(trace, body)) : [];
    return [trace, mergeSpans(unpacked).sort(inOrder)];
  });
  return new Map(spans);
}

function inOrder(a: Span, b: Span): number {
  if ((a.parent === undefined) !== (b.parent === undefined)) return a.parent === undefined ? -1 : 1;
  if (a.startNs !== b.startNs) return a.startNs < b.startNs ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}
