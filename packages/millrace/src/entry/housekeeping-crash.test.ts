import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openSqlite } from "#adapters/database/sqlite";
import { guardedBlobs } from "#domains/project";
import { archive, artifactKey, createExperiment, logArtifact, logMetrics, startRun, storeBytes } from "#domains/tracking";
import { systemClock } from "#kit/clock";
import { sql, sqlText } from "#kit/sql";
import { isSharedBlob } from "./blob-references.ts";
import { migrations } from "./migrations.ts";

const child = fileURLToPath(new URL("../../../../tests/processes/housekeeping-child.ts", import.meta.url));

/** Runs the housekeeping; kills it some moments after it has said so many words. Answers whether it ended by itself. */
async function keepHouse(folder: string, killAfter: number): Promise<boolean> {
  const process_ = spawn(process.execPath, ["--conditions=source", child, folder], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<boolean>((resolve) => process_.once("exit", (code) => resolve(code === 0)));
  let said = 0;
  for await (const line of createInterface(process_.stdout)) {
    if (line === "" || ++said !== killAfter) continue;
    setTimeout(() => process_.kill("SIGKILL"), randomInt(8));
  }
  return ended;
}

test("purging and collecting that are killed again and again leave every run whole or gone, and every artifact readable", async () => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-housekeeping-"));
  const open = async () => {
    const state = openSqlite({ path: join(folder, "state.db") });
    await state.migrate(migrations);
    const inner = await openLocalBlobs({ folder: join(folder, "blobs") });
    return { state, blobs: guardedBlobs({ state, blobs: inner, clock: systemClock }, isSharedBlob), clock: systemClock };
  };
  try {
    let tracking = await open();
    const [kept, gone] = [(await createExperiment(tracking, { name: "kept" })).id, (await createExperiment(tracking, { name: "gone" })).id];
    await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const run = (await startRun(tracking, { experiment: i % 10 === 0 ? kept : gone })).id;
        await logMetrics(tracking, { run, metrics: [{ key: "m", value: i }] });
        await logArtifact(tracking, { run, path: "own", data: new TextEncoder().encode(`of run ${i}`) });
        await logArtifact(tracking, { run, path: "shared", data: new TextEncoder().encode(`shared ${i % 20}`) });
      }),
    );
    await archive(tracking, { experiments: [gone] });
    await tracking.state.close();

    let kills = 0;
    for (; !(await keepHouse(folder, kills === 0 ? 2 : randomInt(20, 120))); kills++) {
      tracking = await open();
      const count = async (table: string) => (await tracking.state.get<{ n: number }>(sqlText(`select count(*) as n from ${table}`)))!.n;
      const runs = await count("tracking_run");
      expect(await count("tracking_run_metrics")).toBe(runs);
      expect(await count("tracking_metric_tail")).toBe(runs);
      expect(await count("tracking_artifact")).toBe(2 * runs);
      for (const { digest } of await tracking.state.all<{ digest: string }>(sql`select distinct digest from tracking_artifact`))
        expect(await tracking.blobs.head(artifactKey(digest))).toBeDefined();
      // What a dead collector was about to remove can be stored and referred to at once.
      for (const text of ["of run 1", "shared 1"]) {
        const { digest } = await storeBytes(tracking.blobs, new TextEncoder().encode(text));
        expect(await tracking.blobs.head(artifactKey(digest))).toBeDefined();
      }
      await tracking.state.close();
    }
    expect(kills).toBeGreaterThan(1);
    tracking = await open();
    const left: string[] = [];
    for await (const { key } of tracking.blobs.list("artifacts/")) left.push(key);
    expect(left).toHaveLength(30 + 2); // those of 30 runs, and the two contents that they share
    expect(await tracking.state.all(sql`select id from tracking_experiment where deleted_ms is not null`)).toEqual([]);
    await tracking.state.close();
  } finally {
    await rm(folder, { recursive: true });
  }
}, 120_000);
