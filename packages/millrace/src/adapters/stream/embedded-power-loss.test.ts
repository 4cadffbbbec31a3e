import { expect, it } from "vitest";
import { fixedClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import type { Stream } from "#ports/stream";
import { readRecords } from "../../../../../tests/contracts/stream.ts";
import { openEmbeddedStream } from "./embedded.ts";
import { memoryDisk, seededRandom, type MemoryDisk } from "./embedded-memory-disk.ts";

const limits = { segmentBytes: 400, journalBytes: 900, groupBytes: 300, retentionCheckMs: 0 };
const clock = fixedClock(1_000_000);

it("keeps every acknowledged transaction, whole, wherever the process is killed or the power goes off", async () => {
  let kills = 0;
  let losses = 0;
  let droppedGroups = 0;
  for (let seed = 1; seed <= 250; seed++) {
    const random = seededRandom(seed);
    let disk = memoryDisk();
    let acknowledged = 0;
    for (let round = 0; round < 5; round++) {
      disk.operationsLeft = Math.floor(random() * 150);
      const submitted = await work(disk, random, acknowledged, (count) => (acknowledged = count));
      if (random() < 0.3) {
        await new Promise(setImmediate); // the killed process's last steps fail before the disk works again
        disk.operationsLeft = Infinity; // nothing was lost, but nothing was made durable either
        kills++;
      } else {
        disk = disk.afterPowerLoss(random);
        losses++;
      }
      const found = await check(disk, `seed ${seed}, round ${round}`);
      expect(found, `seed ${seed}, round ${round}: acknowledged ${acknowledged}`).toBeGreaterThanOrEqual(acknowledged);
      expect(found).toBeLessThanOrEqual(submitted);
      if (found < submitted) droppedGroups++;
      acknowledged = found; // what survived without having been acknowledged counts from now on
    }
  }
  expect(losses).toBeGreaterThan(700);
  expect(kills).toBeGreaterThan(300);
  expect(droppedGroups).toBeGreaterThan(100); // the power went off in the middle of writes, not between them
});

/** Transaction n appends n to "a" and to both partitions of "b", moves the group on "a" and keeps n + 1 as the state. */
async function work(disk: MemoryDisk, random: () => number, from: number, acknowledge: (count: number) => void): Promise<number> {
  let submitted = from;
  try {
    const stream = await open(disk);
    for (const name of ["a", "b"]) await stream.createTopic(name, name === "a" ? {} : { partitions: 2 });
    const producer = await stream.openProducer("p");
    for (;;) {
      const together = 1 + Math.floor(random() * 3);
      const commits = Array.from({ length: together }, () => {
        const value = String(submitted++).padEnd(1 + Math.floor(random() * 120), " ");
        return producer.commit({
          append: [
            { topic: "a", records: [{ value }] },
            { topic: "b", records: [0, 1].map((partition) => ({ value, partition })) },
          ],
          offsets: { group: "g", positions: [{ topic: "a", partition: 0, offset: from }] },
          state: Buffer.from(String(submitted)),
        });
      });
      for (const outcome of await Promise.allSettled(commits)) {
        if (outcome.status === "rejected") throw outcome.reason;
        acknowledge(++from);
      }
      if (random() < 0.1) await stream.truncateBefore("b", 0, Math.floor(from / 2));
      if (random() < 0.05) await stream.close();
    }
  } catch (error) {
    expect(String(error)).toMatch(/power is off|cannot be written any more|is closed/);
    return submitted;
  }
}

async function check(disk: MemoryDisk, where: string): Promise<number> {
  const seen = await contents(await open(disk, true));
  const stream = await open(disk);
  const own = await contents(stream);
  expect(own, `${where}: as the reader saw it`).toEqual(seen);
  const count = own.a.length;
  expect(own.a, where).toEqual(Array.from({ length: count }, (_, i) => i));
  expect(own.b1, where).toEqual(own.a);
  expect(own.b0, where).toEqual(own.a.slice(count - own.b0.length));
  expect((await stream.openProducer("p")).state?.toString() ?? "0", where).toBe(String(count));
  await stream.close();
  return count;
}

async function contents(stream: Stream): Promise<{ a: number[]; b0: number[]; b1: number[] }> {
  const names = (await stream.topics()).map((topic) => topic.name);
  const numbers = async (topic: string, partition = 0) =>
    names.includes(topic) ? (await readRecords(stream, topic, { partition })).map((record) => Number(record.value.toString())) : [];
  return { a: await numbers("a"), b0: await numbers("b"), b1: await numbers("b", 1) };
}

function open(disk: MemoryDisk, readOnly = false): Promise<Stream> {
  return openEmbeddedStream({ folder: "/stream", clock, log: silentLog, limits, files: disk, readOnly });
}
