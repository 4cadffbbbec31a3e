import { type Attributes, type AttributeValue, plainValue, type Span, type SpanStatus } from "#domains/traces";
import { rawJson } from "./raw-json.ts";
import { withConventions } from "./trace-conventions.ts";
import { wireId } from "./trace-wire.ts";

const codes: Record<SpanStatus, string> = { unset: "STATUS_CODE_UNSET", ok: "STATUS_CODE_OK", error: "STATUS_CODE_ERROR" };
/** The trace that a span belongs to, which MLflow keeps with each. */
const traceKey = "mlflow.traceRequestId";

/** A span in Protocol Buffers' JSON of OpenTelemetry's message, with MLflow's numbers: 64-bit integers are numbers, not text. */
export function wireSpan(span: Span): object {
  const { parent, endNs, events, links, status, message } = span;
  const attributes = wireAttributes({ ...withConventions(span.attributes), [traceKey]: wireId(span.trace) });
  return {
    trace_id: base64(span.trace),
    span_id: base64(span.id),
    ...(parent !== undefined && { parent_span_id: base64(parent) }),
    name: span.name,
    ...(span.kind !== "unspecified" && { kind: `SPAN_KIND_${span.kind.toUpperCase()}` }),
    start_time_unix_nano: exact(span.startNs),
    ...(endNs !== undefined && { end_time_unix_nano: exact(endNs) }),
    attributes,
    ...(events.length > 0 && {
      events: events.map(({ timeNs, name, attributes: given }) => ({ time_unix_nano: exact(timeNs), name, attributes: wireAttributes(given) })),
    }),
    ...(links.length > 0 && {
      links: links.map((link) => ({ trace_id: base64(link.trace), span_id: base64(link.span), attributes: wireAttributes(link.attributes) })),
    }),
    status: { ...(message !== "" && { message }), ...(status !== "unset" && { code: codes[status] }) },
  };
}

/** A span as it stands in MLflow's `traces.json`: each attribute is JSON in a text. */
export function fileSpan(span: Span): object {
  const attributes = { ...withConventions(span.attributes), [traceKey]: wireId(span.trace) };
  return {
    trace_id: base64(span.trace),
    span_id: base64(span.id),
    parent_span_id: span.parent === undefined ? null : base64(span.parent),
    name: span.name,
    start_time_unix_nano: exact(span.startNs),
    end_time_unix_nano: span.endNs === undefined ? null : exact(span.endNs),
    events: span.events.map(({ name, timeNs, attributes: given }) => ({ name, time_unix_nano: exact(timeNs), attributes: plainValue(given) })),
    status: { code: codes[span.status], message: span.message },
    attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, JSON.stringify(plainValue(value))])),
    links: span.links.map((link) => ({ trace_id: wireId(link.trace), span_id: link.span, attributes: plainValue(link.attributes) })),
  };
}

function wireAttributes(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => (value === null ? { key } : { key, value: wireValue(value) }));
}

function wireValue(value: AttributeValue): object {
  if (value === null) return {};
  if (typeof value === "string") return { string_value: value };
  if (typeof value === "boolean") return { bool_value: value };
  if (typeof value === "bigint") return { int_value: exact(value) };
  if (typeof value === "number") return { double_value: Number.isFinite(value) ? value : String(value) };
  if (value instanceof Uint8Array) return { bytes_value: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return { array_value: value.length > 0 ? { values: value.map(wireValue) } : {} };
  return { kvlist_value: Object.keys(value).length > 0 ? { values: wireAttributes(value) } : {} };
}

/** An integer of any size as a number of JSON. */
function exact(value: bigint): unknown {
  return rawJson(String(value));
}

function base64(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}
