import { existsSync } from "node:fs";
import { join } from "node:path";
import { openSqlite } from "#adapters/database/sqlite";
import { openEmbeddedStream } from "#adapters/stream/embedded";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { openLake, type Lake } from "#domains/lake";
import type { Project } from "#domains/project";
import { listModels, listVersions, type ModelVersion } from "#domains/registry";
import { artifactKey } from "#domains/tracking";
import { collectBytes } from "#kit/collect-bytes";
import { systemClock } from "#kit/clock";
import { sha256 } from "#kit/hash";
import { silentLog } from "#kit/log";
import { sql } from "#kit/sql";
import type { BlobStore } from "#ports/blob-store";
import type { Database } from "#ports/database";
import type { Warehouse } from "#ports/warehouse";
import { attempt, counted, fail, failure, ok, sizeText, type Check } from "./doctor-check.ts";
import { lazyWarehouse } from "./lazy-warehouse.ts";
import { openBlobs, openState } from "./open-stores.ts";

type Place = Pick<Project, "config" | "home">;

const restore = "Restore it from a copy.";

/** Opens each store by itself, for reading only, and reads what is newest in it. Another process may hold the project meanwhile. */
export async function checkStores(project: Place, environment: Record<string, string | undefined>): Promise<Check[]> {
  const embedded = project.config.state.kind === "sqlite";
  if (embedded && !existsSync(join(project.home, "state.db"))) return [ok("stores", "nothing is stored yet: millrace run <flow> begins")];
  const options = { project, environment, clock: systemClock, log: silentLog, readOnly: true };
  const checks = [await attempt("state", () => checkState(project, () => openState(options)))];
  checks.push(await attempt("streams", () => checkStreams(project.home)));
  let blobs: BlobStore;
  try {
    blobs = await openBlobs(options);
  } catch (error) {
    return [...checks, failure("blobs", error)];
  }
  const { threads, sqlMemoryMb } = project.config.resources;
  const warehouse = lazyWarehouse(() => openDuckdb({ threads, memoryLimitMb: sqlMemoryMb, temporaryFolder: join(project.home, "scratch", "sql") }));
  try {
    const lake = openLake({ blobs, warehouse, clock: systemClock, log: silentLog, scratchFolder: join(project.home, "scratch") });
    checks.push(await attempt("lake", () => checkLake(lake, warehouse)));
    if (checks[0]!.status !== "fail")
      checks.push(
        await attempt("models", () =>
          withState(
            () => openState(options),
            (state) => checkModels(state, blobs),
          ),
        ),
      );
  } finally {
    await warehouse.close();
    await blobs.close();
  }
  return checks;
}

async function checkState({ config, home }: Place, open: () => Promise<Database>): Promise<Check> {
  if (config.state.kind === "postgres") {
    await withState(open, (state) => state.get(sql`select 1 as one`));
    return ok("state", "PostgreSQL answers");
  }
  const path = join(home, "state.db");
  const problems = await withState(
    async () => openSqlite({ path, readOnly: true }),
    (state) => state.all<{ quick_check: string }>(sql`pragma quick_check`),
  );
  const found = problems.map(({ quick_check }) => quick_check).filter((text) => text !== "ok");
  return found.length === 0 ? ok("state", `${path} is whole`) : fail("state", `${path} is damaged: ${found.slice(0, 3).join("; ")}`, restore);
}

async function checkStreams(home: string): Promise<Check> {
  const stream = await openEmbeddedStream({ folder: join(home, "streams"), clock: systemClock, log: silentLog, readOnly: true });
  try {
    const topics = await stream.topics();
    const records = topics.flatMap((topic) => topic.partitions).reduce((sum, { firstOffset, endOffset }) => sum + endOffset - firstOffset, 0);
    return ok("streams", `${counted(topics.length, "topic")}, ${counted(records, "record")}`);
  } finally {
    await stream.close();
  }
}

/** Reads each table's newest version: its log, and the footer of every file. */
async function checkLake(lake: Lake, warehouse: Warehouse): Promise<Check> {
  const tables = await lake.tables();
  const damaged: string[] = [];
  let bytes = 0;
  for (const table of tables) {
    const result = await attempt(table, async () => {
      const snapshot = await lake.snapshot(table);
      bytes += snapshot.bytes;
      const [counted] = await warehouse.rows(`select count(*) as rows from ${await lake.relation(table, { version: snapshot.version })}`);
      const rows = Number(counted?.["rows"]);
      return rows === snapshot.rows
        ? ok(table, "")
        : fail(table, `${table} v${snapshot.version} has ${rows} rows, but its log says ${snapshot.rows}`, restore);
    });
    if (result.status === "fail") damaged.push(result.text);
  }
  if (damaged.length > 0)
    return fail("lake", damaged.slice(0, 3).join(" "), `${restore} Tables of SQL models can be built anew: millrace build --full-refresh`);
  return ok("lake", `${counted(tables.length, "table")}, newest versions readable, ${sizeText(bytes)}`);
}

/** Every version's files must be there; those that an alias stands for must also be what was registered. */
async function checkModels(state: Database, blobs: BlobStore): Promise<Check> {
  const services = { state, clock: systemClock };
  const models = await listModels(services);
  const missing: string[] = [];
  let versions = 0;
  for (const { name } of models) {
    for (const version of await listVersions(services, { model: name, limit: 1_000 })) {
      versions++;
      missing.push(...(await badFiles(version, blobs)));
    }
  }
  if (missing.length > 0)
    return fail("models", missing.slice(0, 3).join("; "), "Restore the files, or train again: millrace reproduce <model>@<version>");
  return ok("models", `${counted(models.length, "model")}, ${counted(versions, "version")}, all files present`);
}

async function badFiles(version: ModelVersion, blobs: BlobStore): Promise<string[]> {
  const bad: string[] = [];
  for (const { path, digest, sizeBytes } of version.files) {
    const what = `${version.model}@${version.version}: ${path}`;
    const info = await blobs.head(artifactKey(digest));
    if (!info) bad.push(`${what} is gone`);
    else if (info.sizeBytes !== sizeBytes) bad.push(`${what} has ${info.sizeBytes} bytes instead of ${sizeBytes}`);
    else if (version.aliases.length > 0 && (await digestOf(blobs, artifactKey(digest))) !== digest) bad.push(`${what} is not what was registered`);
  }
  return bad;
}

async function digestOf(blobs: BlobStore, key: string): Promise<string> {
  return sha256(await collectBytes(await blobs.get(key)));
}

async function withState<Result>(open: () => Promise<Database>, use: (state: Database) => Promise<Result>): Promise<Result> {
  const state = await open();
  try {
    return await use(state);
  } finally {
    await state.close();
  }
}
