/** The datatypes of the Open Inference Protocol V2, as they stand in JSON and in the binary tensor extension (little-endian, row-major, no padding). */

export const datatypes = ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"] as const;
export type Datatype = (typeof datatypes)[number];

/** An element of a tensor as a row has it. A number that is not one (NaN) is a missing value. */
export type Element = string | number | boolean | null;

export function isDatatype(value: unknown): value is Datatype {
  return datatypes.some((datatype) => datatype === value);
}

/** Bytes of an element; undefined for BYTES, whose elements carry their length. */
export function elementBytes(datatype: Datatype): number | undefined {
  if (datatype === "BYTES") return undefined;
  if (datatype === "BOOL") return 1;
  return Number(/\d+$/.exec(datatype)![0]) / 8; // every other name ends in its bits
}

/** Reads an element of JSON; undefined where it is none of the datatype. Null is a missing value. */
export function fromJson(datatype: Datatype, value: unknown): Element | undefined {
  if (value === null) return null;
  switch (datatype) {
    case "BYTES":
      return typeof value === "string" ? value : undefined;
    case "BOOL":
      return typeof value === "boolean" ? value : value === 0 || value === 1 ? value === 1 : undefined;
    case "FP16":
      return undefined; // has no form in JSON
    case "FP32":
    case "FP64":
      return typeof value === "number" ? value : undefined;
    default:
      return typeof value === "number" && isWithin(datatype, value) ? value : undefined;
  }
}

function isWithin(datatype: Datatype, value: number): boolean {
  const bits = Number(/\d+$/.exec(datatype)![0]); // an integer type
  const isSigned = datatype.startsWith("INT");
  const [low, high] = isSigned ? [-(2 ** (bits - 1)), 2 ** (bits - 1)] : [0, 2 ** bits];
  return Number.isInteger(value) && value >= low && value < high;
}

/** Decodes a raw tensor; undefined where the bytes are not exactly `count` elements. */
export function fromBinary(datatype: Datatype, bytes: Uint8Array, count: number): Element[] | undefined {
  if (datatype === "BYTES") return textsOf(bytes, count);
  if (bytes.length !== count * elementBytes(datatype)!) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = readers[datatype];
  return Array.from({ length: count }, (_, i) => {
    const value = read(view, i);
    return typeof value === "number" && Number.isNaN(value) ? null : value;
  });
}

const readers: Record<Exclude<Datatype, "BYTES">, (view: DataView, i: number) => number | boolean> = {
  BOOL: (view, i) => view.getUint8(i) !== 0,
  UINT8: (view, i) => view.getUint8(i),
  UINT16: (view, i) => view.getUint16(i * 2, true),
  UINT32: (view, i) => view.getUint32(i * 4, true),
  UINT64: (view, i) => Number(view.getBigUint64(i * 8, true)),
  INT8: (view, i) => view.getInt8(i),
  INT16: (view, i) => view.getInt16(i * 2, true),
  INT32: (view, i) => view.getInt32(i * 4, true),
  INT64: (view, i) => Number(view.getBigInt64(i * 8, true)),
  FP16: (view, i) => halfFloat(view.getUint16(i * 2, true)),
  FP32: (view, i) => view.getFloat32(i * 4, true),
  FP64: (view, i) => view.getFloat64(i * 8, true),
};

/** IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** u32 length + bytes per element. */
function textsOf(bytes: Uint8Array, count: number): string[] | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  let at = 0;
  while (at + 4 <= buffer.length) {
    const end = at + 4 + buffer.readUInt32LE(at);
    if (end > buffer.length || texts.length === count) return undefined;
    texts.push(buffer.toString("utf8", at + 4, end));
    at = end;
  }
  return at === buffer.length && texts.length === count ? texts : undefined;
}

/** Texts as a raw BYTES tensor. */
export function textsToBinary(texts: string[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}
