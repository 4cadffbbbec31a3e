import { headerBytes } from "./embedded-batch.ts";
import { checkHeader, readChunk, type OpenSegment } from "./embedded-chunk.ts";
import type { LogFiles } from "./embedded-files.ts";
import { segmentPath } from "./embedded-paths.ts";
import { endOf, type PartitionState, type SegmentState } from "./embedded-state.ts";

/*
 * Where offsets and times lie in a segment. An index is kept in memory only: it is made by one pass over the segment when a reader
 * first begins in its middle, is carried on as the segment grows, and the least recently used ones are forgotten.
 */

interface SegmentIndex {
  /** Every `entryBytes` or so: the offset and position of a batch, and the largest time from there up to the next entry. */
  entries: { offset: number; position: number; maxTimeMs: number }[];
  next: { offset: number; position: number };
  /** Passes over the segment, one after the other. */
  pass: Promise<void>;
}

export type SegmentIndexes = Map<string, SegmentIndex>;

const entryBytes = 32 << 10;
const mostIndexes = 64;
const passBytes = 1 << 20;

/** Where to read so that the batch with `offset` comes soon. */
export async function positionOf(
  indexes: SegmentIndexes,
  open: OpenSegment,
  segment: SegmentState,
  offset: number,
): Promise<{ position: number; offset: number }> {
  if (offset === segment.base) return { position: headerBytes, offset };
  if (offset === segment.end) return { position: segment.bytes, offset };
  const { entries } = await indexUpTo(indexes, open, segment);
  const entry = entries[countWhere(entries, (candidate) => candidate.offset <= offset) - 1]!; // the first entry is the segment's base
  return { position: entry.position, offset: entry.offset };
}

/** The first offset whose record's time is `timeMs` or later, the end where there is none. Times need not be in order. */
export async function offsetAtTime(
  view: { folder: string; files: LogFiles; indexes: SegmentIndexes },
  partition: PartitionState,
  timeMs: number,
): Promise<number> {
  for (const segment of partition.segments) {
    if (segment.end <= partition.first || segment.maxTimeMs < timeMs) continue;
    const path = segmentPath(view.folder, { id: partition.topicId, name: partition.topic }, { partition: partition.index, base: segment.base });
    const file = await view.files.open(path, "read");
    try {
      await checkHeader(file, path, partition, segment);
      const open = { file, path, base: segment.base, position: headerBytes, offset: segment.base };
      const { entries } = await indexUpTo(view.indexes, { ...open }, segment);
      const entry = entries.find((candidate, i) => candidate.maxTimeMs >= timeMs && (entries[i + 1]?.offset ?? segment.end) > partition.first);
      const found = entry && (await scanForTime({ ...open, position: entry.position, offset: entry.offset }, segment, partition.first, timeMs));
      if (found !== undefined) return found;
    } finally {
      await file.close();
    }
  }
  return endOf(partition);
}

async function scanForTime(from: OpenSegment, segment: SegmentState, first: number, timeMs: number): Promise<number | undefined> {
  while (from.position < segment.bytes) {
    for (const batch of await readChunk(from, segment.bytes, passBytes)) {
      if (batch.maxTimeMs < timeMs) continue;
      const i = batch.times.findIndex((time, at) => time >= timeMs && batch.base + at >= first);
      if (i >= 0) return batch.base + i;
    }
  }
  return undefined;
}

async function indexUpTo(indexes: SegmentIndexes, open: OpenSegment, segment: SegmentState): Promise<SegmentIndex> {
  const index = indexes.get(open.path) ?? { entries: [], next: { offset: segment.base, position: headerBytes }, pass: Promise.resolve() };
  indexes.delete(open.path);
  indexes.set(open.path, index);
  for (const path of indexes.keys()) if (indexes.size > mostIndexes) indexes.delete(path);
  const pass = index.pass.then(() => extend(index, open, segment));
  index.pass = pass.catch(() => undefined); // this reader gets the error; another one tries anew
  await pass;
  return index;
}

async function extend(index: SegmentIndex, open: OpenSegment, segment: SegmentState): Promise<void> {
  const at = { ...open, ...index.next };
  while (at.position < segment.bytes) {
    for (const batch of await readChunk(at, segment.bytes, passBytes)) {
      const last = index.entries.at(-1);
      if (last && index.next.position - last.position < entryBytes) last.maxTimeMs = Math.max(last.maxTimeMs, batch.maxTimeMs);
      else index.entries.push({ ...index.next, maxTimeMs: batch.maxTimeMs });
      index.next = { offset: batch.base + batch.count, position: index.next.position + batch.bytes };
    }
  }
}

/** How many entries at the front fulfil a condition that, once false, stays false. */
function countWhere<T>(entries: T[], holds: (entry: T) => boolean): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(entries[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}
