import type { Pool, PoolClient, QueryResultRow } from "pg";
import { AppError } from "#kit/app-error";
import type { Sql } from "#kit/sql";
import type { Database, Migration, Reader, Transaction } from "#ports/database";
import { applyMigrations } from "./migrations.ts";

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  url: string;
  /** Schema that holds Millrace's tables; made when missing. */
  schema?: string;
  connections?: number;
}

type Querier = Pick<Pool | PoolClient, "query">;

const maxTries = 25;
const firstWaitMs = 4;
const longestWaitMs = 500;

/** State in PostgreSQL, shared by processes: serialisable transactions, retried where the server asks for it. */
export async function openPostgres({ url, schema = "millrace", connections = 8 }: PostgresOptions): Promise<Database> {
  if (!/^[a-z_][a-z0-9_]*$/.test(schema))
    throw new AppError("invalid_config", `"${schema}" cannot name a PostgreSQL schema.`, { hint: "Use lower-case letters, digits and underscores." });
  const pg = await load();
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: 10_000,
    options: `-c search_path=${schema}`,
    types: { getTypeParser: (oid: number, format?: "text" | "binary") => (oid === 20 ? Number : pg.types.getTypeParser(oid, format as "text")) }, // int8 as number: counts and epoch milliseconds stay below 2^53
  });
  pool.on("error", () => undefined); // an idle connection that breaks is replaced by the pool; the next query reports
  await attempt(() => pool.query(`create schema if not exists ${schema}`));

  const database: Database = {
    capabilities: { dialect: "postgres", sharedByProcesses: true },
    ...readerOf(pool),
    run: async (query) => (await send(pool, query)).rowCount ?? 0,
    async write<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
      for (let tries = 1; ; tries++) {
        const client = await attempt(() => pool.connect());
        let broken: Error | undefined;
        try {
          await client.query("begin isolation level serializable");
          const result = await work({ ...readerOf(client), run: async (query) => (await send(client, query)).rowCount ?? 0 });
          await client.query("commit");
          return result;
        } catch (error) {
          await client.query("rollback").catch((failure: Error) => (broken = failure));
          if (!(isSerializationFailure(error) && tries < maxTries)) throw translate(error);
        } finally {
          client.release(broken);
        }
        // Writers of several processes that met each other would meet again at once: each waits a random, growing time.
        const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** tries) * Math.random();
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    },
    migrate: (migrations: Migration[]) => applyMigrations(database, migrations, "bytea"),
    close: () => pool.end(),
  };
  return database;
}

function readerOf(querier: Querier): Reader {
  return {
    all: async <Row extends object>(query: Sql) => (await send(querier, query)).rows as Row[], // rows are typed by the query's author
    get: async <Row extends object>(query: Sql) => (await send(querier, query)).rows[0] as Row | undefined,
  };
}

function send(querier: Querier, query: Sql) {
  let index = 0;
  const text = query.text.replaceAll("?", () => `$${++index}`);
  return attempt(() =>
    querier.query<QueryResultRow>(
      text,
      query.params.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value)),
    ),
  );
}

async function attempt<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw translate(error);
  }
}

function translate(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error;
  const code = "code" in error ? String(error.code) : "";
  if (code === "23505") return new AppError("conflict", `A row with this key exists already (${error.message}).`, { cause: error });
  if (code === "53100") return new AppError("storage_full", `PostgreSQL's disk is full: ${error.message}.`, { cause: error });
  if (/^(ECONNREFUSED|ECONNRESET|ENOTFOUND|ETIMEDOUT|57P0\d|53300|08\w{3})$/.test(code) || /timeout|Connection terminated/.test(error.message)) {
    return new AppError("unavailable", `PostgreSQL does not answer: ${error.message || code}.`, {
      cause: error,
      hint: "Check `state` in millrace.config.ts and that the server runs.",
    });
  }
  if (code === "28P01" || code === "28000")
    return new AppError("permission_denied", `PostgreSQL refused the login: ${error.message}.`, { cause: error });
  return error;
}

function isSerializationFailure(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  return cause instanceof Error && "code" in cause && (cause.code === "40001" || cause.code === "40P01");
}

async function load(): Promise<(typeof import("pg"))["default"]> {
  try {
    return (await import("pg")).default;
  } catch (error) {
    throw new AppError("missing_dependency", "State in PostgreSQL needs the package `pg`, which is not installed.", {
      cause: error,
      hint: "npm install pg",
    });
  }
}
