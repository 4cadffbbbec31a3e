import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { AppError } from "#kit/app-error";

/**
 * A file of numeric columns, made to be read back at the speed of the disk: the line `MRCOLS1`, the length of the header (u32),
 * the header as JSON, then each column's values, little-endian, from a position that is a multiple of 64.
 */
const magic = Buffer.from("MRCOLS1\n");
const alignment = 64;

export type ColumnArray = Float32Array | Float64Array | Int32Array;
export type Columns = Map<string, ColumnArray>;

interface Header {
  rows: number;
  columns: { name: string; type: "f32" | "f64" | "i32"; offset: number }[];
}

/** Writes columns of equal length to a new file, fsync'd. Returns the SHA-256 of the file. */
export async function writeColumnFile(path: string, rows: number, columns: Columns): Promise<string> {
  const header: Header = { rows, columns: [] };
  let offset = 0;
  for (const [name, values] of columns) {
    if (values.length !== rows) throw new AppError("internal", `Column ${name} has ${values.length} values for ${rows} rows.`);
    header.columns.push({ name, type: typeOf(values), offset });
    offset = align(offset + values.byteLength);
  }
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(align(magic.length + 4 + json.length));
  magic.copy(start);
  start.writeUInt32LE(json.length, magic.length);
  json.copy(start, magic.length + 4);

  const hash = createHash("sha256");
  const file = await open(path, "wx");
  try {
    const write = async (bytes: Uint8Array) => {
      hash.update(bytes);
      await file.writeFile(bytes);
    };
    await write(start);
    for (const values of columns.values()) {
      await write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      await write(Buffer.alloc(align(values.byteLength) - values.byteLength));
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

/** Reads a column file into memory that threads can share. Throws `corrupt_data` where it is not one or is cut short. */
export async function readColumnFile(path: string): Promise<{ rows: number; columns: Columns }> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const shared = new SharedArrayBuffer(size);
    const bytes = new Uint8Array(shared);
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(bytes, at, Math.min(size - at, 64 << 20), at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return parse(path, shared);
  } finally {
    await file.close();
  }
}

function parse(path: string, shared: SharedArrayBuffer): { rows: number; columns: Columns } {
  const buffer = Buffer.from(shared as unknown as ArrayBuffer); // Node takes shared memory here; its type does not say so
  if (buffer.length < magic.length + 4 || !buffer.subarray(0, magic.length).equals(magic)) throw damaged(path, "it does not begin as one");
  const length = buffer.readUInt32LE(magic.length);
  const data = align(magic.length + 4 + length);
  if (data > buffer.length) throw damaged(path, "its header is cut short");
  let header: Header;
  try {
    header = JSON.parse(buffer.toString("utf8", magic.length + 4, magic.length + 4 + length)) as Header; // checked field by field below
  } catch (error) {
    throw damaged(path, "its header cannot be read", error);
  }
  const columns: Columns = new Map();
  for (const { name, type, offset } of header.columns) {
    const bytes = header.rows * (type === "f64" ? 8 : 4);
    if (data + offset + bytes > buffer.length) throw damaged(path, `its column ${name} is cut short`);
    columns.set(name, arrayOf(type, shared, data + offset, header.rows));
  }
  return { rows: header.rows, columns };
}

function arrayOf(type: string, memory: SharedArrayBuffer, position: number, rows: number): ColumnArray {
  if (type === "f64") return new Float64Array(memory, position, rows);
  return type === "f32" ? new Float32Array(memory, position, rows) : new Int32Array(memory, position, rows);
}

function damaged(path: string, why: string, cause?: unknown): AppError {
  return new AppError("corrupt_data", `${path} is no intact file of columns: ${why}.`, {
    cause,
    hint: "Remove it and run the flow again; the step that made it runs once more.",
  });
}

function typeOf(values: ColumnArray): "f32" | "f64" | "i32" {
  return values instanceof Float32Array ? "f32" : values instanceof Float64Array ? "f64" : "i32";
}

function align(position: number): number {
  return Math.ceil(position / alignment) * alignment;
}
