import type { Assessment, Trace, TraceStatus } from "#domains/traces";
import { cut } from "./limits.ts";
import { absent } from "./protocol.ts";
import { wireAssessment } from "./trace-assessment-wire.ts";
import { writeDuration, writeTimestamp } from "./trace-times.ts";
import { wireTexts } from "./wire-run.ts";

/** Names of MLflow for what are fields of a trace here: two are tags there, three metadata. */
export const nameTag = "mlflow.traceName";
export const locationTag = "mlflow.artifactLocation";
export const spansTag = "mlflow.trace.spansLocation";
export const sessionKey = "mlflow.trace.session";
export const userKey = "mlflow.trace.user";
export const runKey = "mlflow.sourceRun";
/** That a program told its trace's facts itself; spans then no longer change them. */
export const finalKey = "mlflow.trace.infoFinalized";
/** How large the trace is, told by its program: a JSON object with `num_spans`. */
export const sizeKey = "mlflow.trace.sizeStats";

export const states: Record<TraceStatus, string> = { running: "IN_PROGRESS", ok: "OK", error: "ERROR", unset: "STATE_UNSPECIFIED" };

export function statusOf(state: unknown): TraceStatus {
  if (state === "OK" || state === 1) return "ok";
  if (state === "ERROR" || state === 2) return "error";
  return state === "IN_PROGRESS" || state === 3 ? "running" : "unset";
}

const prefix = "tr-";

/** MLflow's id of a trace is OpenTelemetry's with a prefix. */
export function wireId(id: string): string {
  return /^[0-9a-f]{32}$/.test(id) ? `${prefix}${id}` : id;
}

/** The trace that an id means. Throws MLflow's refusal for one that no trace can have. */
export function ownId(id: string): string {
  if (/^tr-[0-9a-f]{32}$/.test(id)) return id.slice(prefix.length);
  if (!/^[a-zA-Z0-9][\w-]{0,255}$/.test(id)) throw noTrace(id);
  return id;
}

export function noTrace(id: string): Error {
  return absent(`Trace with ID '${id.slice(0, 300)}' not found.`);
}

/** Where a trace's files are, below its experiment's. */
export function traceRoot(experimentRoot: string, id: string): string {
  return `${experimentRoot.replace(/\/+$/, "")}/traces/${wireId(id)}/artifacts`;
}

/** A trace as clients from 3.0 on know it. */
export function wireTrace(trace: Trace, experimentRoot: string): object {
  const metadata = wireMetadata(trace);
  const { request, inputs, outputs, durationMs, assessments } = trace;
  return {
    trace_id: wireId(trace.id),
    ...(request !== undefined && { client_request_id: request }),
    trace_location: { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: trace.experiment } },
    ...(inputs !== undefined && { request_preview: inputs }),
    ...(outputs !== undefined && { response_preview: outputs }),
    request_time: writeTimestamp(trace.startedMs),
    ...(durationMs !== undefined && { execution_duration: writeDuration(durationMs) }),
    state: states[trace.status],
    ...(Object.keys(metadata).length > 0 && { trace_metadata: metadata }),
    ...(assessments.length > 0 && { assessments: assessments.map((each: Assessment) => wireAssessment(each, wireId(trace.id))) }),
    tags: wireTags(trace, experimentRoot),
  };
}

/** A trace as clients before 3.0 know it. */
export function wireTraceInfo(trace: Trace, experimentRoot: string): object {
  const metadata = wireTexts(wireMetadata(trace));
  return {
    request_id: wireId(trace.id),
    experiment_id: trace.experiment,
    timestamp_ms: trace.startedMs,
    execution_time_ms: trace.durationMs ?? 0,
    status: trace.status === "unset" ? "TRACE_STATUS_UNSPECIFIED" : states[trace.status],
    ...(metadata.length > 0 && { request_metadata: metadata }),
    tags: wireTexts(wireTags(trace, experimentRoot)),
  };
}

function wireMetadata({ metadata, session, user, run }: Trace): Record<string, string> {
  const all = {
    ...metadata,
    ...(session !== undefined && { [sessionKey]: session }),
    ...(user !== undefined && { [userKey]: user }),
    ...(run !== undefined && { [runKey]: run }),
  };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [cut(key, 250), cut(value, 250)])); // MLflow cuts them in every answer
}

function wireTags({ id, tags, name, spanCount }: Trace, experimentRoot: string): Record<string, string> {
  return {
    ...(spanCount > 0 && { [spansTag]: "TRACKING_STORE" }),
    ...(name !== undefined && { [nameTag]: name }),
    ...tags,
    [locationTag]: traceRoot(experimentRoot, id),
  };
}
