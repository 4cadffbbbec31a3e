import { headerBytes, segmentHeaderDamage, viewBatch, type BatchView } from "./embedded-batch.ts";
import { corrupt, type LogFile } from "./embedded-files.ts";
import type { PartitionState, SegmentState } from "./embedded-state.ts";

/** A segment being read: the next batch lies at `position` and should begin with `offset`. */
export interface OpenSegment {
  file: LogFile;
  path: string;
  base: number;
  position: number;
  offset: number;
}

/**
 * Reads about `maxBytes` of whole batches, at least one, up to `endPosition`, and moves on behind them.
 * Throws `corrupt_data` naming file and position.
 */
export async function readChunk(from: OpenSegment, endPosition: number, maxBytes: number): Promise<BatchView[]> {
  let wanted = Math.max(headerBytes, maxBytes);
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(wanted, endPosition - from.position)); // its own memory, so that it starts at a multiple of 8
    const got = await from.file.read(buffer, from.position);
    if (got < buffer.length) throw corrupt(from.path, from.position + got, `the file ends here, it should have ${endPosition} bytes`);
    const views: BatchView[] = [];
    let at = 0;
    while (at < buffer.length) {
      const found = viewBatch(buffer, at);
      if ("damage" in found) throw corrupt(from.path, from.position + at, found.damage);
      if ("needs" in found) {
        if (from.position + at + found.needs > endPosition) throw corrupt(from.path, from.position + at, "a batch reaches beyond the end");
        if (views.length > 0) break;
        wanted = found.needs;
        break;
      }
      if (found.base !== from.offset) throw corrupt(from.path, from.position + at, `offset ${from.offset} should be here, offset ${found.base} is`);
      views.push(found);
      from.offset += found.count;
      at += found.bytes;
    }
    from.position += at;
    if (views.length > 0) return views;
  }
}

/** Throws `corrupt_data` where the file is not the segment it should be. */
export async function checkHeader(file: LogFile, path: string, partition: PartitionState, segment: SegmentState): Promise<void> {
  const header = Buffer.alloc(headerBytes);
  const got = await file.read(header, 0);
  const damage = segmentHeaderDamage(header.subarray(0, got), partition.topicId, partition.index, segment.base);
  if (damage) throw corrupt(path, 0, damage);
}
