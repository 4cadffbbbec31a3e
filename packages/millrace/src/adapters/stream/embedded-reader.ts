import { AppError } from "#kit/app-error";
import type { ReadOptions, StreamBatch, StreamRecord } from "#ports/stream";
import { decodeRecords, headerBytes } from "./embedded-batch.ts";
import { checkHeader, readChunk, type OpenSegment } from "./embedded-chunk.ts";
import { corrupt, isMissing, type LogFiles } from "./embedded-files.ts";
import { offsetAtTime, positionOf, type SegmentIndexes } from "./embedded-index.ts";
import { segmentPath } from "./embedded-paths.ts";
import { endOf, partitionAt, type LogState, type PartitionState, type SegmentState } from "./embedded-state.ts";

/** What readers know of the log: the writer's own state, or what a second process read from the journal. */
export interface LogView {
  folder: string;
  files: LogFiles;
  indexes: SegmentIndexes;
  state(): LogState;
  /** Looks for what another process has written. */
  refresh(): Promise<void>;
  /** Resolves to true once there may be more to read, to false when the log was closed or the signal came. */
  news(signal: AbortSignal | undefined): Promise<boolean>;
}

const defaultMaxRecords = 4096;
const defaultMaxBytes = 1 << 20;

/**
 * Yields one partition's records in order, as views into the chunks read.
 * Hot path: every record of every consumer. Budget: 500,000 records/s of 200 bytes from one reader, memory of two chunks.
 * Benchmark: bench/log.
 */
export async function* readPartition(view: LogView, topic: string, options: ReadOptions): AsyncGenerator<StreamBatch> {
  const { partition: index = 0, follow = false, signal, maxRecords = defaultMaxRecords, maxBytes = defaultMaxBytes } = options;
  const current = () => partitionAt(view.state(), topic, index);
  await view.refresh();
  let offset = await startOffset(view, current, options.from);
  const until = options.until ?? (follow ? Infinity : endOf(current()));
  let open: OpenSegment | undefined;
  try {
    while (offset < until && !signal?.aborted) {
      const partition = current();
      if (offset >= endOf(partition)) {
        if (!follow) return;
        if (!open && partition.segments.length > 0) {
          open = await openSegment(view, current, offset); // now, while the position of the end is known without an index
          continue;
        }
        if (await view.news(signal)) continue;
        return;
      }
      const segment = segmentOf(partition, offset);
      if (open?.base !== segment.base) {
        await open?.file.close();
        open = undefined;
        open = await openSegment(view, current, offset);
        if (!open) continue; // dropped while it was looked for: `segmentOf` of the next turn says so
      }
      const views = await readChunk(open, segment.bytes, maxBytes);
      let records: StreamRecord[] = [];
      for (const batch of views) {
        const end = Math.min(batch.count, until - batch.base);
        for (let i = Math.max(0, offset - batch.base); i < end;) {
          const next = Math.min(end, i + maxRecords - records.length);
          decodeRecords(batch, i, next, records);
          i = next;
          offset = batch.base + i;
          if (records.length < maxRecords) continue;
          yield { topic, partition: index, records, nextOffset: offset };
          if (signal?.aborted) return;
          records = [];
        }
      }
      if (records.length > 0) yield { topic, partition: index, records, nextOffset: offset };
    }
  } finally {
    await open?.file.close();
  }
}

async function startOffset(view: LogView, current: () => PartitionState, from: ReadOptions["from"]): Promise<number> {
  const partition = current();
  const end = endOf(partition);
  if (from === "first") return partition.first;
  if (from === "end") return end;
  if (typeof from === "number") {
    if (Number.isSafeInteger(from) && from >= 0 && from <= end) return from;
    throw new AppError(
      "invalid_argument",
      `Offset ${from} is not in partition ${partition.index} of topic "${partition.topic}", which ends at ${end}.`,
    );
  }
  if ("group" in from) return view.state().groups.get(from.group)?.get(partition.topicId)?.[partition.index] ?? partition.first;
  try {
    return await offsetAtTime(view, partition, from.timeMs);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await view.refresh(); // a segment was dropped meanwhile
    return offsetAtTime(view, current(), from.timeMs);
  }
}

function segmentOf(partition: PartitionState, offset: number): SegmentState {
  const found = offset >= partition.first && partition.segments.findLast((segment) => segment.base <= offset);
  if (found) return found;
  throw new AppError(
    "not_found",
    `Offset ${offset} of partition ${partition.index} of topic "${partition.topic}" is no longer kept; ${partition.first} is the oldest.`,
    {
      details: { topic: partition.topic, partition: partition.index, offset, firstOffset: partition.first },
      hint: 'Read from "first", or from that offset.',
    },
  );
}

/** Opens the segment that holds an offset; undefined when it went away meanwhile. Throws `corrupt_data` when it should be there. */
async function openSegment(view: LogView, current: () => PartitionState, offset: number): Promise<OpenSegment | undefined> {
  const partition = current();
  const segment = segmentOf(partition, offset);
  const path = segmentPath(view.folder, { id: partition.topicId, name: partition.topic }, { partition: partition.index, base: segment.base });
  try {
    return await openAt(view, path, partition, segment, offset);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await view.refresh();
    const still = current();
    if (still.first <= offset && still.segments.some(({ base }) => base === segment.base)) throw corrupt(path, 0, "the file is missing");
    return undefined;
  }
}

async function openAt(view: LogView, path: string, partition: PartitionState, segment: SegmentState, offset: number): Promise<OpenSegment> {
  const file = await view.files.open(path, "read");
  try {
    await checkHeader(file, path, partition, segment);
    const start = await positionOf(view.indexes, { file, path, base: segment.base, position: headerBytes, offset: segment.base }, segment, offset);
    return { file, path, base: segment.base, ...start };
  } catch (error) {
    await file.close();
    throw error;
  }
}
