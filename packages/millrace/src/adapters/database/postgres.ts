import type { ClientConfig, Pool, PoolClient, QueryResultRow } from "pg";
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
const maxKeyTries = 4;
const firstWaitMs = 4;
const longestWaitMs = 500;

/** State in PostgreSQL, shared by processes: serialisable transactions, retried where the server asks for it. */
export async function openPostgres({ url, schema = "millrace", connections = 8 }: PostgresOptions): Promise<Database> {
  if (!/^[a-z_][a-z0-9_]*$/.test(schema))
    throw new AppError("invalid_config", `"${schema}" cannot name a PostgreSQL schema.`, { hint: "Use lower-case letters, digits and underscores." });
  const pg = await load();
  const config: ClientConfig = { connectionString: url, connectionTimeoutMillis: 10_000, keepAlive: true };
  const pool = new pg.Pool({
    ...config,
    max: connections,
    options: `-c search_path=${schema}`,
    types: { getTypeParser: (oid: number, format?: "text" | "binary") => (oid === 20 ? Number : pg.types.getTypeParser(oid, format as "text")) }, // int8 as number: counts and epoch milliseconds stay below 2^53
  });
  // A connection that breaks is replaced by the pool, and the statement under way, or the next one, reports it.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => void client.on("error", () => undefined));
  try {
    await attempt(() => pool.query("select 1"));
  } catch (error) {
    await pool.end();
    throw error;
  }

  const database: Database = {
    capabilities: { dialect: "postgres", sharedByProcesses: true },
    ...readerOf(pool),
    run: async (query) => (await send(pool, query)).rowCount ?? 0,
    async write<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
      for (let tries = 1; ; tries++) {
        const client = await beginOn(pool);
        const told: (() => void)[] = [];
        let broken: Error | undefined;
        try {
          const run = async (query: Sql) => (await send(client, query)).rowCount ?? 0;
          const result = await work({ ...readerOf(client), run, afterCommit: (done) => void told.push(done) });
          await client.query("commit");
          for (const done of told) done();
          return result;
        } catch (error) {
          await client.query("rollback").catch((failure: Error) => (broken = failure));
          if (!mayPassNow(error, tries)) throw translate(error);
        } finally {
          client.release(broken);
        }
        // Writers of several processes that met each other would meet again at once: each waits a random, growing time.
        const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** tries) * Math.random();
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    },
    async migrate(migrations: Migration[]) {
      // Of several processes that start together one migrates, and the others find it done.
      const client = new pg.Client(config);
      client.on("error", () => undefined); // as above
      await attempt(() => client.connect());
      try {
        await attempt(() => client.query("select pg_advisory_lock(hashtextextended($1, 0))", [`millrace/${schema}`]));
        await attempt(() => createSchema(client, schema));
        return await applyMigrations(database, migrations, "bytea");
      } finally {
        await client.end(); // and with it the lock
      }
    },
    close: () => pool.end(),
  };
  return database;
}

/** A connection on which a transaction has begun. One that had broken while it was idle is passed over: nothing was asked of it yet. */
async function beginOn(pool: Pool): Promise<PoolClient> {
  for (let passedOver = 0; ; passedOver++) {
    const client = await attempt(() => pool.connect());
    try {
      await client.query("begin isolation level serializable");
      return client;
    } catch (error) {
      client.release(true);
      if (!isDisconnected(error) || passedOver === pool.options.max) throw translate(error);
    }
  }
}

/** Asks first: who may use a schema may not always make one. */
async function createSchema(client: Pick<PoolClient, "query">, schema: string): Promise<void> {
  const { rowCount } = await client.query("select 1 from pg_namespace where nspname = $1", [schema]);
  if (rowCount === 0) await client.query(`create schema if not exists ${schema}`);
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
  const code = codeOf(error);
  if (code === "23505") return new AppError("conflict", `A row with this key exists already (${error.message}).`, { cause: error });
  if (code === "53100")
    return new AppError("storage_full", `PostgreSQL's disk is full: ${error.message}.`, {
      cause: error,
      hint: "Free some space there and try again.",
    });
  if (isDisconnected(error)) {
    return new AppError("unavailable", `PostgreSQL does not answer: ${error.message || code}.`, {
      cause: error,
      hint: "Check `state` in millrace.config.ts and that the server runs.",
    });
  }
  if (code === "28P01" || code === "28000")
    return new AppError("permission_denied", `PostgreSQL refused the login: ${error.message}.`, {
      cause: error,
      hint: "Check the user and the password in `state` in millrace.config.ts, or in MILLRACE_STATE_URL.",
    });
  if (code === "3D000")
    return new AppError("invalid_config", `PostgreSQL has no such database: ${error.message}.`, {
      cause: error,
      hint: "Create it (createdb), or correct `state` in millrace.config.ts.",
    });
  if (code === "42501" || code === "25006")
    return new AppError("permission_denied", `PostgreSQL refused: ${error.message}.`, {
      cause: error,
      hint: "The user needs to read and write in its schema, and to make it on the first start.",
    });
  return error;
}

function isDisconnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (/^(ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|57P0\d|53300|08\w{3})$/.test(codeOf(error)))
    return true;
  return /timeout|Connection terminated|not queryable/.test(error.message);
}

/**
 * Whether a transaction that failed may pass when it is tried again. The server itself asks for it where transactions that looked
 * before they wrote met each other. Where the other was a plain statement it complains of the key instead: the same again finds
 * the row. A key that is really taken is met each time, so a few tries tell.
 */
function mayPassNow(error: unknown, tries: number): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  const code = codeOf(cause);
  if (code === "40001" || code === "40P01") return tries < maxTries;
  return code === "23505" && tries < maxKeyTries;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
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
