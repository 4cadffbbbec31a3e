/** The engine that runs SQL. Embedded: DuckDB. The lake and the transforms say what they want in SQL; this says how to get it. */

/** A column as the engine sees it: `type` is the engine's own type name, such as `BIGINT`, `DOUBLE`, `VARCHAR`, `TIMESTAMP`. */
export interface ColumnType {
  name: string;
  type: string;
}

/**
 * One column of a result held in memory. Numbers (integers up to 2^53, floats, booleans as 0/1, timestamps and dates as epoch
 * milliseconds) are a Float64Array with NaN for null; text is dictionary-coded, -1 for null.
 */
export type WarehouseColumn =
  | { name: string; kind: "number"; values: Float64Array }
  | { name: string; kind: "text"; codes: Int32Array; levels: string[] };

export interface WarehouseTable {
  rows: number;
  columns: WarehouseColumn[];
}

/** A value of a parameter or a row: timestamps are ISO 8601 strings in UTC, integers beyond 2^53 are strings. */
export type WarehouseValue = string | number | boolean | null | WarehouseValue[] | { [key: string]: WarehouseValue };
export type WarehouseRow = Record<string, WarehouseValue>;

export interface Warehouse {
  readonly capabilities: {
    /** SQL dialect that `transform` renders for. */
    dialect: "duckdb";
    /** Can read and write Parquet files by local path. */
    localParquet: boolean;
  };
  /** Runs statements for their effect. Throws `sql_error` with the engine's message and position. */
  execute(sql: string, params?: WarehouseValue[]): Promise<void>;
  /** All rows of a small result. */
  rows(sql: string, params?: WarehouseValue[]): Promise<WarehouseRow[]>;
  /** A whole result as typed columns, read chunk by chunk; for millions of rows. */
  columns(sql: string): Promise<WarehouseTable>;
  /** Names and types of a query's columns, without running it. */
  describe(sql: string): Promise<ColumnType[]>;
  /** Writes a query's result to one new Parquet file (zstd), fsync'd. `path` must not exist. */
  writeParquet(sql: string, path: string): Promise<{ rows: number; bytes: number }>;
  /** Makes typed columns readable in SQL under a temporary table name until `execute("drop table …")`. Types: number→DOUBLE, text→VARCHAR. */
  load(name: string, table: WarehouseTable): Promise<void>;
  /** The engine's syntax tree of one SELECT as JSON (DuckDB's `json_serialize_sql`). Throws `sql_error` where it does not parse. */
  syntaxTree(sql: string): Promise<unknown>;
  close(): Promise<void>;
}
