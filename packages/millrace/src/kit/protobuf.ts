/**
 * The protobuf wire format, as far as files need it (protobuf.dev/programming-guides/encoding): varints, fixed 32/64, length-delimited.
 * No schema: the reader hands out numbered fields, the caller knows what they mean. Deprecated groups are refused.
 */
import { AppError } from "./app-error.ts";

export type WireField =
  /** `exact` is there where the number is beyond the exact ones. */
  | { number: number; wire: "varint"; value: number; exact?: bigint }
  | { number: number; wire: "bytes"; value: Uint8Array }
  | { number: number; wire: "fixed32" | "fixed64"; value: Uint8Array };

/**
 * Yields the fields of one message in file order. Values are views on `bytes`, not copies; varints are signed 64-bit.
 * Throws `corrupt_data` naming `what` when a field runs past the end or is not protobuf.
 */
export function* readFields(bytes: Uint8Array, what: string): Generator<WireField> {
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const tag = readVarint(bytes, cursor, what);
    const number = Math.floor(tag / 8);
    if (number < 1 || tag < 0) throw damaged(what, `field number ${number} at byte ${cursor.at}`);
    switch (tag % 8) {
      case 0: {
        const from = cursor.at;
        const value = readVarint(bytes, cursor, what);
        yield { number, wire: "varint", value, ...(!Number.isSafeInteger(value) && { exact: exactVarint(bytes.subarray(from, cursor.at)) }) };
        break;
      }
      case 1:
        yield { number, wire: "fixed64", value: take(bytes, cursor, 8, what) };
        break;
      case 2:
        yield { number, wire: "bytes", value: take(bytes, cursor, readVarint(bytes, cursor, what), what) };
        break;
      case 5:
        yield { number, wire: "fixed32", value: take(bytes, cursor, 4, what) };
        break;
      default:
        throw damaged(what, `wire type ${tag % 8} at byte ${cursor.at}`);
    }
  }
}

/** Reads a packed run of varints, such as `repeated int64 … [packed = true]`. */
export function readPackedVarints(bytes: Uint8Array, what: string): number[] {
  const values: number[] = [];
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) values.push(readVarint(bytes, cursor, what));
  return values;
}

/** Reads text, refusing bytes that are not UTF-8. */
export function readText(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new AppError("corrupt_data", `${what} is damaged: a text in it is not UTF-8.`, { cause });
  }
}

export interface ProtobufWriter {
  varint(field: number, value: number): void;
  float(field: number, value: number): void;
  text(field: number, value: string): void;
  bytes(field: number, value: Uint8Array): void;
  packedVarints(field: number, values: ArrayLike<number>): void;
  /** Writes a varint without a field number, as packed runs have it. */
  bareVarint(value: number): void;
  /** Writes a nested message: `fill` gets a writer of its own. */
  message(field: number, fill: (nested: ProtobufWriter) => void): void;
  finish(): Uint8Array;
}

/** Starts an empty message. Fields are written in the order of the calls, so equal calls give equal bytes. */
export function protobufWriter(): ProtobufWriter {
  let buffer = new Uint8Array(256);
  let length = 0;

  function reserve(extra: number): void {
    if (length + extra <= buffer.length) return;
    const larger = new Uint8Array(Math.max(buffer.length * 2, length + extra));
    larger.set(buffer.subarray(0, length));
    buffer = larger;
  }
  function putVarint(value: number): void {
    reserve(10);
    let rest = value < 0 ? BigInt.asUintN(64, BigInt(value)) : value;
    if (typeof rest === "number") {
      while (rest >= 128) {
        buffer[length++] = (rest % 128) | 128;
        rest = Math.floor(rest / 128);
      }
      buffer[length++] = rest;
      return;
    }
    while (rest >= 128n) {
      buffer[length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    buffer[length++] = Number(rest);
  }
  function putBytes(field: number, value: Uint8Array): void {
    putVarint(field * 8 + 2);
    putVarint(value.length);
    reserve(value.length);
    buffer.set(value, length);
    length += value.length;
  }

  return {
    varint(field, value) {
      putVarint(field * 8);
      putVarint(value);
    },
    float(field, value) {
      putVarint(field * 8 + 5);
      reserve(4);
      new DataView(buffer.buffer).setFloat32(length, value, true);
      length += 4;
    },
    text: (field, value) => putBytes(field, new TextEncoder().encode(value)),
    bytes: putBytes,
    packedVarints(field, values) {
      const packed = protobufWriter();
      for (let i = 0; i < values.length; i++) packed.bareVarint(values[i] ?? 0);
      putBytes(field, packed.finish());
    },
    bareVarint: putVarint,
    message(field, fill) {
      const nested = protobufWriter();
      fill(nested);
      putBytes(field, nested.finish());
    },
    finish: () => buffer.slice(0, length),
  };
}

function readVarint(bytes: Uint8Array, cursor: { at: number }, what: string): number {
  let low = 0; // bits 0–27
  let high = 0; // bits 28–63
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw damaged(what, "a number runs past the end");
    if (shift < 28) low |= (byte & 127) << shift;
    else high += (byte & 127) * 2 ** (shift - 28);
    if (byte < 128) {
      const signedHigh = high >= 2 ** 35 ? high - 2 ** 36 : high; // 36 bits above the low 28: two's complement of 64
      return signedHigh * 2 ** 28 + low;
    }
  }
  throw damaged(what, `a number longer than 64 bits at byte ${cursor.at}`);
}

function exactVarint(bytes: Uint8Array): bigint {
  let value = 0n;
  bytes.forEach((byte, i) => (value |= BigInt(byte & 127) << BigInt(7 * i)));
  return BigInt.asIntN(64, value);
}

function take(bytes: Uint8Array, cursor: { at: number }, size: number, what: string): Uint8Array {
  if (size < 0 || cursor.at + size > bytes.length) throw damaged(what, `a field of ${size} bytes runs past the end at byte ${cursor.at}`);
  cursor.at += size;
  return bytes.subarray(cursor.at - size, cursor.at);
}

function damaged(what: string, how: string): AppError {
  return new AppError("corrupt_data", `${what} is damaged: ${how}.`, { hint: "Fetch or export the file again." });
}
