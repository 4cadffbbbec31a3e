import { dirname } from "node:path";
import type { StreamInput } from "#ports/stream";
import { encodeRecords, encodeSegmentHeader, headerBytes } from "./embedded-batch.ts";
import type { LogFile, LogFiles } from "./embedded-files.ts";
import type { SegmentRow } from "./embedded-journal.ts";
import { dataFolder, segmentPath } from "./embedded-paths.ts";
import type { Draft } from "./embedded-plan.ts";
import { endOf, type LogState, type PartitionState } from "./embedded-state.ts";

/** Bytes to be added to one segment, and what the journal will say of it. */
export interface SegmentWrite {
  row: SegmentRow;
  /** Header of a segment that is new. */
  header: Buffer | undefined;
  data: Buffer;
  position: number;
}

/** Encodes a draft's records, beginning new segments where one is full. */
export function encodeSegments(draft: Draft, segmentBytes: number): SegmentWrite[] {
  return [...draft.appends].flatMap(([partition, { lists }]) =>
    encodePartition(partition, lists.length === 1 ? lists[0]! : lists.flat(), segmentBytes, draft.nowMs),
  );
}

export interface OpenSegments {
  /** Writes all, not yet durable; resolves to the files to be synced. */
  write(writes: SegmentWrite[]): Promise<{ write: SegmentWrite; file: LogFile }[]>;
  /** Takes back what `write` wrote, all or in part. */
  undo(writes: SegmentWrite[]): Promise<void>;
  /** Closes and removes files. */
  drop(paths: string[]): Promise<void>;
  close(): Promise<void>;
}

/** The files being written to, kept open; few enough for any system's limit on open files. */
export function openSegments(files: LogFiles, folder: string, state: LogState, mostOpen = 128): OpenSegments {
  const open = new Map<string, LogFile>(); // the least recently used one is first
  const pathOf = (row: SegmentRow) => segmentPath(folder, state.byId.get(row.topicId)!, row);

  async function fileFor(write: SegmentWrite): Promise<LogFile> {
    const path = pathOf(write.row);
    let file = open.get(path);
    if (file) {
      open.delete(path);
    } else if (write.header) {
      await files.makeFolder(dirname(path));
      file = await files.open(path, "create");
    } else {
      file = await files.open(path, "write");
    }
    open.set(path, file);
    return file;
  }

  async function closeFile(path: string): Promise<void> {
    const file = open.get(path);
    open.delete(path);
    await file?.close();
  }

  return {
    async write(writes) {
      const written: { write: SegmentWrite; file: LogFile }[] = [];
      for (const write of writes) written.push({ write, file: await fileFor(write) });
      const outcomes = await Promise.allSettled(
        written.map(async ({ write, file }) => {
          if (write.header) await file.write(write.header, 0);
          await file.write(write.data, write.position);
        }),
      );
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
      const begun = writes.filter((write) => write.header).map((write) => dirname(pathOf(write.row)));
      for (const place of new Set(begun)) await files.syncFolder(place);
      if (begun.length > 0) {
        await files.syncFolder(dataFolder(folder));
        await files.syncFolder(folder);
      }
      const idle = [...open.keys()].slice(0, Math.max(0, open.size - Math.max(mostOpen, writes.length)));
      for (const path of idle) await closeFile(path);
      return written;
    },
    async undo(writes) {
      for (const write of writes) {
        const path = pathOf(write.row);
        if (write.header) {
          await closeFile(path);
          await files.remove(path);
        } else {
          await open.get(path)?.truncate(write.position);
        }
      }
    },
    async drop(paths) {
      for (const path of paths) {
        await closeFile(path);
        await files.remove(path);
      }
    },
    async close() {
      for (const path of [...open.keys()]) await closeFile(path);
    },
  };
}

function encodePartition(partition: PartitionState, records: StreamInput[], segmentBytes: number, nowMs: number): SegmentWrite[] {
  const writes: SegmentWrite[] = [];
  let active = partition.segments.at(-1);
  if (active && active.end <= partition.first) active = undefined; // nothing in it can be read: a new one lets it go
  for (let from = 0, offset = endOf(partition); from < records.length;) {
    const begun = active === undefined || active.bytes >= segmentBytes;
    const position = begun ? headerBytes : active!.bytes;
    const { buffer, crc, count, minTimeMs, maxTimeMs } = encodeRecords(records, from, offset, nowMs, segmentBytes - position);
    const row: SegmentRow = {
      topicId: partition.topicId,
      partition: partition.index,
      base: begun ? offset : active!.base,
      end: offset + count,
      bytes: position + buffer.length,
      minTimeMs: begun ? minTimeMs : Math.min(active!.minTimeMs, minTimeMs),
      maxTimeMs: begun ? maxTimeMs : Math.max(active!.maxTimeMs, maxTimeMs),
      appendedMs: nowMs,
      addedCrc: crc,
    };
    const header = begun ? encodeSegmentHeader(partition.topicId, partition.index, offset, nowMs) : undefined;
    writes.push({ row, header, data: buffer, position });
    active = row;
    from += count;
    offset += count;
  }
  return writes;
}
