/**
 * OTLP's ExportTraceServiceRequest in JSON: Protocol Buffers' JSON with ids in hexadecimal, enums as numbers and 64-bit integers as
 * text (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"). Names in snake case and integers as numbers are read too.
 */
import type { Attributes, AttributeValue } from "#domains/traces";
import { AppError } from "#kit/app-error";
import { type Incoming, type IncomingSpan, kindOf, noScope, statusOf } from "./incoming.ts";

type Fields = Record<string, unknown>;
const deepest = 100;

/** Throws `corrupt_data` for what is not such a message. */
export function* spansInJson(bytes: Uint8Array): Generator<IncomingSpan> {
  for (const perResource of list(object(parse(bytes), "The request"), "resourceSpans", "resource_spans")) {
    const resource = attributesOf(field(perResource, "resource") ?? {});
    for (const perScope of list(perResource, "scopeSpans", "scope_spans")) {
      const given = object(field(perScope, "scope") ?? {}, "scope");
      const scope = { ...noScope, name: text(given, "name"), version: text(given, "version") };
      for (const span of list(perScope, "spans")) yield spanOf(span, { resource, scope });
    }
  }
}

function spanOf(given: Fields, { resource, scope }: Incoming): IncomingSpan {
  const status = object(field(given, "status") ?? {}, "status");
  return {
    trace: text(given, "traceId", "trace_id").toLowerCase(),
    id: text(given, "spanId", "span_id").toLowerCase(),
    parent: text(given, "parentSpanId", "parent_span_id").toLowerCase() || undefined,
    name: text(given, "name"),
    kind: kindOf(
      enumOf(field(given, "kind"), [
        "SPAN_KIND_UNSPECIFIED",
        "SPAN_KIND_INTERNAL",
        "SPAN_KIND_SERVER",
        "SPAN_KIND_CLIENT",
        "SPAN_KIND_PRODUCER",
        "SPAN_KIND_CONSUMER",
      ]),
    ),
    status: statusOf(enumOf(field(status, "code"), ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"])),
    message: text(status, "message"),
    startNs: integer(field(given, "startTimeUnixNano", "start_time_unix_nano")),
    endNs: integer(field(given, "endTimeUnixNano", "end_time_unix_nano")) || undefined,
    attributes: attributesOf(given),
    events: list(given, "events").map((event) => ({
      name: text(event, "name"),
      timeNs: integer(field(event, "timeUnixNano", "time_unix_nano")),
      attributes: attributesOf(event),
    })),
    links: list(given, "links").map((link) => ({
      trace: text(link, "traceId", "trace_id").toLowerCase(),
      span: text(link, "spanId", "span_id").toLowerCase(),
      attributes: attributesOf(link),
    })),
    resource,
    scope,
  };
}

function attributesOf(given: unknown): Attributes {
  return entriesOf(list(object(given, "attributes"), "attributes"), 0);
}

function entriesOf(pairs: Fields[], depth: number): Attributes {
  return Object.fromEntries(pairs.map((pair) => [text(pair, "key"), anyValue(field(pair, "value") ?? {}, depth + 1)])); // not by assignment: a key may be `__proto__`
}

function anyValue(given: unknown, depth: number): AttributeValue {
  if (depth > deepest) throw damaged(`an attribute is nested deeper than ${deepest} levels`);
  const value = object(given, "value");
  const [name, inner] = Object.entries(value).find(([, each]) => each !== null && each !== undefined) ?? ["", null];
  switch (name) {
    case "":
      return null;
    case "stringValue":
    case "string_value":
      return text(value, name);
    case "boolValue":
    case "bool_value":
      return inner === true || inner === "true";
    case "intValue":
    case "int_value":
      return integer(inner);
    case "doubleValue":
    case "double_value":
      return double(inner);
    case "bytesValue":
    case "bytes_value":
      return new Uint8Array(Buffer.from(text(value, name), "base64"));
    case "arrayValue":
    case "array_value":
      return list(object(inner, name), "values").map((each) => anyValue(each, depth + 1));
    case "kvlistValue":
    case "kvlist_value":
      return entriesOf(list(object(inner, name), "values"), depth);
    default:
      throw damaged(`an attribute's value has the field "${name.slice(0, 100)}"`);
  }
}

function parse(bytes: Uint8Array): unknown {
  // Integers that are written as numbers become text first: as numbers they would lose their last digits. What stands within a text
  // is no match, since its quotes have a backslash before them.
  const exact = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString("utf8")
    .replaceAll(/("(?:(?:start|end)?_?[tT]ime_?[uU]nix_?[nN]ano|int_?[vV]alue)"\s*:\s*)(-?\d+)(?=\s*[,}])/g, '$1"$2"');
  try {
    return JSON.parse(exact);
  } catch (cause) {
    throw new AppError("corrupt_data", "The request is not JSON.", { cause });
  }
}

function field(given: Fields, name: string, other?: string): unknown {
  const value = Object.hasOwn(given, name) ? given[name] : other !== undefined && Object.hasOwn(given, other) ? given[other] : undefined;
  return value ?? undefined;
}

function text(given: Fields, name: string, other?: string): string {
  const value = field(given, name, other) ?? "";
  if (typeof value !== "string") throw damaged(`"${name}" is not a text`);
  return value;
}

function list(given: Fields, name: string, other?: string): Fields[] {
  const value = field(given, name, other) ?? [];
  if (!Array.isArray(value)) throw damaged(`"${name}" is not a list`);
  return value.map((item) => object(item, name));
}

function object(value: unknown, name: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw damaged(`"${name}" is not an object`);
  return value as Fields; // just asked
}

function integer(value: unknown): bigint {
  if (value === undefined) return 0n;
  if (typeof value === "string" && /^-?\d{1,20}$/.test(value)) return BigInt.asIntN(64, BigInt(value));
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  throw damaged(`${JSON.stringify(value)?.slice(0, 100)} is not an integer`);
}

function double(value: unknown): number {
  if (typeof value === "number") return value;
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  if (typeof value === "string" && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value)) return Number(value);
  throw damaged(`${JSON.stringify(value)?.slice(0, 100)} is not a number`);
}

function enumOf(value: unknown, names: string[]): number {
  if (typeof value === "string") return Math.max(0, names.indexOf(value));
  return typeof value === "number" ? value : 0;
}

function damaged(how: string): AppError {
  return new AppError("corrupt_data", `The request is no OTLP message: ${how}.`);
}
