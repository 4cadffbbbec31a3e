import { type Assessment, type AttributeValue, readTrace, recordSpans, type Span, tellTrace, type TraceWithSpans } from "#domains/traces";
import type { TrackingServices } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { digestOf, stableJson } from "#kit/hash";
import { rootPath } from "./artifact-tree.ts";
import { experimentLocation } from "./places.ts";
import { readAssessment } from "./trace-assessment-wire.ts";
import { labelsOf } from "./trace-lookup.ts";
import { finalKey, ownId, statusOf, traceRoot } from "./trace-wire.ts";

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
  /** Each as MLflow writes it, before 3.0 or since, as JSON. */
  spans: string[];
}

/** Takes a trace over with its spans; what stands of it is added to, and the same again changes nothing. */
export async function adoptTrace(tracking: TrackingServices, trace: AdoptedTrace): Promise<void> {
  const id = ownId(trace.id);
  const spans = trace.spans.map((text) => ({ span: spanOf(id, text) }));
  const { refused } = await recordSpans(tracking, { experiment: trace.experiment, spans });
  if (refused.length > 0) throw new AppError("invalid_argument", refused[0]!.reason);
  const { request, inputs, outputs, durationMs } = trace;
  await tellTrace(
    tracking,
    {
      ...{ id, experiment: trace.experiment, status: statusOf(trace.status), startedMs: trace.startedMs, assessments: trace.assessments },
      ...(durationMs !== undefined && { durationMs }),
      ...(request !== undefined && { request }),
      ...(inputs !== undefined && { inputs }),
      ...(outputs !== undefined && { outputs }),
      ...labelsOf(trace.tags, { ...trace.metadata, [finalKey]: "true" }),
    },
    { movesIn: true },
  );
}

/** Whether a trace that stands here has all of another: each span as it is, times, tags, metadata and assessments. It may have more. */
export function holdsTrace({ trace: here, spans }: TraceWithSpans, there: AdoptedTrace): boolean {
  const { tags = {}, metadata = {}, session, user, run } = labelsOf(there.tags, there.metadata);
  const standing = new Map(spans.map((span) => [span.id, spanText(span)]));
  const within = (part: Record<string, string>, whole: Record<string, string>) => Object.entries(part).every(([key, value]) => whole[key] === value);
  const same = (part: string | undefined, whole: string | undefined) => part === undefined || part === whole;
  return (
    here.experiment === there.experiment &&
    here.startedMs === there.startedMs &&
    (there.durationMs === undefined || here.durationMs === there.durationMs) &&
    within(tags, here.tags) &&
    within(metadata, here.metadata) &&
    same(session, here.session) &&
    same(user, here.user) &&
    same(run, here.run) &&
    there.spans.map((text) => spanOf(here.id, text)).every((span) => standing.get(span.id) === spanText(span)) &&
    there.assessments.every((each) => here.assessments.some((other) => other.id === each.id && stableJson(other) === stableJson(each)))
  );
}

/** A digest of a trace with all it has here. */
export function traceDigest({ trace: { told: _told, sizeBytes: _size, ...trace }, spans }: TraceWithSpans): string {
  return digestOf([trace, spans.map(spanText).sort()]);
}

function spanText(span: Span): string {
  return stableJson(JSON.parse(JSON.stringify(span, (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : value))));
}

/** Where the files of a trace are, in this server's own store; undefined where its experiment's are elsewhere. */
export async function traceFolder({ state }: TrackingServices, experiment: string, id: string): Promise<string | undefined> {
  return rootPath(traceRoot(await experimentLocation(state, experiment), ownId(id)));
}

/** An assessment as MLflow's protocol and its files tell it. */
export function adoptedAssessment(given: Record<string, unknown>): Assessment {
  return readAssessment(given, 0);
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
  if (span["context"] !== undefined) return oldSpanOf(trace, span);
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

/** As MLflow wrote it before 3.0: ids in hexadecimal. */
function oldSpanOf(trace: string, span: Record<string, Json>): Span {
  const parent = span["parent_id"];
  const endNs = span["end_time"];
  const status = textOf(span["status_code"]).toLowerCase();
  return {
    ...{ trace, id: hexOf(fieldsOf(span["context"])["span_id"]), name: textOf(span["name"]), kind: "unspecified" },
    parent: typeof parent === "string" && parent !== "" ? hexOf(parent) : undefined,
    status: status === "ok" || status === "error" ? status : "unset",
    message: textOf(span["status_message"]),
    ...{ startNs: nanoseconds(span["start_time"]), endNs: endNs === null || endNs === undefined ? undefined : nanoseconds(endNs) },
    attributes: attributesOf(span["attributes"]),
    events: listOf(span["events"]).map((event) => ({
      ...{ name: textOf(event["name"]), timeNs: nanoseconds(event["timestamp"]) },
      attributes: fieldsOf(event["attributes"]) as Span["attributes"], // plain JSON values are such
    })),
    ...{ links: [], resource: {}, scope: { name: "", version: "" } },
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
  const text = textOf(value); // MLflow 3.5.0 wrote them in hexadecimal
  return hexOf(/^[0-9a-f]{16}$/.test(text) ? text : Buffer.from(text, "base64").toString("hex"));
}

function hexOf(value: Json | undefined): string {
  const id = textOf(value).replace(/^0x/, "");
  if (/^[0-9a-f]{16}$/.test(id)) return id;
  throw new AppError("corrupt_data", "A span has no id.", { hint: "Delete its trace in the source." });
}
