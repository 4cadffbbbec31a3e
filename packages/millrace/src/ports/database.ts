/** Where state lives: small rows that must never be lost. Embedded: SQLite. Scaled out: PostgreSQL. Large data never goes through it. */
import type { Sql } from "#kit/sql";

export interface Reader {
  all<Row extends object>(query: Sql): Promise<Row[]>;
  get<Row extends object>(query: Sql): Promise<Row | undefined>;
}

export interface Transaction extends Reader {
  /** Runs a statement and tells how many rows it changed. */
  run(query: Sql): Promise<number>;
  /** Calls `done` as soon as this is committed, never where it is not. For news that may be lost: the process may end in between. */
  afterCommit(done: () => void): void;
}

/**
 * A change of the schema. Portable DDL: `text`, `bigint`, `integer`, `double precision`, and `blob` (which the adapter spells).
 * Ids are applied in list order, once, and never edited after a release.
 */
export interface Migration {
  id: string;
  statements: string[];
  /** Done in the same transaction after the statements: what portable SQL cannot say of the rows that are there. */
  work?: (transaction: Transaction) => Promise<void>;
}

export interface Database extends Reader {
  readonly capabilities: { dialect: "sqlite" | "postgres"; sharedByProcesses: boolean };
  /**
   * Runs `work` in a transaction: all or nothing, durable (fsync'd) when resolved. Calls of the same moment may share one
   * commit; an error in one rolls back only that one. `work` may run twice where the engine asks for a retry, so it does
   * nothing but talk to its transaction.
   */
  write<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>;
  /** `write` of a single statement. */
  run(query: Sql): Promise<number>;
  /** Applies what is missing, in order. Throws `conflict` when the database has migrations this version does not know (it is newer). */
  migrate(migrations: Migration[]): Promise<string[]>;
  close(): Promise<void>;
}
