/**
 * Rates of the embedded stream: `node bench/log/run.ts`. Prints a table and writes bench/results/log.json.
 * Records of 200 bytes with an 8-byte key, on the disk of the temporary folder (set TMPDIR to measure another one).
 * Baseline in the same run: SQLite (WAL, synchronous=FULL), the usual way to keep a durable queue inside one process.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openEmbeddedStream } from "#adapters/stream/embedded";
import { systemClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import type { Stream, StreamInput } from "#ports/stream";

interface Row {
  what: string;
  records: number;
  recordsPerSecond: number;
  p50Ms?: number;
  p99Ms?: number;
}

const valueBytes = 200;
const loadBefore = loadavg()[0]!.toFixed(1);
const folder = await mkdtemp(join(tmpdir(), "millrace-log-"));
const rows: Row[] = [];
try {
  const stream = await openEmbeddedStream({ folder: join(folder, "stream"), clock: systemClock, log: silentLog });
  await append(stream, "warm-up", 1024, 100, 4);
  rows.push(await append(stream, "batches of 256, 1 in flight", 256, 1_000, 1));
  rows.push(await append(stream, "batches of 256, 16 in flight", 256, 4_000, 16));
  rows.push(await append(stream, "batches of 1024, 4 in flight", 1024, 1_000, 4));
  rows.push(await append(stream, "batches of 4096, 1 in flight", 4096, 250, 1));
  rows.push(await append(stream, "batches of 4096, 4 in flight", 4096, 250, 4));
  rows.push(await append(stream, "single records, 1 in flight", 1, 1_000, 1));
  rows.push(await append(stream, "single records, 256 in flight", 1, 50_000, 256));
  rows.push(await transactions(stream, 500, 500));
  rows.push(await readAll(stream, "read all", "batches of 4096, 4 in flight"));
  rows.push(await readAll(stream, "read all written in batches of 256", "batches of 256, 16 in flight"));
  await stream.close();
  rows.push(sqlite(256, 1_000));
  rows.push(sqlite(4096, 100));
} finally {
  await rm(folder, { recursive: true });
}

console.table(
  rows.map(({ what, records, recordsPerSecond, p50Ms, p99Ms }) => ({
    what,
    records,
    "records/s": recordsPerSecond,
    "p50 ms": p50Ms,
    "p99 ms": p99Ms,
  })),
);
const results = new URL("../results/", import.meta.url);
await mkdir(results, { recursive: true });
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), node: process.version };
const conditions = `records of ${valueBytes} bytes with a key of 8 bytes, every append durable; load average ${loadBefore} before the run`;
await writeFile(new URL("log.json", results), JSON.stringify({ date: new Date().toISOString(), machine, conditions, rows }, undefined, 2) + "\n");

async function append(stream: Stream, what: string, batch: number, batches: number, inFlight: number): Promise<Row> {
  const topic = what.replace(/[^a-z0-9]+/g, "-");
  await stream.createTopic(topic);
  const records = makeRecords(batch);
  let left = batches;
  return timed(what, batch * batches, async (lap) => {
    const worker = async () => {
      while (left-- > 0) await lap(() => stream.append(topic, records));
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
  });
}

/** Read, append as many, commit the offset: the loop of a scorer. */
async function transactions(stream: Stream, batch: number, count: number): Promise<Row> {
  await stream.createTopic("transactions");
  const producer = await stream.openProducer("bench");
  const reader = stream.read("batches-of-256-16-in-flight", { from: "first", maxRecords: batch, follow: true })[Symbol.asyncIterator]();
  let records = 0;
  const started = performance.now();
  const row = await timed(`read, append and commit up to ${batch} in a transaction`, 0, async (lap) => {
    for (let i = 0; i < count; i++) {
      await lap(async () => {
        const next = await reader.next();
        if (next.done) throw new Error("the topic ended");
        const { topic, partition, nextOffset, records: read } = next.value;
        records += read.length;
        await producer.commit({
          append: [{ topic: "transactions", records: read.map(({ key, value, timeMs }) => ({ key, value, timeMs })) }],
          offsets: { group: "bench", positions: [{ topic, partition, offset: nextOffset }] },
        });
      });
    }
  });
  const seconds = (performance.now() - started) / 1000;
  await reader.return?.();
  return { ...row, records, recordsPerSecond: Math.round(records / seconds) };
}

async function readAll(stream: Stream, what: string, written: string): Promise<Row> {
  let records = 0;
  let bytes = 0;
  const started = performance.now();
  for await (const batch of stream.read(written.replace(/[^a-z0-9]+/g, "-"), { from: "first" })) {
    for (const record of batch.records) bytes += record.value.length;
    records += batch.records.length;
  }
  const seconds = (performance.now() - started) / 1000;
  if (bytes !== records * valueBytes) throw new Error("records are missing bytes");
  return { what, records, recordsPerSecond: Math.round(records / seconds) };
}

function sqlite(batch: number, batches: number): Row {
  const database = new DatabaseSync(join(folder, `baseline-${batch}.db`));
  database.exec("pragma journal_mode=wal; pragma synchronous=full; create table log (offset integer primary key, time real, key blob, value blob)");
  const insert = database.prepare("insert into log (time, key, value) values (?, ?, ?)");
  const records = makeRecords(batch);
  const started = performance.now();
  for (let i = 0; i < batches; i++) {
    database.exec("begin");
    for (const { key, value } of records) insert.run(Date.now(), key!, value);
    database.exec("commit");
  }
  const seconds = (performance.now() - started) / 1000;
  database.close();
  return { what: `SQLite baseline, batches of ${batch}`, records: batch * batches, recordsPerSecond: Math.round((batch * batches) / seconds) };
}

function makeRecords(count: number): StreamInput[] {
  return Array.from({ length: count }, (_, i) => ({ key: Buffer.from(String(i).padStart(8, "0")), value: Buffer.alloc(valueBytes, i) }));
}

async function timed(what: string, records: number, work: (lap: (step: () => Promise<unknown>) => Promise<void>) => Promise<void>): Promise<Row> {
  const laps: number[] = [];
  const started = performance.now();
  await work(async (step) => {
    const from = performance.now();
    await step();
    laps.push(performance.now() - from);
  });
  const seconds = (performance.now() - started) / 1000;
  laps.sort((a, b) => a - b);
  const at = (share: number) => Math.round(laps[Math.floor(laps.length * share)]! * 100) / 100;
  return { what, records, recordsPerSecond: Math.round(records / seconds), ...(laps.length > 0 && { p50Ms: at(0.5), p99Ms: at(0.99) }) };
}
