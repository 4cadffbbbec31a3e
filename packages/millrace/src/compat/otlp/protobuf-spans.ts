/**
 * OTLP's ExportTraceServiceRequest in Protocol Buffers (opentelemetry-proto 1.x: collector/trace/v1, trace/v1, resource/v1, common/v1).
 * Fields not named here (dropped counts, schema URLs, flags, trace state) are passed over.
 */
import type { Attributes, AttributeValue, SpanEvent, SpanLink } from "#domains/traces";
import { AppError } from "#kit/app-error";
import { readFields, readText, type WireField } from "#kit/protobuf";
import { type Incoming, type IncomingSpan, kindOf, noScope, statusOf } from "./incoming.ts";

const what = "The request";
/** As deep as Protocol Buffers' own readers go. */
const deepest = 100;

/** Throws `corrupt_data` for what is not such a message. */
export function* spansInProtobuf(bytes: Uint8Array): Generator<IncomingSpan> {
  for (const field of readFields(bytes, what)) if (field.number === 1) yield* resourceSpans(message(field));
}

/** ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; } */
function* resourceSpans(bytes: Uint8Array): Generator<IncomingSpan> {
  let resource: Attributes = {};
  const scopes: Uint8Array[] = [];
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) resource = attributesIn(message(field), 1);
    else if (field.number === 2) scopes.push(message(field));
  }
  for (const scope of scopes) yield* scopeSpans(scope, resource);
}

/** ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; } */
function* scopeSpans(bytes: Uint8Array, resource: Attributes): Generator<IncomingSpan> {
  let scope = noScope;
  const spans: Uint8Array[] = [];
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) scope = scopeIn(message(field));
    else if (field.number === 2) spans.push(message(field));
  }
  for (const span of spans) yield spanIn(span, { resource, scope });
}

/** InstrumentationScope { string name = 1; string version = 2; } */
function scopeIn(bytes: Uint8Array): Incoming["scope"] {
  const scope = { ...noScope };
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) scope.name = text(field);
    else if (field.number === 2) scope.version = text(field);
  }
  return scope;
}

/**
 * Span { bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; SpanKind kind = 6;
 *   fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; repeated Event events = 11;
 *   repeated Link links = 13; Status status = 15; }
 */
function spanIn(bytes: Uint8Array, { resource, scope }: Incoming): IncomingSpan {
  const span: IncomingSpan = {
    ...{ trace: "", id: "", parent: undefined, name: "", kind: "unspecified", status: "unset", message: "", startNs: 0n, endNs: undefined },
    ...{ attributes: {}, events: [], links: [], resource, scope },
  };
  const attributes: [string, AttributeValue][] = [];
  for (const field of readFields(bytes, what)) {
    switch (field.number) {
      case 1:
        span.trace = hex(field);
        break;
      case 2:
        span.id = hex(field);
        break;
      case 4:
        span.parent = hex(field) || undefined;
        break;
      case 5:
        span.name = text(field);
        break;
      case 6:
        span.kind = kindOf(number(field));
        break;
      case 7:
        span.startNs = fixed64(field);
        break;
      case 8:
        span.endNs = fixed64(field) || undefined;
        break;
      case 9:
        attributes.push(keyValue(message(field), 0));
        break;
      case 11:
        span.events.push(eventIn(message(field)));
        break;
      case 13:
        span.links.push(linkIn(message(field)));
        break;
      case 15:
        Object.assign(span, statusIn(message(field)));
        break;
    }
  }
  span.attributes = Object.fromEntries(attributes);
  return span;
}

/** Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; } */
function eventIn(bytes: Uint8Array): SpanEvent {
  const event: SpanEvent = { name: "", timeNs: 0n, attributes: attributesIn(bytes, 3) };
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) event.timeNs = fixed64(field);
    else if (field.number === 2) event.name = text(field);
  }
  return event;
}

/** Link { bytes trace_id = 1; bytes span_id = 2; repeated KeyValue attributes = 4; } */
function linkIn(bytes: Uint8Array): SpanLink {
  const link: SpanLink = { trace: "", span: "", attributes: attributesIn(bytes, 4) };
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) link.trace = hex(field);
    else if (field.number === 2) link.span = hex(field);
  }
  return link;
}

/** Status { string message = 2; StatusCode code = 3; } */
function statusIn(bytes: Uint8Array): Pick<IncomingSpan, "status" | "message"> {
  const status: Pick<IncomingSpan, "status" | "message"> = { status: "unset", message: "" };
  for (const field of readFields(bytes, what)) {
    if (field.number === 2) status.message = text(field);
    else if (field.number === 3) status.status = statusOf(number(field));
  }
  return status;
}

function attributesIn(bytes: Uint8Array, at: number): Attributes {
  const entries: [string, AttributeValue][] = [];
  for (const field of readFields(bytes, what)) if (field.number === at) entries.push(keyValue(message(field), 0));
  return Object.fromEntries(entries); // not by assignment: a key may be `__proto__`
}

/** KeyValue { string key = 1; AnyValue value = 2; } */
function keyValue(bytes: Uint8Array, depth: number): [string, AttributeValue] {
  let key = "";
  let value: AttributeValue = null;
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) key = text(field);
    else if (field.number === 2) value = anyValue(message(field), depth + 1);
  }
  return [key, value];
}

/**
 * AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
 *   ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }; both lists are repeated field 1.
 */
function anyValue(bytes: Uint8Array, depth: number): AttributeValue {
  if (depth > deepest) throw new AppError("corrupt_data", `${what} has an attribute nested deeper than ${deepest} levels.`);
  let value: AttributeValue = null;
  for (const field of readFields(bytes, what)) {
    switch (field.number) {
      case 1:
        value = text(field);
        break;
      case 2:
        value = number(field) !== 0;
        break;
      case 3:
        value = field.wire === "varint" ? (field.exact ?? BigInt(field.value)) : wrongType(field);
        break;
      case 4:
        value = field.wire === "fixed64" ? new DataView(field.value.buffer, field.value.byteOffset, 8).getFloat64(0, true) : wrongType(field);
        break;
      case 5:
        value = [...readFields(message(field), what)].filter((each) => each.number === 1).map((each) => anyValue(message(each), depth + 1));
        break;
      case 6:
        value = Object.fromEntries(
          [...readFields(message(field), what)].filter((each) => each.number === 1).map((each) => keyValue(message(each), depth)),
        );
        break;
      case 7:
        value = new Uint8Array(message(field)); // a copy: the request's bytes are not kept for it
        break;
    }
  }
  return value;
}

function message(field: WireField): Uint8Array {
  return field.wire === "bytes" ? field.value : wrongType(field);
}

function text(field: WireField): string {
  return readText(message(field), what);
}

function hex(field: WireField): string {
  const bytes = message(field);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

function number(field: WireField): number {
  return field.wire === "varint" ? field.value : wrongType(field);
}

function fixed64(field: WireField): bigint {
  return field.wire === "fixed64" ? new DataView(field.value.buffer, field.value.byteOffset, 8).getBigUint64(0, true) : wrongType(field);
}

function wrongType(field: WireField): never {
  throw new AppError("corrupt_data", `${what} is no OTLP message: its field ${field.number} has wire type ${field.wire}.`);
}
