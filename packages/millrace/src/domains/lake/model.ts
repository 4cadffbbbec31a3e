/**
 * The words of the lake: versioned tables that are true Delta Lake tables (Parquet files and a `_delta_log`), so that Spark,
 * Databricks, Trino, Polars and DuckDB read them where they lie.
 *
 * Times. A `TIMESTAMP` of the warehouse has no zone and means UTC here. In the table it is Delta's `timestamp` (an instant), and it
 * comes back as `TIMESTAMP`, to the microsecond.
 */
import type { ColumnType, WarehouseTable } from "#ports/warehouse";

/** One Parquet file of a table version. */
export interface LakeFile {
  /** Path below the table's folder. */
  path: string;
  rows: number;
  bytes: number;
  stats: FileStatistics | undefined;
}

/** Bounds by column name, as far as they are known. Text bounds may be cut, timestamps are rounded to milliseconds: bounds, not values. */
export interface FileStatistics {
  numRecords: number;
  minValues: Record<string, unknown>;
  maxValues: Record<string, unknown>;
  nullCount: Record<string, unknown>;
}

/** What one version of a table consists of. Never changes. */
export interface LakeSnapshot {
  table: string;
  version: number;
  /** When the version was committed. */
  timestampMs: number;
  columns: ColumnType[];
  /** Columns whose values stand in the log, not in the files (only in tables written elsewhere). */
  partitionColumns: string[];
  files: LakeFile[];
  rows: number;
  bytes: number;
  /** The newest version recorded by each application that writes exactly once. */
  transactions: Record<string, number>;
}

export interface LakeVersion {
  version: number;
  timestampMs: number;
  /** `CREATE`, `APPEND`, `REPLACE`, `MERGE`, or what another writer called it. */
  operation: string;
  /** Rows and files of the commit, such as `numOutputRows`, as text (so Delta keeps them). */
  metrics: Record<string, string>;
  /** What the writer wrote beside it: the `metadata` option of the verbs. */
  metadata: unknown;
}

export interface WriteOptions {
  /** Exactly once: a write whose `version` (or a later one) this `appId` has already recorded in the table is skipped. */
  transaction?: { appId: string; version: number };
  /** Any JSON kept with the commit and shown in the history, such as the run that wrote it. */
  metadata?: unknown;
}

export interface AppendOptions extends WriteOptions {
  /** Allow columns that the table lacks (they become nullable columns) and fill those that the rows lack with nulls. Without it, both are errors. */
  addColumns?: boolean;
}

export interface WriteResult {
  /** The version that holds the rows: the new one or, where skipped, the newest one. */
  version: number;
  /** Rows written by this call. */
  rows: number;
  /** The transaction was there already, and nothing was written. */
  skipped: boolean;
}

/** Which version: by number, or the newest one committed at or before an instant. Left out, the newest. */
export type VersionChoice = { version: number } | { timestampMs: number };

export interface LakeChanges {
  /** The version that `files` lead up to: pass it to the next call. */
  version: number;
  /** Files added after the given version and still part of the table. */
  files: LakeFile[];
  rows: number;
  /** Files were removed as well (a replace or merge): what is new is not only what was added, so read the table anew. */
  rewritten: boolean;
  /** The added rows as SQL for a FROM clause. */
  relation: string;
}

/** The SQL of a query whose result is written. */
export interface Rows {
  sql: string;
}

/**
 * Versioned tables by name `schema.name`. All verbs throw `invalid_argument` for a bad name, `not_found` for a table or version that is
 * not there, `corrupt_data` for a damaged log, and `unsupported` for tables that use features of Delta which would be misread.
 */
export interface Lake {
  /** Names of all tables, sorted. */
  tables(): Promise<string[]>;
  exists(table: string): Promise<boolean>;
  snapshot(table: string, at?: VersionChoice): Promise<LakeSnapshot>;
  /** All versions, newest first. */
  history(table: string): Promise<LakeVersion[]>;
  /** Adds rows in a new version; creates the table where there is none. Columns are matched by name. */
  append(table: string, rows: Rows, options?: AppendOptions): Promise<WriteResult>;
  /** As `append`, for columns in memory. `types` gives the SQL type of columns of a new table (numbers are DOUBLE, text VARCHAR; TIMESTAMP and DATE are epoch milliseconds). */
  appendColumns(table: string, rows: WarehouseTable, options?: AppendOptions & { types?: Record<string, string> }): Promise<WriteResult>;
  /** Puts the rows in the place of all others, with their own columns, in a new version. Readers of older versions are not touched. `conflict` when the table changed meanwhile. */
  replace(table: string, rows: Rows, options?: WriteOptions): Promise<WriteResult>;
  /** Deletes the rows whose key is among the given rows', and inserts these. Only files that hold such keys are rewritten. Keys must be unique and not null. */
  merge(table: string, rows: Rows & { key: string[] }, options?: AppendOptions): Promise<WriteResult>;
  /** One version as SQL for a FROM clause: columns in order, with their types. It holds until a vacuum removes the version's files. */
  relation(table: string, at?: VersionChoice): Promise<string>;
  /** Columns of one version in memory. `where` and `orderBy` are SQL over the table's columns. */
  columns(table: string, options?: { select?: string[]; where?: string; orderBy?: string; at?: VersionChoice }): Promise<WarehouseTable>;
  /** What was added after a version, for readers that go on where they stopped. Pass -1 for everything. */
  changesSince(table: string, version: number): Promise<LakeChanges>;
  /**
   * Removes files that no version in use needs: not in the newest version, not in `keepVersions`, and unused for `olderThanMs`
   * (at least an hour, so that no writer at work loses a file). With `dryRun` only names them.
   */
  vacuum(table: string, options: { olderThanMs: number; keepVersions?: number[]; dryRun?: boolean }): Promise<{ paths: string[]; bytes: number }>;
  /**
   * Removes data files that no version ever named, left by writers that were killed `olderThanMs` ago (at least an hour). Every version
   * stays readable. With `dryRun` only names them. `looked` counts the table's data files, `young` those that may yet be named.
   */
  removeAbandoned(
    table: string,
    options: { olderThanMs: number; dryRun?: boolean },
  ): Promise<{ looked: number; young: number; paths: string[]; bytes: number }>;
  /** Removes a table with all its versions; no error when it is not there. */
  drop(table: string): Promise<void>;
}
