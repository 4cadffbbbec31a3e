import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { systemClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import { openLake } from "./index.ts";

const steps = 40;
const writer = new URL("../../../../../tests/processes/lake-writer.ts", import.meta.url);

/** The table after so many steps, as the writer makes it. */
function expected(done: number): { k: number; v: string }[] {
  const rows = new Map<number, string>();
  for (let step = 0; step < done; step++) {
    if (step % 7 === 6) rows.clear();
    else if (step % 3 === 2) rows.set(step - 1, `step ${step}`);
    rows.set(step, `step ${step}`);
  }
  return [...rows].map(([k, v]) => ({ k, v })).sort((a, b) => a.k - b.k);
}

/** Runs the writer; kills it some moments after it has done `killAfter` steps. Answers whether it ended by itself. */
async function write(folder: string, killAfter: number): Promise<boolean> {
  const child = spawn(process.execPath, ["--conditions=source", fileURLToPath(writer), folder, String(steps)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<boolean>((resolve) => child.once("exit", (code) => resolve(code === 0)));
  let done = 0;
  for await (const line of createInterface(child.stdout)) {
    if (line === "" || ++done !== killAfter) continue;
    setTimeout(() => child.kill("SIGKILL"), randomInt(25));
  }
  return ended;
}

test("a writer killed again and again loses nothing, doubles nothing, and leaves at most files that a vacuum removes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-crash-"));
  const warehouse = await openDuckdb({ threads: 1, memoryLimitMb: 100, temporaryFolder: join(folder, "spill") });
  try {
    const blobs = await openLocalBlobs({ folder: join(folder, "tables") });
    const lake = openLake({ blobs, warehouse, clock: systemClock, log: silentLog, scratchFolder: join(folder, "scratch") });
    let kills = 0;
    for (let reached = 0; ; kills++) {
      // Steps that are done already are passed over, so each life of the writer gets further than the one before.
      if (await write(folder, reached + randomInt(1, 6))) break;
      const history = (await lake.exists("raw.t")) ? await lake.history("raw.t") : [];
      expect(history.map(({ metadata }) => metadata).reverse()).toEqual(history.map((_, step) => ({ step })));
      expect(history.length).toBeGreaterThanOrEqual(reached);
      reached = history.length;
      if (reached > 0) expect(await warehouse.rows(`select * from ${await lake.relation("raw.t")} order by k`)).toEqual(expected(reached));
    }
    expect(kills).toBeGreaterThan(3);
    for (let done = 1; done <= steps; done++) {
      expect(await warehouse.rows(`select * from ${await lake.relation("raw.t", { version: done - 1 })} order by k`)).toEqual(expected(done));
    }
    const later = openLake({
      blobs,
      warehouse,
      clock: { now: () => Date.now() + 10 * 86_400_000 },
      log: silentLog,
      scratchFolder: join(folder, "scratch"),
    });
    await later.vacuum("raw.t", { olderThanMs: 3_600_000 });
    const live = (await lake.snapshot("raw.t")).files.map(({ path }) => path);
    expect((await readdir(join(folder, "tables", "raw", "t"))).filter((name) => name !== "_delta_log").sort()).toEqual(live.sort());
    expect(await warehouse.rows(`select * from ${await lake.relation("raw.t")} order by k`)).toEqual(expected(steps));
  } finally {
    await warehouse.close();
    await rm(folder, { recursive: true });
  }
}, 120_000);
