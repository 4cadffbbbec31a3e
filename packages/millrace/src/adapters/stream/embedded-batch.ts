import { crc32 } from "node:zlib";
import type { StreamInput, StreamRecord } from "#ports/stream";

/*
 * The stored form of records. Hot path: every record of every stream passes here twice.
 * Budget: 1 µs a record of 200 bytes to encode, 0.5 µs to check and decode. Benchmark: bench/log.
 *
 * A segment file is a 64-byte header followed by batches. All numbers are little-endian, a batch starts at a multiple of 8 (so
 * that its arrays can be used where they lie), and its parts follow each other without gaps:
 *
 *   batch   := magic u32 | crc u32 (CRC-32 of all bytes after it) | length u32 (whole batch) | count u32
 *              | base offset f64 | smallest time f64 | largest time f64
 *              | bytes of values u32 | of keys u32 | of headers u32 | flags u32 (1: has keys, 2: has headers) | 8 bytes of zeros
 *              | times f64[count] | value ends u32[count] | key ends u32[count] if flagged | header ends u32[count] if flagged
 *              | keys | headers (JSON objects) | values | zeros up to a multiple of 8
 *   ends    := where the record's part ends, from the start of that part; the highest bit is set where the record has none
 *   segment := magic u32 | crc u32 (of the 56 bytes after it) | format version u32 | topic id u32 | partition u32 | 0 u32
 *              | base offset f64 | created ms f64 | 24 bytes of zeros
 */

export const headerBytes = 64;
const batchMagic = 0x3142524d; // "MRB1"
const segmentMagic = 0x4753524d; // "MRSG"
const formatVersion = 1;
const hasKeys = 1;
const hasHeaders = 2;
const absent = 0x80000000;
const maxRecordsOfBatch = 4096;
const maxBytesOfBatch = 1 << 18; // several fit into a reader's chunk of 1 MB

export interface Encoded {
  buffer: Buffer;
  /** CRC-32 of the buffer. */
  crc: number;
  count: number;
  minTimeMs: number;
  maxTimeMs: number;
}

/**
 * Encodes records with consecutive offsets as one or more batches of at most 4,096 records and, unless one record is larger,
 * about 256 kB. Stops once `maxBytes` are reached, with at least one batch; `count` says how many records were taken from `from` on.
 */
export function encodeRecords(records: StreamInput[], from: number, baseOffset: number, nowMs: number, maxBytes: number): Encoded {
  const batches: BatchPlan[] = [];
  let totalBytes = 0;
  let next = from;
  while (next < records.length && (next === from || totalBytes < maxBytes)) {
    const batch = planBatch(records, next);
    batches.push(batch);
    totalBytes += batch.bytes;
    next += batch.count;
  }
  const buffer = Buffer.allocUnsafeSlow(totalBytes); // its own memory, so that it starts at a multiple of 8
  let at = 0;
  let minTimeMs = Infinity;
  let maxTimeMs = -Infinity;
  for (const batch of batches) {
    const times = fillBatch(buffer, at, batch, records, baseOffset + batch.from - from, nowMs);
    minTimeMs = Math.min(minTimeMs, times.min);
    maxTimeMs = Math.max(maxTimeMs, times.max);
    at += batch.bytes;
  }
  return { buffer, crc: crc32(buffer), count: next - from, minTimeMs, maxTimeMs };
}

/** A checked batch inside a chunk; its arrays are views. */
export interface BatchView {
  buffer: Buffer;
  base: number;
  count: number;
  bytes: number;
  maxTimeMs: number;
  times: Float64Array;
  valueEnds: Uint32Array;
  keyEnds: Uint32Array | undefined;
  headerEnds: Uint32Array | undefined;
  keysAt: number;
  headersAt: number;
  valuesAt: number;
}

/**
 * Looks at the batch that begins at `at`, a multiple of 8 from the start of the buffer's memory. Returns the bytes that are
 * needed where it does not end inside the buffer, and the reason where it is damaged.
 */
export function viewBatch(buffer: Buffer, at: number): BatchView | { needs: number } | { damage: string } {
  if (buffer.length - at < headerBytes) return { needs: headerBytes };
  if (buffer.readUInt32LE(at) !== batchMagic) return { damage: "no batch begins here" };
  const bytes = buffer.readUInt32LE(at + 8);
  const count = buffer.readUInt32LE(at + 12);
  if (bytes < headerBytes || bytes % 8 !== 0) return { damage: `a batch cannot be ${bytes} bytes long` };
  if (buffer.length - at < bytes) return { needs: bytes };
  if (crc32(buffer.subarray(at + 8, at + bytes)) !== buffer.readUInt32LE(at + 4)) return { damage: "the checksum of the batch does not match" };
  const memory = buffer.buffer;
  let next = buffer.byteOffset + at + headerBytes;
  const times = new Float64Array(memory, next, count);
  next += count * 8;
  const ends = () => {
    const array = new Uint32Array(memory, next, count);
    next += count * 4;
    return array;
  };
  const flags = buffer.readUInt32LE(at + 52);
  const valueEnds = ends();
  const keyEnds = flags & hasKeys ? ends() : undefined;
  const headerEnds = flags & hasHeaders ? ends() : undefined;
  const keysAt = next - buffer.byteOffset;
  const headersAt = keysAt + buffer.readUInt32LE(at + 44);
  const valuesAt = headersAt + buffer.readUInt32LE(at + 48);
  const base = buffer.readDoubleLE(at + 16);
  const maxTimeMs = buffer.readDoubleLE(at + 32);
  return { buffer, base, count, bytes, maxTimeMs, times, valueEnds, keyEnds, headerEnds, keysAt, headersAt, valuesAt };
}

/** Adds the records `from` … `to - 1` of a batch (counted inside it) to `records`, without copying their bytes. */
export function decodeRecords(view: BatchView, from: number, to: number, records: StreamRecord[]): void {
  const { buffer, base, times, valueEnds, keyEnds, headerEnds, keysAt, headersAt, valuesAt } = view;
  let valueStart = valuesAt + (from === 0 ? 0 : valueEnds[from - 1]!);
  let keyStart = keysAt + (from === 0 || !keyEnds ? 0 : keyEnds[from - 1]! & ~absent);
  let headerStart = headersAt + (from === 0 || !headerEnds ? 0 : headerEnds[from - 1]! & ~absent);
  let headersText = "";
  let headers: Record<string, string> | undefined;
  for (let i = from; i < to; i++) {
    const valueEnd = valuesAt + valueEnds[i]!;
    const value = buffer.subarray(valueStart, valueEnd);
    valueStart = valueEnd;
    let key: Buffer | undefined;
    if (keyEnds) {
      const keyEnd = keysAt + (keyEnds[i]! & ~absent);
      if (keyEnds[i]! < absent) key = buffer.subarray(keyStart, keyEnd);
      keyStart = keyEnd;
    }
    let own: Record<string, string> | undefined;
    if (headerEnds) {
      const headerEnd = headersAt + (headerEnds[i]! & ~absent);
      if (headerEnds[i]! < absent) {
        const text = buffer.toString("utf8", headerStart, headerEnd);
        if (text !== headersText || !headers) {
          headersText = text;
          headers = JSON.parse(text) as Record<string, string>; // written by `headersJson` and covered by the checksum
        }
        own = headers;
      }
      headerStart = headerEnd;
    }
    records.push({ offset: base + i, timeMs: times[i]!, key, value, headers: own });
  }
}

export function encodeSegmentHeader(topicId: number, partition: number, baseOffset: number, createdMs: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(segmentMagic, 0);
  header.writeUInt32LE(formatVersion, 8);
  header.writeUInt32LE(topicId, 12);
  header.writeUInt32LE(partition, 16);
  header.writeDoubleLE(baseOffset, 24);
  header.writeDoubleLE(createdMs, 32);
  header.writeUInt32LE(crc32(header.subarray(8)), 4);
  return header;
}

/** Why the header of a segment cannot be accepted, or undefined. */
export function segmentHeaderDamage(header: Buffer, topicId: number, partition: number, baseOffset: number): string | undefined {
  if (header.length < headerBytes || header.readUInt32LE(0) !== segmentMagic) return "this is not a segment of a stream";
  if (crc32(header.subarray(8, headerBytes)) !== header.readUInt32LE(4)) return "the checksum of the header does not match";
  const version = header.readUInt32LE(8);
  if (version !== formatVersion) return `it has format version ${version}, this Millrace reads ${formatVersion}`;
  if (header.readUInt32LE(12) !== topicId || header.readUInt32LE(16) !== partition || header.readDoubleLE(24) !== baseOffset) {
    return "it belongs to another topic, partition or offset";
  }
  return undefined;
}

/** A prepared batch: lengths in bytes, -1 where a record has no such part. */
interface BatchPlan {
  from: number;
  count: number;
  bytes: number;
  values: Int32Array;
  keys: Int32Array | undefined;
  headers: Int32Array | undefined;
  headersJson: Buffer[];
  valuesBytes: number;
  keysBytes: number;
  headersBytes: number;
}

function planBatch(records: StreamInput[], from: number): BatchPlan {
  const most = Math.min(maxRecordsOfBatch, records.length - from);
  const values = new Int32Array(most);
  let keys: Int32Array | undefined;
  let headers: Int32Array | undefined;
  const headersJson: Buffer[] = [];
  let lastHeaders: StreamInput["headers"];
  let lastJson: Buffer = emptyBuffer;
  let [valuesBytes, keysBytes, headersBytes, count] = [0, 0, 0, 0];
  for (; count < most && (count === 0 || valuesBytes + keysBytes + headersBytes < maxBytesOfBatch); count++) {
    const record = records[from + count]!;
    valuesBytes += values[count] = byteLength(record.value);
    if (record.key !== undefined) {
      keys ??= new Int32Array(most).fill(-1);
      keysBytes += keys[count] = byteLength(record.key);
    }
    if (record.headers !== undefined) {
      headers ??= new Int32Array(most).fill(-1);
      if (record.headers !== lastHeaders) lastJson = Buffer.from(JSON.stringify((lastHeaders = record.headers))); // one object often serves many records
      headersJson.push(lastJson);
      headersBytes += headers[count] = lastJson.length;
    }
  }
  const arrays = count * (8 + 4 + (keys ? 4 : 0) + (headers ? 4 : 0));
  const bytes = roundUp8(headerBytes + arrays + valuesBytes + keysBytes + headersBytes);
  return { from, count, bytes, values, keys, headers, headersJson, valuesBytes, keysBytes, headersBytes };
}

function fillBatch(buffer: Buffer, at: number, plan: BatchPlan, records: StreamInput[], baseOffset: number, nowMs: number) {
  const { from, count, bytes } = plan;
  buffer.fill(0, at, at + headerBytes);
  buffer.fill(0, at + bytes - 8, at + bytes);
  let next = at + headerBytes;
  const times = new Float64Array(buffer.buffer, next, count);
  next += count * 8;
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < count; i++) {
    const timeMs = records[from + i]!.timeMs ?? nowMs;
    times[i] = timeMs;
    if (timeMs < min) min = timeMs;
    if (timeMs > max) max = timeMs;
  }
  for (const lengths of [plan.values, plan.keys, plan.headers]) {
    if (!lengths) continue;
    fillEnds(new Uint32Array(buffer.buffer, next, count), lengths);
    next += count * 4;
  }
  if (plan.keys) for (let i = 0; i < count; i++) if (plan.keys[i]! > 0) next = put(buffer, next, records[from + i]!.key!, plan.keys[i]!);
  for (const json of plan.headersJson) next = put(buffer, next, json, json.length);
  for (let i = 0; i < count; i++) next = put(buffer, next, records[from + i]!.value, plan.values[i]!);

  buffer.writeUInt32LE(batchMagic, at);
  buffer.writeUInt32LE(bytes, at + 8);
  buffer.writeUInt32LE(count, at + 12);
  buffer.writeDoubleLE(baseOffset, at + 16);
  buffer.writeDoubleLE(min, at + 24);
  buffer.writeDoubleLE(max, at + 32);
  buffer.writeUInt32LE(plan.valuesBytes, at + 40);
  buffer.writeUInt32LE(plan.keysBytes, at + 44);
  buffer.writeUInt32LE(plan.headersBytes, at + 48);
  buffer.writeUInt32LE((plan.keys ? hasKeys : 0) | (plan.headers ? hasHeaders : 0), at + 52);
  buffer.writeUInt32LE(crc32(buffer.subarray(at + 8, at + bytes)), at + 4);
  return { min, max };
}

function fillEnds(ends: Uint32Array, lengths: Int32Array): void {
  let end = 0;
  for (let i = 0; i < ends.length; i++) {
    const length = lengths[i]!;
    if (length < 0) ends[i] = end | absent;
    else ends[i] = end += length;
  }
}

function put(buffer: Buffer, at: number, data: Uint8Array | string, length: number): number {
  if (typeof data === "string") buffer.write(data, at, length, "utf8");
  else buffer.set(data, at);
  return at + length;
}

export function byteLength(data: Uint8Array | string): number {
  return typeof data === "string" ? Buffer.byteLength(data) : data.length;
}

const emptyBuffer = Buffer.alloc(0);
const roundUp8 = (bytes: number) => (bytes + 7) & ~7;
