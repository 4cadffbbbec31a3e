import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fixedClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import type { Stream, StreamBatch } from "#ports/stream";
import { readRecords } from "../../../../../tests/contracts/stream.ts";
import { openEmbeddedStream } from "./embedded.ts";
import type { StreamLimits } from "./embedded-limits.ts";
import { memoryDisk, seededRandom } from "./embedded-memory-disk.ts";

let root: string;
let folder: string;
const opened: Stream[] = [];
const clock = fixedClock(1_000_000);
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "millrace-stream-"));
  folder = join(root, "stream");
});
afterEach(async () => {
  for (const stream of opened.splice(0)) await stream.close();
  await rm(root, { recursive: true });
});

async function open(limits: Partial<StreamLimits> = {}, readOnly = false): Promise<Stream> {
  const stream = await openEmbeddedStream({ folder, clock, log: silentLog, limits, readOnly });
  opened.push(stream);
  return stream;
}
const texts = async (stream: Stream, topic: string) => (await readRecords(stream, topic)).map((record) => record.value.toString());

it("finds any offset and any time in segments of many batches, with chunks of any size", async () => {
  const random = seededRandom(1);
  let stream = await open({ segmentBytes: 150_000 });
  await stream.createTopic("t");
  const times: number[] = [];
  while (times.length < 6_000) {
    const records = Array.from({ length: 1 + Math.floor(random() * 60) }, (_, i) => {
      const timeMs = (times.length + i) * 10 + Math.floor(random() * 200); // out of order by up to 200 ms
      return { timeMs, key: String(times.length + i), value: "x".repeat(Math.floor(random() * 150)) };
    });
    await stream.append("t", records);
    times.push(...records.map((record) => record.timeMs));
  }
  await stream.truncateBefore("t", 0, 700);
  await stream.close();
  stream = await open({ segmentBytes: 150_000 });
  const [topic] = await stream.topics(["t"]);
  expect(topic!.partitions[0]!.sizeBytes).toBeGreaterThan(450_000);
  for (let i = 0; i < 150; i++) {
    const maxBytes = Math.ceil(random() ** 3 * 200_000);
    const offset = 700 + Math.floor(random() * (times.length - 700));
    const until = Math.min(times.length, offset + Math.ceil(random() * 500));
    const byOffset = await readRecords(stream, "t", { from: offset, until, maxBytes, maxRecords: 1 + Math.floor(random() * 300) });
    expect(byOffset.map((record) => [record.offset, Number(record.key), record.timeMs])).toEqual(
      Array.from({ length: until - offset }, (_, k) => [offset + k, offset + k, times[offset + k]]),
    );
    const timeMs = Math.floor(random() * times.length * 10.5);
    const first = times.findIndex((time, at) => at >= 700 && time >= timeMs);
    const [byTime] = await readRecords(stream, "t", { from: { timeMs }, until: first < 0 ? times.length : first + 1, maxBytes });
    expect(byTime?.offset, `time ${timeMs}`).toBe(first < 0 ? undefined : first);
  }
});

it("reads records that are larger than a chunk, alone and among small ones", async () => {
  const stream = await open();
  await stream.createTopic("t");
  const sizes = [10, 3_000_000, 0, 1_500_000, 20];
  await stream.append(
    "t",
    sizes.map((size, i) => ({ value: Buffer.alloc(size, i) })),
  );
  for (const maxBytes of [1, 1_000_000, 10_000_000]) {
    const records = await readRecords(stream, "t", { maxBytes });
    expect(records.map(({ value }) => value.length)).toEqual(sizes);
    expect(records.every(({ value }, i) => value.equals(Buffer.alloc(sizes[i]!, i)))).toBe(true);
  }
});

it("writes to more partitions at once than it keeps files open", async () => {
  const stream = await open();
  await stream.createTopic("t", { partitions: 300 });
  for (let round = 0; round < 2; round++) {
    await stream.append(
      "t",
      Array.from({ length: 300 }, (_, partition) => ({ value: `${round}`, partition })),
    );
    await stream.append(
      "t",
      Array.from({ length: 5 }, (_, i) => ({ value: `${round}`, partition: i * 7 })),
    );
  }
  const [topic] = await stream.topics();
  expect(topic!.partitions.map(({ endOffset }) => endOffset)).toEqual(Array.from({ length: 300 }, (_, i) => (i % 7 === 0 && i < 35 ? 4 : 2)));
  await stream.close();
  const again = await open();
  expect(await again.topics()).toEqual([topic]);
});

it("drops whole segments that are too old by the time of their append, or too much", async () => {
  const stream = await open({ segmentBytes: 1_000, retentionCheckMs: 0 });
  await stream.createTopic("kept");
  await stream.createTopic("young", { retentionMs: 60_000 });
  await stream.createTopic("small", { retentionBytes: 3_000 });
  const value = "x".repeat(500);
  for (let i = 0; i < 20; i++) {
    for (const topic of ["kept", "young", "small"]) await stream.append(topic, [{ value, timeMs: i }]); // times long past count for nothing
    clock.advance(10_000);
  }
  await stream.commitOffsets("any", [{ topic: "kept", partition: 0, offset: 0 }]); // retention looks after a write
  await stream.commitOffsets("any", [{ topic: "kept", partition: 0, offset: 1 }]);
  const partitions = Object.fromEntries((await stream.topics()).map(({ name, partitions: [only] }) => [name, only!]));
  expect(partitions["kept"]).toMatchObject({ firstOffset: 0, endOffset: 20 });
  expect(partitions["small"]!.sizeBytes).toBeLessThanOrEqual(3_000);
  expect(partitions["small"]!.firstOffset).toBeGreaterThan(10);
  expect(partitions["young"]!.firstOffset).toBeGreaterThanOrEqual(12);
  expect(partitions["young"]!.firstOffset).toBeLessThanOrEqual(15);
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.includes("young") && name.endsWith(".seg"));
  expect(files.length).toBeLessThanOrEqual(5);
  clock.advance(100_000);
  await stream.close();
  const again = await open({ segmentBytes: 1_000 });
  expect(await texts(again, "young")).toEqual([]);
  expect(await again.append("young", [{ value }])).toEqual([{ partition: 0, firstOffset: 20, count: 1 }]);
  expect(await texts(again, "young")).toEqual([value]);
  expect(await texts(again, "kept")).toHaveLength(20);
});

it("goes on reading a segment that is dropped meanwhile, then says where to go on", async () => {
  const stream = await open({ segmentBytes: 300 });
  await stream.createTopic("t");
  for (let i = 0; i < 12; i++) await stream.append("t", [{ value: String(i).padEnd(100) }]);
  const seen: number[] = [];
  const reading = async () => {
    for await (const { records } of stream.read("t", { from: "first", maxRecords: 1 })) {
      seen.push(records[0]!.offset);
      if (seen.length === 1) await stream.truncateBefore("t", 0, 9);
    }
  };
  await expect(reading()).rejects.toMatchObject({ code: "not_found", details: { firstOffset: 9 } });
  expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i));
});

it("shows a second process all that is committed, also while it grows, and never writes for it", async () => {
  const limits = { segmentBytes: 400, journalBytes: 600, pollMs: 1 };
  const reader = await open(limits, true);
  expect(await reader.topics()).toEqual([]);
  await expect(readdir(folder)).rejects.toMatchObject({ code: "ENOENT" });
  const writer = await open(limits);
  await writer.createTopic("t");
  const stop = new AbortController();
  const following = (async () => {
    const seen: string[] = [];
    for await (const { records } of reader.read("t", { from: "first", follow: true, signal: stop.signal })) {
      seen.push(...records.map((record) => record.value.toString()));
      if (seen.length === 60) stop.abort();
    }
    return seen;
  })();
  for (let i = 0; i < 60; i++) {
    await writer.append("t", [{ value: String(i) }]);
    if (i === 30) expect(await texts(reader, "t")).toEqual(Array.from({ length: 31 }, (_, k) => String(k)));
    await writer.commitOffsets("g", [{ topic: "t", partition: 0, offset: i }]);
  }
  expect(await following).toEqual(Array.from({ length: 60 }, (_, i) => String(i)));
  await writer.truncateBefore("t", 0, 20);
  expect(await reader.groups()).toEqual(await writer.groups());
  expect(await reader.topics()).toEqual(await writer.topics());
  expect(await texts(reader, "t")).toEqual(await texts(writer, "t"));
  expect(reader.capabilities.writable).toBe(false);
  for (const write of [() => reader.append("t", [{ value: "v" }]), () => reader.createTopic("u"), () => reader.openProducer("p")]) {
    await expect(write()).rejects.toMatchObject({ code: "unsupported", message: expect.stringContaining("reading only") });
  }
});

it("opens for reading what a killed process left, without touching it", async () => {
  const disk = memoryDisk();
  const options = { folder: "/stream", clock, log: silentLog, files: disk };
  const writer = await openEmbeddedStream(options);
  await writer.createTopic("t");
  await writer.append("t", [{ value: "kept" }]);
  disk.operationsLeft = 1; // the write into the segment is done, the one into the journal is not
  await expect(writer.append("t", [{ value: "lost" }])).rejects.toThrow("power");
  disk.operationsLeft = Infinity;
  const before = disk.contents();
  const reader = await openEmbeddedStream({ ...options, readOnly: true });
  expect(await texts(reader, "t")).toEqual(["kept"]);
  expect(disk.contents()).toEqual(before);
});

it("holds about a chunk in memory, however much is read", async () => {
  const stream = await open();
  await stream.createTopic("t");
  for (let i = 0; i < 20; i++)
    await stream.append(
      "t",
      Array.from({ length: 1_000 }, () => ({ value: Buffer.alloc(1_000, i) })),
    );
  let largest = 0;
  let count = 0;
  for await (const batch of stream.read("t", { from: "first", maxBytes: 500_000 })) {
    largest = Math.max(largest, chunksOf(batch));
    count += batch.records.length;
  }
  expect(count).toBe(20_000);
  expect(largest).toBeLessThanOrEqual(500_000);
});

/** Bytes of the distinct memory that the records of a batch are views of. */
function chunksOf(batch: StreamBatch): number {
  const chunks = new Set(batch.records.map((record) => record.value.buffer));
  return [...chunks].reduce((sum, chunk) => sum + chunk.byteLength, 0);
}
