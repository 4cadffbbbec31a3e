import { mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { fixedClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import type { BlobStore } from "#ports/blob-store";
import type { Warehouse } from "#ports/warehouse";
import type { Lake } from "./model.ts";
import { openLake } from "./open-lake.ts";

let folder: string;
let blobs: BlobStore;
let warehouse: Warehouse;
let lake: Lake;
const clock = fixedClock(Date.now());

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-abandoned-"));
  blobs = await openLocalBlobs({ folder: join(folder, "blobs") });
  warehouse = await openDuckdb({ threads: 1, memoryLimitMb: 200, temporaryFolder: join(folder, "sql") });
  lake = openLake({ blobs, warehouse, clock, log: silentLog, scratchFolder: join(folder, "scratch") });
});
afterAll(async () => {
  await warehouse.close();
  await blobs.close();
  await rm(folder, { recursive: true });
});

test("only files that no version ever named go, and only once they are old", async () => {
  for (let version = 0; version < 13; version++) await lake.replace("raw.t", { sql: `select ${version} as n` }); // a checkpoint is among them
  await blobs.put("raw/t/part-abandoned.parquet", Buffer.from("12345"));
  const option = { olderThanMs: 3_600_000 };
  expect(await lake.removeAbandoned("raw.t", option)).toEqual({ looked: 14, young: 1, paths: [], bytes: 0 });
  clock.advance(2 * 3_600_000);
  await blobs.put("raw/t/part-young.parquet", Buffer.from("x"));
  const later = clock.now() / 1_000;
  await utimes(await blobs.localPath("raw/t/part-young.parquet"), later, later);
  const expected = { looked: 15, young: 1, paths: ["part-abandoned.parquet"], bytes: 5 };
  expect(await lake.removeAbandoned("raw.t", { ...option, dryRun: true })).toEqual(expected);
  expect(await lake.removeAbandoned("raw.t", option)).toEqual(expected);
  expect(await blobs.head("raw/t/part-abandoned.parquet")).toBeUndefined();
  expect(await blobs.head("raw/t/part-young.parquet")).toBeDefined();
  for (const version of [0, 5, 10, 12]) expect((await lake.columns("raw.t", { at: { version } })).rows).toBe(1);
  await expect(lake.removeAbandoned("raw.t", { olderThanMs: 1 })).rejects.toMatchObject({ code: "invalid_argument" });
});
