/** Spans as OTLP sends them, for scenarios about traces. */
import type { Wire } from "./wire.ts";

export interface SpanOptions {
  id?: number;
  parent?: number;
  name?: string;
  start?: bigint;
  end?: bigint;
  status?: number;
  attributes?: Record<string, string | number | boolean>;
}
/** 2026-11-20T10:00:00.250Z and a bit. */
export const begin = 1_795_168_800_250_456_789n;

/** An OTLP request with spans of one trace, in Protocol Buffers. */
export function otlp(trace: string, spans: SpanOptions[]): Uint8Array {
  const packed = spans.map(({ id = 1, parent, name = "root", start = begin, end = begin + 1_500_000_000n, status = 1, attributes = {} }) =>
    message(2, [
      field(1, Buffer.from(trace.replace("tr-", ""), "hex")),
      field(2, spanId(id)),
      ...(parent === undefined ? [] : [field(4, spanId(parent))]),
      field(5, Buffer.from(name)),
      fixed64(7, start),
      fixed64(8, end),
      ...Object.entries(attributes).map(([key, value]) => message(9, [field(1, Buffer.from(key)), message(2, [anyValue(value)])])),
      message(15, [number(3, status)]),
    ]),
  );
  return message(1, [message(2, packed)]);
}

function anyValue(value: string | number | boolean): Buffer {
  if (typeof value === "string") return field(1, Buffer.from(value));
  return typeof value === "boolean" ? number(2, value ? 1 : 0) : number(3, value);
}

function spanId(id: number): Buffer {
  return Buffer.from(id.toString(16).padStart(16, "0"), "hex");
}

// Protocol Buffers' wire format: a tag of the field's number and type, then the value.

function message(at: number, parts: Buffer[]): Buffer {
  return field(at, Buffer.concat(parts));
}

function field(at: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint(at * 8 + 2), varint(bytes.length), bytes]);
}

function number(at: number, value: number): Buffer {
  return Buffer.concat([varint(at * 8), varint(value)]);
}

function fixed64(at: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return Buffer.concat([varint(at * 8 + 1), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}

export function sendSpans(wire: Wire, experiment: string, trace: string, spans: SpanOptions[]): Promise<string> {
  return wire.send("POST", "/v1/traces", {
    body: otlp(trace, spans),
    headers: { "content-type": "application/x-protobuf", "x-mlflow-experiment-id": experiment },
  });
}
