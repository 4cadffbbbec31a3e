import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openLake, type Lake } from "#domains/lake";
import { guardedBlobs, type Project } from "#domains/project";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { openEmbeddedStream } from "#adapters/stream/embedded";
import { openSqlite } from "#adapters/database/sqlite";
import { AppError } from "#kit/app-error";
import type { Clock } from "#kit/clock";
import type { Log } from "#kit/log";
import { sql } from "#kit/sql";
import type { BlobStore } from "#ports/blob-store";
import type { Database } from "#ports/database";
import type { Stream } from "#ports/stream";
import type { Warehouse } from "#ports/warehouse";
import { isSharedBlob } from "./blob-references.ts";
import { lazyWarehouse } from "./lazy-warehouse.ts";
import { migrations } from "./migrations.ts";

/** The engines behind a project, as its configuration names them. */
export interface Stores {
  state: Database;
  blobs: BlobStore;
  warehouse: Warehouse;
  lake: Lake;
  stream: Stream;
  close(): Promise<void>;
}

export interface StoresOptions {
  project: Pick<Project, "config" | "home">;
  environment: Record<string, string | undefined>;
  clock: Clock;
  log: Log;
  /** Looks on while another process works: nothing is written, nothing repaired. */
  readOnly: boolean;
}

/** Opens what the configuration names. What was opened before one fails is closed again. */
export async function openStores(options: StoresOptions): Promise<Stores> {
  const { project, clock, log, readOnly } = options;
  const opened: { close(): Promise<void> }[] = [];
  const keep = <Store extends { close(): Promise<void> }>(store: Store): Store => {
    opened.push(store);
    return store;
  };
  const close = async () => {
    const failures: unknown[] = [];
    for (const store of opened.toReversed()) await store.close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    const scratchFolder = join(project.home, "scratch");
    if (!readOnly) await mkdir(scratchFolder, { recursive: true });
    const state = keep(await openState(options));
    const blobs = guardedBlobs({ state, blobs: keep(await openBlobs(options)), clock }, isSharedBlob);
    const { threads, sqlMemoryMb } = project.config.resources;
    const warehouse = keep(lazyWarehouse(() => openDuckdb({ threads, memoryLimitMb: sqlMemoryMb, temporaryFolder: join(scratchFolder, "sql") })));
    const lake = openLake({ blobs, warehouse, clock, log, scratchFolder });
    const stream = keep(await openEmbeddedStream({ folder: join(project.home, "streams"), clock, log, readOnly }));
    return { state, blobs, warehouse, lake, stream, close };
  } catch (error) {
    await close().catch(() => undefined); // what could not be opened is the thing to tell
    throw error;
  }
}

export async function openState({ project, readOnly }: StoresOptions): Promise<Database> {
  const { state: wanted } = project.config;
  if (wanted.kind === "postgres") {
    const { openPostgres } = await import("#adapters/database/postgres");
    const database = await openPostgres({ url: wanted.url, ...(wanted.schema !== undefined && { schema: wanted.schema }) });
    try {
      if (!readOnly) await database.migrate(migrations);
      else if (!(await hasTables(database))) throw nothingYet();
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  }
  const path = join(project.home, "state.db");
  if (readOnly && !existsSync(path)) throw nothingYet();
  const database = openSqlite({ path, readOnly });
  if (!readOnly) await database.migrate(migrations);
  return database;
}

/** A schema of PostgreSQL that no process has migrated has no tables to read. */
async function hasTables(database: Database): Promise<boolean> {
  const row = await database.get<{ found: string | null }>(sql`select to_regclass('migration')::text as found`);
  return row?.found != null;
}

function nothingYet(): AppError {
  return new AppError("not_found", "This project has not been run yet: there is nothing to look at.", { hint: "millrace run <flow>" });
}

export async function openBlobs({ project, environment }: StoresOptions): Promise<BlobStore> {
  const { blobs: wanted } = project.config;
  if (wanted.kind === "local") return openLocalBlobs({ folder: join(project.home, "blobs") });
  const { openS3Blobs } = await import("#adapters/blob-store/s3");
  const [accessKeyId, secretAccessKey] = [environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]];
  if (!accessKeyId || !secretAccessKey) {
    throw new AppError("invalid_config", `The bucket ${wanted.bucket} needs credentials.`, {
      hint: "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    });
  }
  const sessionToken = environment["AWS_SESSION_TOKEN"]; // of credentials that last for a while
  const region = wanted.region ?? environment["AWS_REGION"] ?? "us-east-1";
  return openS3Blobs({
    endpoint: wanted.endpoint ?? `https://s3.${region}.amazonaws.com`,
    ...{
      region,
      bucket: wanted.bucket,
      prefix: wanted.prefix ?? "",
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
    },
    cacheFolder: join(project.home, "blob-cache"),
    direct: wanted.direct ?? true,
  });
}
