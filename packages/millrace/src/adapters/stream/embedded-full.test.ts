import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { fixedClock, systemClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import type { Stream } from "#ports/stream";
import { readRecords } from "../../../../../tests/contracts/stream.ts";
import { openEmbeddedStream } from "./embedded.ts";
import { memoryDisk, seededRandom, type MemoryDisk } from "./embedded-memory-disk.ts";

const open = (disk: MemoryDisk): Promise<Stream> =>
  openEmbeddedStream({
    folder: "/stream",
    clock: fixedClock(1_000_000),
    log: silentLog,
    limits: { segmentBytes: 600, journalBytes: 1500 },
    files: disk,
  });
const numbers = async (stream: Stream, topic: string) => (await readRecords(stream, topic)).map((record) => Number(record.value.toString()));

it("refuses a write that does not fit, keeps what was there readable and goes on once there is room", async () => {
  let refusals = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const disk = memoryDisk();
    const stream = await open(disk);
    await stream.createTopic("a");
    await stream.createTopic("b");
    const producer = await stream.openProducer("p");
    const kept: number[] = [];
    for (let i = 0; i < 40; i++) {
      if (i % 10 === 0) disk.capacityBytes = [...disk.contents().values()].reduce((sum, file) => sum + file.length, Math.floor(random() * 2500));
      const records = [{ value: String(i).padEnd(1 + random() * 150) }];
      const commit = producer.commit({
        append: [
          { topic: "a", records },
          { topic: "b", records },
        ],
      });
      await commit.then(
        () => kept.push(i),
        (error: unknown) => {
          expect(error).toMatchObject({ code: "storage_full", hint: expect.any(String) });
          refusals++;
        },
      );
      expect(await numbers(stream, "b")).toEqual(kept);
    }
    disk.capacityBytes = Infinity;
    await producer.commit({ append: [{ topic: "a", records: [{ value: "40" }] }] });
    const reopened = await open(disk.afterPowerLoss(random));
    expect(await numbers(reopened, "a")).toEqual([...kept, 40]);
    expect(await numbers(reopened, "b")).toEqual(kept);
  }
  expect(refusals).toBeGreaterThan(200);
});

it("writes nothing more after a sync failed, and keeps what was acknowledged", async () => {
  const disk = memoryDisk();
  const stream = await open(disk);
  await stream.createTopic("a");
  await stream.append("a", [{ value: "0" }]);
  disk.failingSyncs = 1;
  await expect(stream.append("a", [{ value: "1" }])).rejects.toMatchObject({ message: expect.stringContaining("EIO") });
  await expect(stream.append("a", [{ value: "2" }])).rejects.toMatchObject({ code: "unavailable", hint: expect.stringContaining("start again") });
  expect(await numbers(stream, "a")).toEqual([0]);
  await stream.close();
  const reopened = await open(disk);
  await reopened.append("a", [{ value: "3" }]);
  expect(await numbers(reopened, "a")).toEqual([0, 3]);
});

it.skipIf(process.platform === "win32")("meets a limit that the system sets on the size of files in the same way", async () => {
  const root = await mkdtemp(join(tmpdir(), "millrace-stream-"));
  try {
    const folder = join(root, "stream");
    const child = fileURLToPath(new URL("./embedded-full-child.ts", import.meta.url));
    const output = await new Promise<string>((resolve, reject) => {
      // `ulimit -f` counts in units of 512 or 1,024 bytes, depending on the shell
      execFile("sh", ["-c", 'ulimit -f 64; exec "$0" "$@"', process.execPath, child, folder], (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      );
    });
    const { acknowledged, refused, after } = JSON.parse(output) as { acknowledged: number; refused: string[]; after: number };
    expect(new Set(refused)).toEqual(new Set(["storage_full"]));
    expect(after).toBe(acknowledged + 1);
    const stream = await openEmbeddedStream({ folder, clock: systemClock, log: silentLog });
    expect(await readRecords(stream, "big")).toHaveLength(acknowledged);
    expect(await readRecords(stream, "small")).toHaveLength(1);
    await stream.close();
  } finally {
    await rm(root, { recursive: true });
  }
});
