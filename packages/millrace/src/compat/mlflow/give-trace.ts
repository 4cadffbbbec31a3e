import type { Attributes, AttributeValue, Span, TraceWithSpans } from "#domains/traces";
import type { AdoptedTrace } from "./adopt-trace.ts";
import { withConventions } from "./trace-conventions.ts";
import { locationTag, nameTag, runKey, sessionKey, spansTag, states, userKey, wireId } from "./trace-wire.ts";

/** How MLflow keeps spans: since 3.4 in a table, before in a file in the words of 2.x, which 3.x reads too. */
type TraceGeneration = "table" | "file";

/** A trace as MLflow's tables keep it, for a store of MLflow's. */
export function givenTrace(
  { trace, spans }: TraceWithSpans,
  { experiment, location, generation }: { experiment: string; location: string; generation: TraceGeneration },
): AdoptedTrace {
  const { name, session, user, run, tags, metadata } = trace;
  const id = wireId(trace.id);
  const ordered = spans.toSorted((a, b) => (a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : a.id < b.id ? -1 : 1));
  return {
    ...{ id, experiment, status: states[trace.status], startedMs: trace.startedMs, durationMs: trace.durationMs },
    ...(generation === "table"
      ? { request: trace.request, inputs: trace.inputs, outputs: trace.outputs }
      : { request: undefined, inputs: undefined, outputs: undefined }),
    tags: {
      ...tags,
      ...(name !== undefined && { [nameTag]: name }),
      ...(spans.length > 0 && generation === "table" && { [spansTag]: "TRACKING_STORE" }),
      [locationTag]: location,
    },
    metadata: {
      ...metadata,
      ...(session !== undefined && { [sessionKey]: session }),
      ...(user !== undefined && { [userKey]: user }),
      ...(run !== undefined && { [runKey]: run }),
    },
    assessments: trace.assessments
      .map((each) => ({ ...each, value: each.value ?? null, source: each.source ?? { kind: "CODE", id: "default" } }))
      .sort((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1)),
    spans: ordered.map((span) => exactText(generation === "table" ? tableSpan(span, id) : oldSpan(span, id))),
  };
}

function tableSpan(span: Span, trace: string): object {
  return {
    trace_id: base64(span.trace),
    span_id: base64(span.id),
    parent_span_id: span.parent === undefined ? null : base64(span.parent),
    name: span.name,
    start_time_unix_nano: span.startNs,
    end_time_unix_nano: span.endNs ?? null,
    events: span.events.map(({ name, timeNs, attributes }) => ({ name, time_unix_nano: timeNs, attributes })),
    status: { code: `STATUS_CODE_${span.status.toUpperCase()}`, message: span.message },
    attributes: attributeTexts(span.attributes, trace),
    links: span.links.map((link) => ({ trace_id: wireId(link.trace), span_id: link.span, attributes: link.attributes })),
  };
}

/** As MLflow wrote spans before 3.0: without links. */
function oldSpan(span: Span, trace: string): object {
  return {
    name: span.name,
    context: { span_id: span.id, trace_id: span.trace },
    parent_id: span.parent ?? null,
    start_time: span.startNs,
    end_time: span.endNs ?? null,
    status_code: span.status.toUpperCase(),
    status_message: span.message,
    attributes: attributeTexts(span.attributes, trace),
    events: span.events.map(({ name, timeNs, attributes }) => ({ name, timestamp: timeNs, attributes })),
  };
}

function attributeTexts(given: Attributes, trace: string): Record<string, string> {
  const attributes = { "mlflow.traceRequestId": trace, ...withConventions(given) };
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, exactText(value)]));
}

/** JSON as Python writes it: integers have all their digits, doubles a point, and separators a space. */
function exactText(value: AttributeValue | object | undefined): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? doubleText(value) : JSON.stringify(String(value));
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString("base64"));
  if (Array.isArray(value)) return `[${value.map((item: AttributeValue | object) => exactText(item)).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value as Record<string, AttributeValue | object | undefined>); // every object is one
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}: ${exactText(item)}`).join(", ")}}`;
}

function doubleText(value: number): string {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function base64(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}
