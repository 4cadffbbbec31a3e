import { open, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { DuckDBConnection, DuckDBPreparedStatement } from "@duckdb/node-api";
import { AppError } from "#kit/app-error";
import { syncFolder } from "#kit/files";
import { quoteText } from "#kit/sql-text";
import type { Warehouse, WarehouseValue } from "#ports/warehouse";
import { readColumns } from "./duckdb-columns.ts";
import { isUnnamedDamage, translateEngineError } from "./duckdb-errors.ts";
import { loadColumns } from "./duckdb-load.ts";
import { loadDuckdb, type DuckdbModules } from "./duckdb-modules.ts";
import { openSpillFolder } from "./duckdb-spill.ts";
import { fromEngine, toEngine } from "./duckdb-values.ts";

export interface DuckdbOptions {
  threads: number;
  /** DuckDB passes this by up to a fifth: give less than there is. */
  memoryLimitMb: number;
  /** Results too large for the memory are put into a folder of their own in here, removed at the end or, after a kill, at the next opening. */
  temporaryFolder: string;
}

/**
 * Opens DuckDB in memory: it computes, the lake keeps. Tables and views are shared by all calls and gone at the end; calls may run at the
 * same time, each on a connection of its own, so temporary tables and transactions across calls are refused. Extensions are never
 * downloaded. The session's time zone is UTC.
 */
export async function openDuckdb(options: DuckdbOptions): Promise<Warehouse> {
  const modules = await loadDuckdb();
  const spillFolder = await openSpillFolder(options.temporaryFolder);
  const instance = await modules.api.DuckDBInstance.create(":memory:", {
    threads: String(options.threads),
    memory_limit: `${options.memoryLimitMb}MB`,
    temp_directory: spillFolder,
    errors_as_json: "true",
    // What a query has freed goes back to the operating system soon: others of this process need it.
    allocator_flush_threshold: "8MiB",
    allocator_bulk_deallocation_flush_threshold: "8MiB",
    enable_external_file_cache: "false", // the operating system keeps files in memory already, and gives it back
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    allow_community_extensions: "false",
  });
  const connections = new Connections(() => instance.connect());
  const run = <T>(sql: string, work: (connection: DuckDBConnection) => Promise<T>, offset = 0) =>
    connections.use((connection) => translated(connection, sql, offset, work));

  return {
    capabilities: { dialect: "duckdb", localParquet: true },

    async execute(sql, params) {
      refuseSessionState(sql);
      await run(sql, async (connection) => {
        if (params === undefined || params.length === 0) await connection.run(sql);
        else await withParams(modules, connection, sql, params, (statement) => statement.run());
      });
    },

    rows: (sql, params) =>
      run(sql, async (connection) => {
        const result = await (params === undefined || params.length === 0
          ? connection.run(sql)
          : withParams(modules, connection, sql, params, (statement) => statement.run()));
        const names = result.deduplicatedColumnNames();
        const rows = await result.getRows();
        return rows.map((row) => Object.fromEntries(row.map((value, i) => [names[i]!, fromEngine(modules.api, value)])));
      }),

    columns: (sql) => run(sql, async (connection) => readColumns(modules, await connection.stream(sql))),

    describe: (sql) =>
      run(
        sql,
        async (connection) => {
          const rows = await (await connection.run(`describe ${sql}`)).getRows();
          return rows.map(([name, type]) => ({ name: String(name), type: String(type) }));
        },
        "describe ".length,
      ),

    writeParquet: (sql, path) => run(sql, (connection) => writeParquet(connection, sql, path), copyStart.length),

    load: (name, table) => run(`create table ${name}`, (connection) => loadColumns(modules, connection, name, table)),

    syntaxTree: (sql) => run(sql, (connection) => syntaxTree(connection, sql)),

    async close() {
      await connections.close();
      instance.closeSync();
      await rm(spillFolder, { recursive: true, force: true });
    },
  };
}

async function withParams<T>(
  { api }: DuckdbModules,
  connection: DuckDBConnection,
  sql: string,
  params: WarehouseValue[],
  work: (statement: DuckDBPreparedStatement) => Promise<T>,
): Promise<T> {
  const statement = await connection.prepare(sql);
  try {
    const bound = params.map((param) => toEngine(api, param));
    statement.bind(
      bound.map(({ value }) => value),
      bound.map(({ type }) => type),
    );
    return await work(statement);
  } finally {
    statement.destroySync();
  }
}

const copyStart = "copy (";

/** A statement without its closing semicolon, to stand within another. */
function withoutEnd(sql: string): string {
  return sql.replace(/[\s;]+$/, "");
}

async function writeParquet(connection: DuckDBConnection, sql: string, path: string): Promise<{ rows: number; bytes: number }> {
  // Created here, so that an existing file is never written over, whoever made it in the meantime.
  const handle = await open(path, "wx").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "EEXIST")
      throw new AppError("conflict", `\`${path}\` exists already.`, { cause: error });
    throw error;
  });
  try {
    const result = await connection.run(
      `${copyStart}${withoutEnd(sql)}\n) to ${quoteText(path)} (format parquet, compression zstd, use_tmp_file false)`,
    );
    const { size } = await stat(path);
    await handle.sync();
    await syncFolder(dirname(path));
    return { rows: result.rowsChanged, bytes: size };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function syntaxTree(connection: DuckDBConnection, sql: string): Promise<unknown> {
  const statement = await connection.prepare("select json_serialize_sql($1::varchar)::varchar");
  statement.bindVarchar(1, sql);
  const [row] = await (await statement.run()).getRows();
  const tree: unknown = JSON.parse(String(row?.[0]));
  if (tree !== null && typeof tree === "object" && "error" in tree && tree.error === true) {
    const { error_type, error_message, position } = tree as { error_type?: string; error_message?: string; position?: string }; // DuckDB's form
    throw translateEngineError(
      new Error(
        JSON.stringify({
          exception_type: error_type === "parser" ? "Parser" : (error_type ?? "Parser"),
          exception_message: error_message ?? "",
          position,
        }),
      ),
      sql,
    );
  }
  return tree;
}

/** `offset`: how far into the statement as run the caller's own text begins. */
async function translated<T>(
  connection: DuckDBConnection,
  sql: string,
  offset: number,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  try {
    return await work(connection);
  } catch (error) {
    const ours = translateEngineError(error, sql, offset);
    throw isUnnamedDamage(ours) ? await namingTheFile(connection, sql, ours) : ours;
  }
}

/** Some of the engine's words on damaged files do not say which: reads the files of the statement one by one until one fails alone. */
async function namingTheFile(connection: DuckDBConnection, sql: string, error: AppError): Promise<AppError> {
  for (const [literal] of sql.matchAll(/'(?:[^']|'')+\.parquet'/g)) {
    try {
      await connection.run(`select max(hash(columns(*))) from read_parquet(${literal})`);
    } catch (cause) {
      return new AppError(
        "corrupt_data",
        `A Parquet file cannot be read: ${literal}: ${error.message.replace(/^A Parquet file cannot be read: /, "")}`,
        {
          cause,
          hint: error.hint!,
          details: { file: literal.slice(1, -1).replaceAll("''", "'") },
        },
      );
    }
  }
  return error;
}

/** Connections for calls that overlap; the one given back last is taken first. */
class Connections {
  readonly #open: () => Promise<DuckDBConnection>;
  readonly #free: DuckDBConnection[] = [];
  readonly #busy = new Set<Promise<unknown>>();
  #closed = false;

  constructor(open: () => Promise<DuckDBConnection>) {
    this.#open = open;
  }

  async use<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    if (this.#closed) throw new AppError("unavailable", "The warehouse is closed.");
    const running = this.#with(work);
    this.#busy.add(running);
    try {
      return await running;
    } finally {
      this.#busy.delete(running);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#busy);
    for (const connection of this.#free.splice(0)) connection.closeSync();
  }

  async #with<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = this.#free.pop() ?? (await this.#opened());
    try {
      return await work(connection);
    } finally {
      this.#free.push(connection);
    }
  }

  async #opened(): Promise<DuckDBConnection> {
    const connection = await this.#open();
    await connection.run("set TimeZone = 'UTC'"); // an option of an extension: not among those of the instance
    return connection;
  }
}

/** A temporary table or an open transaction would belong to whichever connection happened to run the statement. */
function refuseSessionState(sql: string): void {
  const found = /^\s*(create\s+(?:or\s+replace\s+)?temp(?:orary)?|begin|start\s+transaction)\b/i.exec(sql)?.[1];
  if (found === undefined) return;
  throw new AppError("unsupported", `\`${found}\` does not last beyond its call: calls to the warehouse run on different connections.`, {
    hint: "Create a plain table (it stays in memory) and drop it afterwards.",
  });
}
