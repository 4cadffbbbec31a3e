import { AppError } from "#kit/app-error";
import type { Clock } from "#kit/clock";
import { newId } from "#kit/id";
import type { Log } from "#kit/log";
import { quoteName } from "#kit/sql-text";
import type { BlobStore } from "#ports/blob-store";
import type { ColumnType, Warehouse, WarehouseTable } from "#ports/warehouse";
import { removeAbandoned } from "./abandoned.ts";
import { changesSince } from "./changes.ts";
import type { LakeContext } from "./context.ts";
import { merge } from "./merge.ts";
import type { AppendOptions, Lake, VersionChoice, WriteResult } from "./model.ts";
import { relationOf } from "./relation.ts";
import { columnOf } from "./schema.ts";
import { historyOf, listTables, newestState, snapshotOf, stateAt } from "./snapshot.ts";
import { drop, vacuum } from "./vacuum.ts";
import { append, replace } from "./write.ts";

/**
 * The lake over a blob store, computed by a warehouse. Any number of lakes, in any number of processes, may work on one store.
 * `scratchFolder` is local; best on the file system of local blobs.
 */
export function openLake(deps: { blobs: BlobStore; warehouse: Warehouse; clock: Clock; log: Log; scratchFolder: string }): Lake {
  const lake: LakeContext = { ...deps, newest: new Map() };
  return {
    tables: () => listTables(lake),
    exists: async (table) => (await newestState(lake, table)) !== undefined,
    snapshot: async (table, at) => snapshotOf(lake, await stateAt(lake, table, at)),
    history: (table) => historyOf(lake, table),
    append: (table, rows, options) => append(lake, table, rows, options),
    appendColumns: (table, rows, options) => appendColumns(lake, table, rows, options),
    replace: (table, rows, options) => replace(lake, table, rows, options),
    merge: (table, rows, options) => merge(lake, table, rows, options),
    relation: async (table, at) => relationOf(lake, await stateAt(lake, table, at)),
    columns: (table, options) => columns(lake, table, options ?? {}),
    changesSince: (table, version) => changesSince(lake, table, version),
    vacuum: (table, options) => vacuum(lake, table, options),
    removeAbandoned: (table, options) => removeAbandoned(lake, table, options),
    drop: (table) => drop(lake, table),
  };
}

async function columns(
  lake: LakeContext,
  table: string,
  options: { select?: string[]; where?: string; orderBy?: string; at?: VersionChoice },
): Promise<WarehouseTable> {
  const state = await stateAt(lake, table, options.at);
  for (const name of options.select ?? []) {
    if (state.fields.some((field) => field.name === name)) continue;
    throw new AppError("not_found", `Table \`${table}\` has no column \`${name}\` (it has: ${state.fields.map((field) => field.name).join(", ")}).`);
  }
  const select = (options.select ?? state.fields.map((field) => field.name)).map(quoteName).join(", ");
  const where = options.where === undefined ? "" : ` where (${options.where}\n)`;
  const order = options.orderBy === undefined ? "" : ` order by ${options.orderBy}`;
  return lake.warehouse.columns(`select ${select} from ${await relationOf(lake, state)}${where}${order}`);
}

async function appendColumns(
  lake: LakeContext,
  table: string,
  rows: WarehouseTable,
  options: AppendOptions & { types?: Record<string, string> } = {},
): Promise<WriteResult> {
  const existing = (await newestState(lake, table))?.fields.map((field) => columnOf(table, field)) ?? [];
  const typeOf = (name: string): ColumnType["type"] | undefined => options.types?.[name] ?? existing.find((column) => column.name === name)?.type;
  const loaded = `lake_rows_${newId()}`;
  await lake.warehouse.load(loaded, rows);
  try {
    const select = rows.columns.map(({ name, kind }) => `${typedColumn(quoteName(name), kind, typeOf(name))} as ${quoteName(name)}`);
    return await append(lake, table, { sql: `select ${select.join(", ")} from ${quoteName(loaded)}` }, options);
  } finally {
    await lake.warehouse.execute(`drop table ${quoteName(loaded)}`);
  }
}

/** A loaded column (DOUBLE or VARCHAR) as the wanted type; times and dates are epoch milliseconds. */
function typedColumn(column: string, kind: "number" | "text", type: string | undefined): string {
  if (type === undefined) return column;
  if (kind === "text") return `cast(${column} as ${type})`;
  if (type.startsWith("TIMESTAMP")) return `cast(make_timestamp(cast(round(${column} * 1000) as BIGINT)) as ${type})`;
  if (type === "DATE") return `cast(make_timestamp(cast(${column} * 1000 as BIGINT)) as DATE)`;
  return `cast(${column} as ${type})`;
}
