import { crc32 } from "node:zlib";
import type { Appended } from "#ports/stream";
import { corrupt } from "./embedded-files.ts";

/*
 * The journal decides what the log holds. Each group of writes is one record in it; a record names the segments that grew with
 * their new sizes and offsets, the groups' new offsets and the producers' new epochs and states. Values are absolute, so that
 * applying a record is the same for a live write, for recovery and for a reader in another process.
 *
 * A journal file `journal-<seq>.log` begins with a snapshot: a record that holds everything up to `seq`. It appears by renaming a
 * finished file, so it is never torn. Numbers are little-endian:
 *
 *   frame := magic u32 | crc u32 (CRC-32 of all bytes after it) | length u32 (whole frame, a multiple of 8) | bytes of JSON u32
 *            | seq f64 | JSON of the record | zeros up to a multiple of 8
 */

export interface JournalRecord {
  seq: number;
  /** Format of the journal and of what it names; in snapshots only. */
  format?: number;
  topics?: TopicRow[];
  segments?: SegmentRow[];
  /** New first offsets: [topic id, partition, offset]. Segments that hold nothing from there on are gone, except the last. */
  firsts?: [number, number, number][];
  /** [group, topic id, partition, offset] */
  offsets?: [string, number, number, number][];
  producers?: ProducerRow[];
  sequences?: SequenceRow[];
}

export interface TopicRow {
  id: number;
  name: string;
  partitions: number;
  retentionMs?: number;
  retentionBytes?: number;
}

/** A segment that grew to `bytes`; `addedCrc` is the CRC-32 of what was added, the file's header left out. */
export interface SegmentRow {
  topicId: number;
  partition: number;
  base: number;
  end: number;
  bytes: number;
  minTimeMs: number;
  maxTimeMs: number;
  appendedMs: number;
  addedCrc?: number;
}

export interface ProducerRow {
  id: string;
  epoch: number;
  /** Base 64; absent where there is none. */
  state?: string;
}

export interface SequenceRow {
  producer: string;
  next: number;
  /** Where the newest appends went, the last one for `next - 1`. */
  recent: Appended[][];
}

export const journalFormat = 1;
const frameMagic = 0x314a524d; // "MRJ1"
const frameHeaderBytes = 24;

export function encodeFrame(record: JournalRecord): Buffer {
  const json = Buffer.from(JSON.stringify(record));
  const frame = Buffer.alloc((frameHeaderBytes + json.length + 7) & ~7);
  frame.writeUInt32LE(frameMagic, 0);
  frame.writeUInt32LE(frame.length, 8);
  frame.writeUInt32LE(json.length, 12);
  frame.writeDoubleLE(record.seq, 16);
  json.copy(frame, frameHeaderBytes);
  frame.writeUInt32LE(crc32(frame.subarray(8)), 4);
  return frame;
}

export interface ScannedFrame {
  at: number;
  bytes: number;
  record: JournalRecord;
}

/**
 * Reads the frames of a journal from `at` on. An unfinished or damaged end is left out; damage that is followed by a good frame
 * cannot come from a crash and throws `corrupt_data`.
 */
export function scanFrames(journal: Buffer, at: number, lastSeq: number, path: string): ScannedFrame[] {
  const frames: ScannedFrame[] = [];
  let seq = lastSeq;
  let next = at;
  for (let frame = frameAt(journal, next); frame; frame = frameAt(journal, next)) {
    if (frame.record.seq <= seq) throw corrupt(path, next, `record ${frame.record.seq} follows record ${seq}`);
    frames.push(frame);
    seq = frame.record.seq;
    next += frame.bytes;
  }
  for (let later = next + 8; later + frameHeaderBytes <= journal.length; later += 8) {
    const found = frameAt(journal, later);
    if (found && found.record.seq > seq) throw corrupt(path, next, `a record is unreadable, yet record ${found.record.seq} follows it`);
  }
  return frames;
}

function frameAt(journal: Buffer, at: number): ScannedFrame | undefined {
  if (journal.length - at < frameHeaderBytes || journal.readUInt32LE(at) !== frameMagic) return undefined;
  const bytes = journal.readUInt32LE(at + 8);
  const jsonBytes = journal.readUInt32LE(at + 12);
  if (bytes < frameHeaderBytes || bytes > journal.length - at || jsonBytes > bytes - frameHeaderBytes) return undefined;
  if (crc32(journal.subarray(at + 8, at + bytes)) !== journal.readUInt32LE(at + 4)) return undefined;
  const text = journal.toString("utf8", at + frameHeaderBytes, at + frameHeaderBytes + jsonBytes);
  return { at, bytes, record: JSON.parse(text) as JournalRecord }; // written by `encodeFrame` and covered by the checksum
}
