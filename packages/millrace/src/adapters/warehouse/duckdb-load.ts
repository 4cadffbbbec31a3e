import type { DuckDBConnection } from "@duckdb/node-api";
import { quoteName } from "#kit/sql-text";
import type { WarehouseColumn, WarehouseTable } from "#ports/warehouse";
import type { DuckdbModules } from "./duckdb-modules.ts";

type Vector = ReturnType<DuckdbModules["bindings"]["data_chunk_get_vector"]>;

/** Creates a table of the engine from columns in memory: NaN and code -1 become null. */
export async function loadColumns(modules: DuckdbModules, connection: DuckDBConnection, name: string, table: WarehouseTable): Promise<void> {
  const { api } = modules;
  await connection.run(
    `create table ${quoteName(name)} (${table.columns.map((column) => `${quoteName(column.name)} ${column.kind === "number" ? "DOUBLE" : "VARCHAR"}`).join(", ")})`,
  );
  const types = table.columns.map((column) => (column.kind === "number" ? api.DOUBLE : api.VARCHAR));
  const appender = await connection.createAppender(name);
  try {
    for (let first = 0; first < table.rows; first += chunkRows) {
      const rows = Math.min(chunkRows, table.rows - first);
      const chunk = api.DuckDBDataChunk.create(types, rows);
      table.columns.forEach((column, index) => {
        const vector = modules.bindings.data_chunk_get_vector(chunk.chunk, index);
        if (column.kind === "number") writeNumbers(modules, vector, column.values, first, rows);
        else writeTexts(modules, vector, column, first, rows);
      });
      appender.appendDataChunk(chunk);
      if ((first / chunkRows) % 64 === 63) await new Promise((resolve) => void setImmediate(resolve)); // let others have the thread
    }
    appender.flushSync();
  } finally {
    appender.closeSync();
  }
}

const chunkRows = 2048; // DuckDB's vector size

function writeNumbers(modules: DuckdbModules, vector: Vector, values: Float64Array, first: number, rows: number): void {
  const part = values.slice(first, first + rows); // a copy, because the values may stand in shared memory
  modules.bindings.copy_data_to_vector(vector, 0, part.buffer, 0, part.byteLength);
  writeNulls(modules, vector, rows, (i) => Number.isNaN(part[i]));
}

function writeTexts(modules: DuckdbModules, vector: Vector, column: WarehouseColumn & { kind: "text" }, first: number, rows: number): void {
  const { codes, levels } = column;
  for (let i = 0; i < rows; i++) {
    const code = codes[first + i]!;
    if (code >= 0) modules.bindings.vector_assign_string_element(vector, i, levels[code]!);
  }
  writeNulls(modules, vector, rows, (i) => codes[first + i]! < 0);
}

function writeNulls(modules: DuckdbModules, vector: Vector, rows: number, isNull: (row: number) => boolean): void {
  let mask: Uint8Array<ArrayBuffer> | undefined;
  for (let i = 0; i < rows; i++) {
    if (!isNull(i)) continue;
    mask ??= new Uint8Array(Math.ceil(rows / 64) * 8).fill(255);
    mask[i >> 3]! &= ~(1 << (i & 7));
  }
  if (mask === undefined) return;
  modules.bindings.vector_ensure_validity_writable(vector);
  modules.bindings.copy_data_to_vector_validity(vector, 0, mask.buffer, 0, mask.byteLength);
}
