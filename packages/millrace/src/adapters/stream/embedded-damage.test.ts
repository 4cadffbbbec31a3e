import { beforeAll, describe, expect, it } from "vitest";
import { AppError } from "#kit/app-error";
import { fixedClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import type { Stream } from "#ports/stream";
import { readRecords } from "../../../../../tests/contracts/stream.ts";
import { openEmbeddedStream } from "./embedded.ts";
import { memoryDisk, memoryDiskWith, type MemoryDisk } from "./embedded-memory-disk.ts";

/** Everything that a stream holds, as text. */
type Contents = string;
type Files = Map<string, Buffer>;

const transactions = 6;
const journalPattern = /journal-/;

describe("a damaged stream", () => {
  /** Of a process that was killed: the journal is a snapshot and one record for each write. */
  let killed: Files;
  /** Of a process that ended in order: the journal is one snapshot. */
  let closed: Files;
  /** What it held after each transaction. */
  const held: Contents[] = [];
  let complete: Contents;

  beforeAll(async () => {
    const disk = memoryDisk();
    const stream = await open(disk);
    for (const topic of ["a", "b"]) await stream.createTopic(topic);
    const producer = await stream.openProducer("p");
    held.push(await contents(stream));
    for (let i = 1; i <= transactions; i++) {
      await producer.commit({
        append: ["a", "b"].map((topic) => ({ topic, records: [{ key: topic, value: `value ${i}`, headers: { n: String(i) } }] })),
        offsets: { group: "g", positions: [{ topic: "a", partition: 0, offset: i - 1 }] },
        state: Buffer.from(`state ${i}`),
      });
      held.push(await contents(stream));
    }
    killed = disk.contents();
    await stream.close();
    closed = disk.contents();
    complete = held.at(-1)!;
    expect([...killed.keys()].filter((path) => path.endsWith(".seg")).length).toBeGreaterThan(2);
  });

  const journalOf = (files: Files) => [...files.keys()].find((path) => journalPattern.test(path))!;
  const changed = (files: Files, path: string, change: (content: Buffer) => Buffer) =>
    memoryDiskWith(new Map([...files, [path, change(Buffer.from(files.get(path)!))]]));

  it("holds a whole number of transactions, wherever its journal ends, and goes on from there", async () => {
    const journal = journalOf(killed);
    const size = killed.get(journal)!.length;
    const seen = new Set<number>();
    for (const zeros of [false, true]) {
      for (let length = 0; length < size; length++) {
        const disk = changed(killed, journal, (content) => (zeros ? content.fill(0, length) : content.subarray(0, length)));
        const found = await outcome(disk);
        if (found instanceof AppError) {
          expect(found).toMatchObject({ code: "corrupt_data", details: { path: journal, position: 0 } });
          expect(length, "the snapshot is replaced as a whole, so it cannot be torn").toBeLessThan(500);
          continue;
        }
        expect(held).toContain(found);
        seen.add(held.indexOf(found));
        const stream = await open(disk);
        await stream.createTopic("c");
        await stream.append("c", [{ key: "c", value: "next" }]);
        await stream.close();
        expect(await outcome(disk)).toBe(found + recordText({ key: "c", value: "next", offset: 0 }));
      }
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("loses nothing but the unfinished transaction, or says which file ends too early, wherever a segment ends", async () => {
    for (const path of [...killed.keys()].filter((name) => !journalPattern.test(name))) {
      const size = killed.get(path)!.length;
      let dropped = 0;
      for (let length = 0; length < size; length++) {
        const found = await outcome(changed(killed, path, (content) => content.subarray(0, length)));
        if (found instanceof AppError) {
          expect(found).toMatchObject({ code: "corrupt_data", details: { path } });
        } else {
          expect(found).toEqual(held[transactions - 1]);
          dropped++;
        }
        const afterClose = await outcome(changed(closed, path, (content) => content.subarray(0, length)));
        expect(afterClose).toMatchObject({ code: "corrupt_data", details: { path } });
      }
      expect(dropped).toBeLessThan(size / 2 + 100);
    }
  });

  it("says which file is missing", async () => {
    for (const path of closed.keys()) {
      const left = new Map(closed);
      left.delete(path);
      expect(await outcome(memoryDiskWith(left))).toMatchObject({
        code: "corrupt_data",
        message: expect.stringContaining(journalPattern.test(path) ? "journal" : path),
      });
    }
  });

  it("notices every flipped bit, naming the file", async () => {
    for (const path of closed.keys()) {
      for (let at = 0; at < closed.get(path)!.length; at++) {
        const found = await outcome(changed(closed, path, (content) => flip(content, at)));
        expect(found, `${path} at ${at}`).toMatchObject({ code: "corrupt_data", details: { path } });
        const { position } = (found as AppError).details as { position: number }; // as the line above has checked
        expect(position).toBeLessThanOrEqual(at);
      }
    }
  });

  it("takes a flipped bit for an unfinished write only in the journal's last record", async () => {
    const journal = journalOf(killed);
    const kinds = { corrupt: 0, dropped: 0 };
    for (let at = 0; at < killed.get(journal)!.length; at++) {
      const found = await outcome(changed(killed, journal, (content) => flip(content, at)));
      if (found instanceof AppError) {
        expect(found).toMatchObject({ code: "corrupt_data", details: { path: journal } });
        expect(kinds.dropped, "nothing behind the last record").toBe(0);
        kinds.corrupt++;
      } else {
        expect(found).toEqual(held[transactions - 1]);
        kinds.dropped++;
      }
    }
    expect(kinds.corrupt).toBeGreaterThan(kinds.dropped);
    expect(kinds.dropped).toBeGreaterThan(0);
  });

  it("is read in full by a second process while nothing is damaged", async () => {
    for (const files of [killed, closed]) {
      const disk = memoryDiskWith(files);
      expect(await contents(await open(disk, true))).toEqual(complete);
      expect(disk.contents()).toEqual(files);
    }
  });
});

async function outcome(disk: MemoryDisk): Promise<Contents | AppError> {
  try {
    const stream = await open(disk);
    const found = await contents(stream);
    await stream.close();
    return found;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

async function contents(stream: Stream): Promise<Contents> {
  let text = JSON.stringify(await stream.groups()) + "\n";
  for (const { name } of await stream.topics()) {
    for (const { key, value, headers, offset } of await readRecords(stream, name)) {
      text += recordText({ key: String(key), value: String(value), headers, offset });
    }
  }
  return text;
}

function recordText({ key, value, headers, offset }: { key: string; value: string; headers?: unknown; offset: number }): string {
  return `${offset} ${key} ${value} ${JSON.stringify(headers)}\n`;
}

function flip(content: Buffer, at: number): Buffer {
  content[at]! ^= 1 << ((at * 7) % 8);
  return content;
}

function open(disk: MemoryDisk, readOnly = false): Promise<Stream> {
  return openEmbeddedStream({
    folder: "/stream",
    clock: fixedClock(1_000_000),
    log: silentLog,
    limits: { segmentBytes: 400 },
    files: disk,
    readOnly,
  });
}
