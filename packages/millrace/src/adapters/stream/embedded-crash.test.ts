import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { systemClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import { readRecords } from "../../../../../tests/contracts/stream.ts";
import { openEmbeddedStream } from "./embedded.ts";
import { seededRandom } from "./embedded-memory-disk.ts";

const kills = 25;

it(`loses nothing and doubles nothing when its process is killed ${kills} times while it writes`, { timeout: 120_000 }, async () => {
  const root = await mkdtemp(join(tmpdir(), "millrace-stream-"));
  const folder = join(root, "stream");
  const random = seededRandom(7);
  try {
    for (let round = 1; round <= kills; round++) {
      const acknowledged = await runAndKill(folder, 1 + Math.floor(random() * 40), random() * 3);
      // Read-only and not after a repair: what a second process sees is complete as well.
      const stream = await openEmbeddedStream({ folder, clock: systemClock, log: silentLog, readOnly: true });
      for (const topic of ["in", "out"] as const) {
        const numbers = (await readRecords(stream, topic)).map((record) => Number.parseInt(record.value.toString()));
        expect(numbers.length, `round ${round}`).toBeGreaterThanOrEqual(acknowledged[topic]);
        expect(numbers, `round ${round}`).toEqual(Array.from({ length: numbers.length }, (_, i) => i));
        if (topic === "out" && numbers.length > 0) expect(await stream.groups("copier")).toMatchObject([{ offset: numbers.length }]);
      }
      await stream.close();
    }
    const stream = await openEmbeddedStream({ folder, clock: systemClock, log: silentLog });
    const copier = await stream.openProducer("copier");
    expect(copier.epoch).toBeGreaterThan(kills / 2);
    expect(await stream.groups("copier")).toMatchObject([{ offset: Number(copier.state?.toString()) }]);
    await stream.close();
  } finally {
    await rm(root, { recursive: true });
  }
});

/** Kills the child a moment after it has printed so many lines; resolves, once it is gone, to what it had acknowledged. */
async function runAndKill(folder: string, lines: number, momentMs: number): Promise<{ in: number; out: number }> {
  const path = fileURLToPath(new URL("./embedded-crash-child.ts", import.meta.url));
  const child = spawn(process.execPath, [path, folder], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (_code, signal) => resolve(signal));
  });
  const acknowledged = { in: 0, out: 0 };
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [topic, offset] = line.split(" ");
    if (topic === "in" || topic === "out") acknowledged[topic] = Number(offset);
    if (++seen === lines) setTimeout(() => child.kill("SIGKILL"), momentMs);
  }
  expect(await ended).toBe("SIGKILL");
  return acknowledged;
}
