import { randomUUID } from "node:crypto";
import { searchTraces, tellTrace, updateTrace } from "#domains/traces";
import { endpoint, type Handler } from "./endpoint.ts";
import { experimentLocation, experimentLocations } from "./places.ts";
import { integer, keyValues, missing, needText, texts } from "./request.ts";
import { findActive, findTrace, labelsOf, searchOf, translated } from "./trace-lookup.ts";
import { ownId, statusOf, wireTraceInfo } from "./trace-wire.ts";

/** Clients before 3.0 tell that a trace begins and ends, and keep its spans as the file `traces.json` among its artifacts. */
const start: Handler = async ({ tracking }, fields) => {
  const experiment = needText(fields, "experiment_id");
  await findActive(tracking, experiment);
  const trace = await tellTrace(tracking, {
    id: randomUUID().replaceAll("-", ""),
    experiment,
    status: "running",
    startedMs: integer(fields, "timestamp_ms") ?? 0,
    ...labelsOf(keyValues(fields, "tags"), keyValues(fields, "request_metadata")),
  });
  return { trace_info: wireTraceInfo(trace, await experimentLocation(tracking.state, experiment)) };
};

const end: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "request_id");
  const { startedMs } = await findTrace(tracking, id);
  const endMs = integer(fields, "timestamp_ms") ?? 0;
  const { name, tags, metadata, session, user } = labelsOf(keyValues(fields, "tags"), keyValues(fields, "request_metadata"));
  const trace = await translated(id, () =>
    updateTrace(tracking, {
      id: ownId(id),
      status: statusOf(fields["status"]),
      durationMs: Math.max(0, endMs - startedMs),
      ...(name !== undefined && { name }),
      ...(session !== undefined && { session }),
      ...(user !== undefined && { user }),
      tags: tags ?? {},
      metadata: metadata ?? {},
    }),
  );
  return { trace_info: wireTraceInfo(trace, await experimentLocation(tracking.state, trace.experiment)) };
};

const getInfo: Handler = async ({ tracking }, fields) => {
  const trace = await findTrace(tracking, needText(fields, "request_id"));
  return { trace_info: wireTraceInfo(trace, await experimentLocation(tracking.state, trace.experiment)) };
};

const search: Handler = async ({ tracking }, fields) => {
  const experiments = texts(fields, "experiment_ids");
  if (experiments.length === 0) throw missing("experiment_ids");
  const { traces, nextCursor } = await searchTraces(tracking, { experiments, ...searchOf(fields) });
  const locations = await experimentLocations(
    tracking.state,
    traces.map(({ experiment }) => experiment),
  );
  return {
    ...(traces.length > 0 && { traces: traces.map((trace) => wireTraceInfo(trace, locations(trace.experiment))) }),
    ...(nextCursor !== undefined && { next_page_token: nextCursor }),
  };
};

export const traceRoutesOfOldClients = [
  ...endpoint("POST", "traces", "project:run", start),
  ...endpoint("GET", "traces", "project:read", search),
  ...endpoint("PATCH", "traces/{request_id}", "project:run", end),
  ...endpoint("GET", "traces/{request_id}/info", "project:read", getInfo),
];
