import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { AppError, toAppError } from "#kit/app-error";
import { sql, type Sql, type SqlValue } from "#kit/sql";
import type { Database, Migration, Reader, Transaction } from "#ports/database";
import { applyMigrations } from "./migrations.ts";

export interface SqliteOptions {
  /** The file, or `:memory:`. */
  path: string;
  /** Opens an existing file for reading only: `write` is refused. */
  readOnly?: boolean;
}

interface Pending {
  work: (transaction: Transaction) => Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * State in one SQLite file: WAL, `synchronous=FULL`. Writes that are asked for while a commit is under way share the next one
 * (group commit), each in a savepoint of its own. Reads go through a second connection and see only what is committed.
 */
export function openSqlite(options: SqliteOptions): Database {
  const inMemory = options.path === ":memory:";
  if (!inMemory && !options.readOnly) mkdirSync(dirname(options.path), { recursive: true });
  const writer = connect(options);
  const reader = inMemory || options.readOnly ? writer : connect({ ...options, readOnly: true });
  const queue: Pending[] = [];
  let draining: Promise<void> | undefined;
  let closed = false;

  const database: Database = {
    capabilities: { dialect: "sqlite", sharedByProcesses: false },
    all: async (query) => reader.all(query),
    get: async (query) => reader.get(query),
    run: (query) => database.write((transaction) => transaction.run(query)),
    write<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
      if (closed) return Promise.reject(new AppError("unavailable", "The state database is closed."));
      if (options.readOnly)
        return Promise.reject(
          new AppError("conflict", "The state database is open for reading only.", {
            hint: "Run the command through the process that holds the project.",
          }),
        );
      const result = new Promise<Result>((resolve, reject) => {
        queue.push({ work, resolve: resolve as (value: unknown) => void, reject }); // the queue holds results of every type
      });
      draining ??= drain();
      return result;
    },
    migrate: (migrations: Migration[]) => applyMigrations(database, migrations, "blob"),
    async close() {
      closed = true;
      await draining;
      if (reader !== writer) reader.close();
      writer.close();
    },
  };
  return database;

  async function drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve)); // lets whatever else this turn of the event loop brings join the first commit
    while (queue.length > 0) await commit(queue.splice(0));
    draining = undefined; // in the same turn as the check above: a write asked for from now on starts a new drain
  }

  async function commit(batch: Pending[]): Promise<void> {
    const settled: (() => void)[] = [];
    try {
      writer.execute("begin immediate");
      for (const { work, resolve, reject } of batch) {
        writer.execute("savepoint one");
        const told: (() => void)[] = [];
        try {
          const value = await work({ ...writer.statements, afterCommit: (done) => void told.push(done) });
          writer.execute("release one");
          settled.push(...told, () => resolve(value));
        } catch (error) {
          writer.execute("rollback to one");
          writer.execute("release one");
          settled.push(() => reject(error));
        }
      }
      writer.execute("commit");
    } catch (error) {
      writer.rollback();
      const failure = translate(error);
      for (const { reject } of batch) reject(failure);
      return;
    }
    for (const settle of settled) settle();
  }
}

interface Connection extends Reader {
  statements: Omit<Transaction, "afterCommit">;
  execute(text: string): void;
  rollback(): void;
  close(): void;
}

function connect({ path, readOnly = false }: SqliteOptions): Connection {
  const handle = openFile(path, readOnly);
  const statements = new Map<string, StatementSync>();
  const prepare = (text: string): StatementSync => {
    let statement = statements.get(text);
    if (!statement) statements.set(text, (statement = handle.prepare(text)));
    return statement;
  };
  const run = <Result>(query: Sql, use: (statement: StatementSync, params: SqlValue[]) => Result): Result => {
    try {
      return use(prepare(query.text), [...query.params]);
    } catch (error) {
      throw translate(error, query);
    }
  };
  const reader: Reader = {
    all: async <Row extends object>(query: Sql) => run(query, (statement, params) => statement.all(...params) as Row[]), // rows are typed by the query's author
    get: async <Row extends object>(query: Sql) => run(query, (statement, params) => statement.get(...params) as Row | undefined),
  };
  return {
    ...reader,
    statements: { ...reader, run: async (query) => run(query, (statement, params) => Number(statement.run(...params).changes)) },
    execute: (text) => void prepare(text).run(),
    rollback() {
      if (handle.isTransaction) handle.exec("rollback");
    },
    close() {
      if (!readOnly && path !== ":memory:") handle.exec("pragma optimize");
      handle.close();
    },
  };
}

function openFile(path: string, readOnly: boolean): DatabaseSync {
  try {
    const handle = new DatabaseSync(path, { readOnly, timeout: 5_000, enableForeignKeyConstraints: true });
    if (!readOnly) {
      handle.exec("pragma journal_mode = wal");
      handle.exec("pragma synchronous = full");
    }
    handle.prepare("select count(*) from sqlite_schema").get(); // a damaged header shows here, not in the first query of a user
    return handle;
  } catch (error) {
    throw translate(error, sql``, path);
  }
}

function translate(error: unknown, query?: Sql, path?: string): AppError {
  if (error instanceof AppError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (/file is not a database|malformed/.test(message)) {
    return new AppError("corrupt_data", `The state database${path ? ` ${path}` : ""} is damaged: ${message}.`, {
      cause: error,
      hint: "Restore it from a copy, or move it away to start afresh.",
    });
  }
  if (/UNIQUE constraint failed/.test(message)) return new AppError("conflict", `A row with this key exists already (${message}).`, { cause: error });
  if (/database is locked/.test(message))
    return new AppError("project_in_use", "Another process is writing to the state database.", { cause: error });
  const translated = toAppError(error);
  return translated.code === "internal" && query ? new AppError("internal", `${message} in: ${query.text}`, { cause: error }) : translated;
}
