import { globSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { openLake } from "#domains/lake";
import { guardedBlobs } from "#domains/project";
import { deleteVersion, registerVersion } from "#domains/registry";
import { archive, artifactKey, createExperiment, logArtifact, logModel, purge, startRun, storeBytes } from "#domains/tracking";
import { fixedClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import { sql } from "#kit/sql";
import type { BlobStore } from "#ports/blob-store";
import type { Database } from "#ports/database";
import { openTestState } from "../../../../tests/contracts/state.ts";
import { isSharedBlob } from "./blob-references.ts";
import { addGarbage, collectGarbage, type Garbage } from "./collect-garbage.ts";
import { removeForgotten } from "./forgotten-files.ts";
import { lazyWarehouse } from "./lazy-warehouse.ts";
import { migrations } from "./migrations.ts";
import { runKeepers } from "./run-keepers.ts";

const hourMs = 3_600_000;

let folder: string;
let state: Database;
let clock: ReturnType<typeof fixedClock>;
let blobs: BlobStore;
let close: () => Promise<void>;
let services: ReturnType<typeof open>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-gc-"));
  clock = fixedClock(Date.now());
  state = await openTestState(migrations);
  blobs = guardedBlobs({ state, blobs: await openLocalBlobs({ folder: join(folder, "blobs") }), clock }, isSharedBlob);
  services = open();
});
afterEach(async () => {
  await close();
  await state.close();
  await rm(folder, { recursive: true });
});

function open() {
  const warehouse = lazyWarehouse(() => openDuckdb({ threads: 1, memoryLimitMb: 200, temporaryFolder: join(folder, "sql") }));
  close = () => warehouse.close();
  const scratchFolder = join(folder, "scratch");
  const lake = openLake({ blobs, warehouse, clock, log: silentLog, scratchFolder });
  return { tracking: { state, blobs, clock }, registry: { state, clock }, lake, scratchFolder };
}

function collect(options: Partial<Parameters<typeof collectGarbage>[1]> = {}): Promise<Garbage> {
  return collectGarbage(services, { olderThanMs: hourMs, dryRun: false, ...options });
}

async function keys(): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of blobs.list("")) found.push(key);
  return found;
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe("collecting garbage", () => {
  test("what any part of the project refers to stays, the rest goes, and unknown places are not touched", async () => {
    const { tracking, registry } = services;
    const experiment = (await createExperiment(tracking, { name: "e" })).id;
    const diff = (await storeBytes(blobs, bytes("diff"))).digest;
    const run = (await startRun(tracking, { experiment, source: { diff } })).id;
    const artifact = await logArtifact(tracking, { run, path: "a", data: bytes("artifact") });
    const model = await logModel(tracking, {
      run,
      format: "onnx",
      signature: { inputs: [], outputs: [] },
      files: [{ path: "model.onnx", data: bytes("onnx") }],
    });
    const [profile, evaluation, cached] = [
      (await storeBytes(blobs, bytes("p"))).digest,
      (await storeBytes(blobs, bytes("e"))).digest,
      "c".repeat(64),
    ];
    await registerVersion(registry, {
      model: "m",
      runId: run,
      folder: model,
      profile,
      gate: { id: "g", evaluation },
      tags: { blob: `trained-models/${cached}.onnx` },
    });
    const loose = (await storeBytes(blobs, bytes("nobody's"))).digest;
    const file = (await storeBytes(blobs, bytes("mlflow's"))).digest;
    await state.run(sql`insert into mlflow_file (folder, name, digest, size_bytes, created_ms) values ('0', 'f', ${file}, 1, 1)`);
    const set = `training-sets/${"a".repeat(64)}.columns`;
    await blobs.put(`trained-models/${cached}.onnx`, bytes("x"));
    await blobs.put(set, bytes("x"));
    await blobs.put(`training-sets/${"b".repeat(64)}.columns`, bytes("x"));
    await state.run(sql`insert into pipeline_run (id, flow, params, identity, status, attempt, worker, lease_until_ms, started_ms, code_digest)
      values ('r', 'f', '{}', 'i', 'succeeded', 1, 'w', 0, 0, '')`);
    await state.run(sql`insert into pipeline_step (run_id, id, name, label, position, key, parts, state, attempt, worker, output, started_ms)
      values ('r', 's', 'fit', 'fit', 0, 'k', '{}', 'succeeded', 1, 'w', ${JSON.stringify({ train: { set: { blob: set } } })}, 0)`);
    await state.run(
      sql`insert into serving_endpoint (name, version, checkpoint, updated_ms) values ('e', 1, ${'{"blob":"checkpoints/serving/e/01ARZ3NDEKTSV4RRFFQ69G5FAV"}'}, 1)`,
    );
    for (const id of ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW"]) await blobs.put(`checkpoints/serving/e/${id}`, bytes("x"));
    await blobs.put("somebody/else", bytes("x"));
    await services.lake.replace("raw.t", { sql: "select 1 as n" });
    await services.lake.replace("raw.t", { sql: "select 2 as n" });
    await blobs.put("raw/t/part-abandoned.parquet", bytes("x"));

    const before = await keys();
    expect((await collect()).blobs).toMatchObject({ removed: 0, young: 3 });
    clock.advance(2 * hourMs);
    expect((await collect({ dryRun: true })).blobs).toMatchObject({ removed: 3, young: 0 });
    expect(await keys()).toEqual(before);
    expect(await collect()).toMatchObject({ blobs: { removed: 3 }, tables: { removed: 1 }, dryRun: false });
    const gone = [
      artifactKey(loose),
      `training-sets/${"b".repeat(64)}.columns`,
      "checkpoints/serving/e/01ARZ3NDEKTSV4RRFFQ69G5FAW",
      "raw/t/part-abandoned.parquet",
    ];
    expect(await keys()).toEqual(before.filter((key) => !gone.includes(key)));
    expect((await services.lake.columns("raw.t", { at: { version: 0 } })).rows).toBe(1);

    // The run goes, and what the version needs of it stays.
    await archive(tracking, { folder: "e" });
    await purge(tracking, runKeepers(tracking), { folder: "e" }, { registered: "anyway" });
    expect((await collect()).blobs).toMatchObject({ removed: 2 });
    for (const digest of [diff, artifact.digest!]) expect(await blobs.head(artifactKey(digest))).toBeUndefined();
    for (const digest of [model.files[0]!.digest, profile, evaluation]) expect(await blobs.head(artifactKey(digest))).toBeDefined();
    await deleteVersion(registry, { model: "m", version: 1 });
    expect((await collect()).blobs).toMatchObject({ removed: 4 });
  });

  test("calls that run out of time go on where they stopped, and find the same together", async () => {
    for (let i = 0; i < 20; i++) await storeBytes(blobs, bytes(`content ${i}`));
    for (const table of ["raw.a", "raw.b"]) {
      await services.lake.replace(table, { sql: "select 1 as n" });
      await blobs.put(`${table.replace(".", "/")}/part-x.parquet`, bytes("x"));
    }
    clock.advance(2 * hourMs);
    let total = await collect({ untilMs: clock.now() });
    let calls = 1;
    for (; total.next !== undefined; calls++) {
      const { next, ...sum } = total;
      total = addGarbage(sum, await collect({ untilMs: clock.now(), from: next }));
      if (calls > 100) throw new Error("it does not end");
    }
    expect(calls).toBeGreaterThan(5);
    expect(total).toMatchObject({ blobs: { looked: 20, removed: 20 }, tables: { removed: 2 } });
    expect(await collect()).toMatchObject({ blobs: { looked: 0 }, tables: { removed: 0 } });
  });

  test("files that a killed process left go after a day, others stay", async () => {
    const scratch = join(folder, "scratch");
    await mkdir(join(scratch, "deep", "er"), { recursive: true });
    for (const [name, daysOld] of [
      ["old.tmp", 3],
      ["deep/er/old", 3],
      ["deep/young", 0.1],
    ] as const) {
      await writeFile(join(scratch, name), "1234");
      const at = (clock.now() - daysOld * 24 * hourMs) / 1_000;
      await utimes(join(scratch, name), at, at);
    }
    const options = { olderThanMs: 24 * hourMs, clock };
    expect(await removeForgotten(scratch, { ...options, dryRun: true })).toEqual({ removed: 2, removedBytes: 8 });
    expect(await removeForgotten(scratch, { ...options, dryRun: false })).toEqual({ removed: 2, removedBytes: 8 });
    expect((await readdir(scratch, { recursive: true })).filter((name) => !name.endsWith("er")).toSorted()).toEqual(["deep", "deep/young"]);
    expect(await removeForgotten(join(folder, "none"), { ...options, dryRun: false })).toEqual({ removed: 0, removedBytes: 0 });
  });
});

describe("every reference counts", () => {
  // Whoever stores blobs must have said in `blob-references.ts` what refers to them, or have a place that is never collected.
  const known = new Set([
    "compat/mlflow/artifact-tree.ts", // mlflow_file, tracking_artifact
    "domains/lake/checkpoint.ts", // tables: their logs
    "domains/lake/commit.ts",
    "domains/lake/data-file.ts",
    "domains/project/blob-guard.ts", // the guard itself
    "domains/serving/live-features.ts", // serving_endpoint
    "domains/tracking/adopt-artifact.ts", // tracking_artifact
    "domains/tracking/log-model.ts",
    "domains/tracking/log-artifact.ts", // tracking_artifact, tracking_run_context, registry_version
    "domains/tracking/digest-upload.ts", // as above
    "domains/training/build-training-set.ts", // pipeline_step, registry_version
    "domains/training/steps.ts",
    "domains/traces/span-bodies.ts", // traces_batch
  ]);

  test("no file stores blobs that the collector has not heard of", () => {
    const source = join(import.meta.dirname, "..");
    const files = globSync("{domains,compat,entry}/**/*.ts", { cwd: source }).filter((file) => !file.endsWith(".test.ts"));
    const storing = files.filter((file) =>
      /\bblobs\.put(File)?\(|\bdirect(Of\(blobs\))?\.copy\(|\bstore(Bytes|dContent)\(/.test(readFileSync(join(source, file), "utf8")),
    );
    expect(files.length).toBeGreaterThan(300);
    expect(storing.filter((file) => !known.has(file))).toEqual([]);
  });
});
