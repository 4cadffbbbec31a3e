/**
 * Results as typed columns. Budget: 3,000,000 rows × 5 numeric columns in 0.3 s. Reads the vectors' memory instead of one value at a time:
 * ten times faster, and no garbage.
 */
import type { DuckDBDataChunk, DuckDBResult, DuckDBType } from "@duckdb/node-api";
import { AppError } from "#kit/app-error";
import type { WarehouseColumn, WarehouseTable } from "#ports/warehouse";
import type { DuckdbModules } from "./duckdb-modules.ts";
import { TextLevels } from "./duckdb-text.ts";

/** Reads a streaming result to its end, into memory that threads can share without a copy. Numbers beyond ±2^53 throw `unsupported`, naming the column. */
export async function readColumns(modules: DuckdbModules, result: DuckDBResult): Promise<WarehouseTable> {
  const names = result.deduplicatedColumnNames();
  const sinks = result.columnTypes().map((type, index) => columnSink(modules, names[index]!, type, index));
  let rows = 0;
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const sink of sinks) sink.add(chunk, chunk.rowCount);
    rows += chunk.rowCount;
  }
  return { rows, columns: sinks.map((sink) => sink.finish(rows)) };
}

interface ColumnSink {
  add(chunk: DuckDBDataChunk, rows: number): void;
  finish(rows: number): WarehouseColumn;
}

/**
 * Writes `rows` values of a vector's memory into `out` from `at` on; what stands under a null is not looked at, it may be anything.
 * Answers true where an integer may be beyond 2^53.
 */
type Decode = (data: Uint8Array, rows: number, out: Float64Array, at: number) => boolean | void;

function columnSink(modules: DuckdbModules, name: string, type: DuckDBType, index: number): ColumnSink {
  const physical = numericLayout(modules, type);
  if (physical !== undefined) return numberSink(modules, name, index, physical.bytes, physical.decode);
  if (type.typeId === modules.api.DuckDBTypeId.VARCHAR) return textSink(modules, name, index);
  if (type.typeId === modules.api.DuckDBTypeId.BLOB) {
    throw new AppError("unsupported", `Column \`${name}\` is a BLOB, which is neither a number nor text.`, {
      hint: `Select \`hex(${name})\` or leave it out.`,
    });
  }
  return valueSink(name, index);
}

function numberSink(modules: DuckdbModules, name: string, index: number, bytes: number, decode: Decode): ColumnSink {
  const blocks = new Blocks((length) => new Float64Array(new SharedArrayBuffer(8 * length)));
  return {
    add(chunk, rows) {
      const vector = modules.bindings.data_chunk_get_vector(chunk.chunk, index);
      const { block, at } = blocks.room(rows);
      const suspect = decode(modules.bindings.vector_get_data(vector, rows * bytes), rows, block, at);
      const valid = validityOf(modules, vector, rows);
      if (valid !== undefined) for (let i = 0; i < rows; i++) if ((valid[i >> 3]! & (1 << (i & 7))) === 0) block[at + i] = NaN;
      if (suspect === true) refuseInexact(name, block, at, rows);
    },
    finish: (rows) => ({ name, kind: "number", values: blocks.join(rows) }),
  };
}

function textSink(modules: DuckdbModules, name: string, index: number): ColumnSink {
  const blocks = new Blocks((length) => new Int32Array(new SharedArrayBuffer(4 * length)));
  const levels = new TextLevels();
  return {
    add(chunk, rows) {
      const vector = modules.bindings.data_chunk_get_vector(chunk.chunk, index);
      const data = modules.bindings.vector_get_data(vector, rows * 16);
      const words = new Uint32Array(data.buffer, data.byteOffset, rows * 4);
      const valid = validityOf(modules, vector, rows);
      const { block, at } = blocks.room(rows);
      let typed: ReturnType<DuckDBDataChunk["getColumnVector"]> | undefined;
      for (let i = 0; i < rows; i++) {
        if (valid !== undefined && (valid[i >> 3]! & (1 << (i & 7))) === 0) block[at + i] = -1;
        else if (words[4 * i]! <= 12) block[at + i] = levels.codeOfWords(words, 4 * i, () => shortText(data, i));
        else {
          const text = String((typed ??= chunk.getColumnVector(index)).getItem(i));
          block[at + i] = levels.codeOf(startsWithMark(words[4 * i + 1]!) ? withMark(text, words[4 * i]!) : text);
        }
      }
    },
    finish: (rows) => ({ name, kind: "text", codes: blocks.join(rows), levels: levels.levels }),
  };
}

/** Whether the first bytes of a text, as they stand in its value, are U+FEFF. */
function startsWithMark(prefix: number): boolean {
  return (prefix & 0xffffff) === 0xbfbbef;
}

/** The package's decoder takes U+FEFF at a text's beginning for a byte order mark, and away: it belongs to the text. */
function withMark(text: string, bytes: number): string {
  return Buffer.byteLength(text) < bytes ? `\ufeff${text}` : text;
}

/** Types without a layout of their own (enums, UUIDs, times, lists, structs): DuckDB's text of each value. */
function valueSink(name: string, index: number): ColumnSink {
  const blocks = new Blocks((length) => new Int32Array(new SharedArrayBuffer(4 * length)));
  const levels = new TextLevels();
  return {
    add(chunk, rows) {
      const vector = chunk.getColumnVector(index);
      const { block, at } = blocks.room(rows);
      for (let i = 0; i < rows; i++) {
        const value = vector.getItem(i);
        block[at + i] = value === null ? -1 : levels.codeOf(String(value));
      }
    },
    finish: (rows) => ({ name, kind: "text", codes: blocks.join(rows), levels: levels.levels }),
  };
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true }); // a text may begin with U+FEFF

function shortText(data: Uint8Array, row: number): string {
  return decoder.decode(data.subarray(row * 16 + 4, row * 16 + 4 + data[row * 16]!));
}

/** Bits of validity, lowest first, or undefined where no value is null. */
function validityOf(
  modules: DuckdbModules,
  vector: ReturnType<DuckdbModules["bindings"]["data_chunk_get_vector"]>,
  rows: number,
): Uint8Array | undefined {
  // The declared type leaves out that the engine has no mask where all is valid.
  const mask: Uint8Array | null = modules.bindings.vector_get_validity(vector, Math.ceil(rows / 64) * 8);
  return mask ?? undefined;
}

function numericLayout(modules: DuckdbModules, type: DuckDBType): { bytes: number; decode: Decode } | undefined {
  const id = modules.api.DuckDBTypeId;
  switch (type.typeId) {
    case id.BOOLEAN:
    case id.UTINYINT:
      return { bytes: 1, decode: (data, _rows, out, at) => out.set(data, at) };
    case id.TINYINT:
      return { bytes: 1, decode: (data, rows, out, at) => out.set(new Int8Array(data.buffer, data.byteOffset, rows), at) };
    case id.SMALLINT:
      return { bytes: 2, decode: (data, rows, out, at) => out.set(new Int16Array(data.buffer, data.byteOffset, rows), at) };
    case id.USMALLINT:
      return { bytes: 2, decode: (data, rows, out, at) => out.set(new Uint16Array(data.buffer, data.byteOffset, rows), at) };
    case id.INTEGER:
      return { bytes: 4, decode: (data, rows, out, at) => out.set(new Int32Array(data.buffer, data.byteOffset, rows), at) };
    case id.UINTEGER:
      return { bytes: 4, decode: (data, rows, out, at) => out.set(new Uint32Array(data.buffer, data.byteOffset, rows), at) };
    case id.FLOAT:
      return { bytes: 4, decode: (data, rows, out, at) => out.set(new Float32Array(data.buffer, data.byteOffset, rows), at) };
    case id.DOUBLE:
      return { bytes: 8, decode: (data, rows, out, at) => out.set(new Float64Array(data.buffer, data.byteOffset, rows), at) };
    case id.BIGINT:
      return { bytes: 8, decode: integers(true) };
    case id.UBIGINT:
      return { bytes: 8, decode: integers(false) };
    case id.DATE:
      return { bytes: 4, decode: days };
    case id.TIMESTAMP:
    case id.TIMESTAMP_TZ:
      return { bytes: 8, decode: times(1e3) };
    case id.TIMESTAMP_MS:
      return { bytes: 8, decode: times(1) };
    case id.TIMESTAMP_S:
      return { bytes: 8, decode: times(1e-3) };
    case id.TIMESTAMP_NS:
      return { bytes: 8, decode: nanoseconds };
    case id.HUGEINT:
      return { bytes: 16, decode: (data, rows, out, at) => huge(data, rows, out, at, 1) };
    case id.DECIMAL:
      return type instanceof modules.api.DuckDBDecimalType ? decimalLayout(type.width, 10 ** type.scale) : undefined;
    default:
      return undefined;
  }
}

function decimalLayout(width: number, by: number): { bytes: number; decode: Decode } {
  if (width > 18) return { bytes: 16, decode: (data, rows, out, at) => void huge(data, rows, out, at, by) };
  if (width > 9) return { bytes: 8, decode: (data, rows, out, at) => void wide(data, rows, out, at, by, true) };
  if (width > 4) return { bytes: 4, decode: (data, rows, out, at) => divided(new Int32Array(data.buffer, data.byteOffset, rows), by, out, at) };
  return { bytes: 2, decode: (data, rows, out, at) => divided(new Int16Array(data.buffer, data.byteOffset, rows), by, out, at) };
}

function divided(values: Int32Array | Int16Array, by: number, out: Float64Array, at: number): void {
  for (let i = 0; i < values.length; i++) out[at + i] = values[i]! / by;
}

function days(data: Uint8Array, rows: number, out: Float64Array, at: number): void {
  const values = new Int32Array(data.buffer, data.byteOffset, rows);
  for (let i = 0; i < rows; i++) out[at + i] = values[i]! * 86_400_000;
}

function integers(signed: boolean): Decode {
  return (data, rows, out, at) => wide(data, rows, out, at, 1, signed);
}

/** 64-bit counts of a unit as milliseconds; the engine's `infinity` becomes one. */
function times(unitsPerMs: number): Decode {
  return (data, rows, out, at) => {
    if (!wide(data, rows, out, at, unitsPerMs, true)) return;
    for (let i = at; i < at + rows; i++) if (Math.abs(out[i]! * unitsPerMs) >= 2 ** 63 - 2 ** 10) out[i] = Math.sign(out[i]!) * Infinity;
  };
}

/** 64-bit integers divided by `by`, without making a BigInt of each. Answers whether one is beyond 2^53. */
function wide(data: Uint8Array, rows: number, out: Float64Array, at: number, by: number, signed: boolean): boolean {
  const low = new Uint32Array(data.buffer, data.byteOffset, rows * 2);
  const high = signed ? new Int32Array(data.buffer, data.byteOffset, rows * 2) : low;
  let beyond = false;
  for (let i = 0; i < rows; i++) {
    const value = high[2 * i + 1]! * 4_294_967_296 + low[2 * i]!;
    if (value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER) beyond = true;
    out[at + i] = value / by;
  }
  return beyond;
}

function nanoseconds(data: Uint8Array, rows: number, out: Float64Array, at: number): void {
  const values = new BigInt64Array(data.buffer, data.byteOffset, rows);
  for (let i = 0; i < rows; i++) out[at + i] = Number(values[i]! / 1000n) / 1e3; // whole microseconds, as for TIMESTAMP
}

/** 128-bit integers, which sums of integers are, divided by `by`. */
function huge(data: Uint8Array, rows: number, out: Float64Array, at: number, by: number): boolean {
  const words = new DataView(data.buffer, data.byteOffset, rows * 16);
  let beyond = false;
  for (let i = 0; i < rows; i++) {
    const value = Number((words.getBigInt64(i * 16 + 8, true) << 64n) | words.getBigUint64(i * 16, true));
    if (Math.abs(value) > Number.MAX_SAFE_INTEGER) beyond = true;
    out[at + i] = value / by;
  }
  return beyond;
}

function refuseInexact(name: string, values: Float64Array, at: number, rows: number): void {
  for (let i = at; i < at + rows; i++) {
    if (!(Math.abs(values[i]!) > Number.MAX_SAFE_INTEGER)) continue;
    throw new AppError("unsupported", `Column \`${name}\` has an integer beyond 2^53 (about ${values[i]}), which a number cannot hold exactly.`, {
      hint: `Cast it: \`${name}::DOUBLE\` rounds, \`${name}::VARCHAR\` keeps every digit.`,
    });
  }
}

const blockRows = 1 << 17;

/** A typed array that grows in blocks, so that reading millions of rows needs one copy and no doubling. */
class Blocks<A extends Float64Array | Int32Array> {
  readonly #make: (length: number) => A;
  readonly #blocks: { data: A; used: number }[] = [];

  constructor(make: (length: number) => A) {
    this.#make = make;
  }

  /** A block with `rows` free places from `at` on, which count as used from now on. */
  room(rows: number): { block: A; at: number } {
    let last = this.#blocks.at(-1);
    if (last === undefined || last.data.length - last.used < rows) {
      last = { data: this.#make(this.#blocks.length === 0 ? Math.max(4096, rows) : Math.max(blockRows, rows)), used: 0 };
      this.#blocks.push(last);
    }
    const at = last.used;
    last.used += rows;
    return { block: last.data, at };
  }

  join(rows: number): A {
    const all = this.#make(rows);
    let at = 0;
    for (let block = this.#blocks.shift(); block !== undefined; block = this.#blocks.shift()) {
      all.set(block.data.subarray(0, block.used), at);
      at += block.used;
    }
    return all;
  }
}
