import { type Assessment, type AttributeValue, readTrace, recordSpans, type Span, tellTrace, type TraceWithSpans } from "#domains/traces";
import type { TrackingServices } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { labelsOf } from "./trace-lookup.ts";
import { finalKey, ownId, statusOf } from "./trace-wire.ts";

/** A trace as MLflow's tables keep it. */
export interface AdoptedTrace {
  id: string;
  experiment: string;
  status: string;
  startedMs: number;
  durationMs: number | undefined;
  request: string | undefined;
  inputs: string | undefined;
  outputs: string | undefined;
  tags: Record<string, string>;
  metadata: Record<string, string>;
  assessments: Assessment[];
  /** Each as MLflow writes it, as JSON. */
  spans: string[];
}

/** Takes a trace over with its spans; what stands of it is added to, and the same again changes nothing. */
export async function adoptTrace(tracking: TrackingServices, trace: AdoptedTrace): Promise<void> {
  const id = ownId(trace.id);
  const spans = trace.spans.map((text) => ({ span: spanOf(id, text) }));
  const { refused } = await recordSpans(tracking, { experiment: trace.experiment, spans });
  if (refused.length > 0) throw new AppError("invalid_argument", refused[0]!.reason);
  const { request, inputs, outputs, durationMs } = trace;
  await tellTrace(tracking, {
    ...{ id, experiment: trace.experiment, status: statusOf(trace.status), startedMs: trace.startedMs, assessments: trace.assessments },
    ...(durationMs !== undefined && { durationMs }),
    ...(request !== undefined && { request }),
    ...(inputs !== undefined && { inputs }),
    ...(outputs !== undefined && { outputs }),
    ...labelsOf(trace.tags, { ...trace.metadata, [finalKey]: "true" }),
  });
}

/** The trace as it stands here; undefined where it does not. */
export async function adoptedTrace(tracking: TrackingServices, id: string): Promise<TraceWithSpans | undefined> {
  return readTrace(tracking, ownId(id)).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  });
}

type Json = null | boolean | string | bigint | number | Json[] | { [key: string]: Json };
const statuses = { STATUS_CODE_OK: "ok", STATUS_CODE_ERROR: "error" } as const;

/** A span as MLflow writes it: ids in base64, each attribute as JSON in a text. */
function spanOf(trace: string, text: string): Span {
  const span = fieldsOf(exactJson(text));
  const status = fieldsOf(span["status"]);
  const code = status["code"];
  const endNs = span["end_time_unix_nano"];
  const parent = span["parent_span_id"];
  return {
    ...{
      trace,
      id: idOf(span["span_id"]),
      parent: typeof parent === "string" && parent !== "" ? idOf(parent) : undefined,
      name: textOf(span["name"]),
    },
    kind: "unspecified",
    status: typeof code === "string" && Object.hasOwn(statuses, code) ? statuses[code as keyof typeof statuses] : "unset", // a key of the table, just asked
    message: textOf(status["message"]),
    ...{ startNs: nanoseconds(span["start_time_unix_nano"]), endNs: endNs === null || endNs === undefined ? undefined : nanoseconds(endNs) },
    attributes: attributesOf(span["attributes"]),
    events: listOf(span["events"]).map((event) => ({
      ...{
        name: textOf(event["name"]),
        timeNs: nanoseconds(event["time_unix_nano"]),
        attributes: fieldsOf(event["attributes"]) as Span["attributes"],
      }, // plain JSON values are such
    })),
    links: listOf(span["links"]).map((link) => ({
      ...{
        trace: textOf(link["trace_id"]).replace(/^tr-/, ""),
        span: textOf(link["span_id"]),
        attributes: fieldsOf(link["attributes"]) as Span["attributes"],
      }, // as above
    })),
    resource: {},
    scope: { name: "", version: "" },
  };
}

function attributesOf(given: Json | undefined): Span["attributes"] {
  const entries = Object.entries(fieldsOf(given)).filter(([key]) => key !== "mlflow.traceRequestId");
  return Object.fromEntries(entries.map(([key, value]): [string, AttributeValue] => [key, typeof value === "string" ? decoded(value) : value]));
}

function decoded(text: string): AttributeValue {
  try {
    return exactJson(text);
  } catch {
    return text; // what was no JSON is a text
  }
}

/** JSON whose integers keep all their digits, and whose doubles stay doubles. (Types for the third argument, which V8 has, come later.) */
function exactJson(text: string): Json {
  const revive = (_key: string, value: unknown, context?: { source?: string }): unknown => {
    if (typeof value !== "number" || !/^-?\d+$/.test(context?.source ?? "")) return value;
    const exact = BigInt(context!.source!); // asked for
    return exact === BigInt.asIntN(64, exact) ? exact : value;
  };
  return JSON.parse(text, revive) as Json; // JSON gives nothing else
}

function fieldsOf(value: Json | undefined): Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function listOf(value: Json | undefined): Record<string, Json>[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function nanoseconds(value: Json | undefined): bigint {
  if (typeof value === "bigint") return value;
  throw new AppError("corrupt_data", "A span has no time.", { hint: "Delete its trace in the source." });
}

function idOf(value: Json | undefined): string {
  const id = Buffer.from(textOf(value), "base64").toString("hex");
  if (/^[0-9a-f]{16}$/.test(id)) return id;
  throw new AppError("corrupt_data", "A span has no id.", { hint: "Delete its trace in the source." });
}
