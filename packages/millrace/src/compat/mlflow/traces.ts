import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { deleteTraces, linkComingTrace, linkTrace, readSpans, readTrace, searchTraces, tellTrace, traceLimits, updateTrace } from "#domains/traces";
import { getRun } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { safePath } from "./artifact-path.ts";
import { deleteTree, getFile, listFolder, rootPath } from "./artifact-tree.ts";
import { endpoint, type Handler } from "./endpoint.ts";
import { fileAnswer } from "./file-answer.ts";
import { type FileHandler, fileRoute } from "./file-route.ts";
import { checkRunId, cut } from "./limits.ts";
import { experimentLocation } from "./places.ts";
import { absent, invalid } from "./protocol.ts";
import { integer, missing, needQuery, needText, object, objects, text, texts } from "./request.ts";
import { assessmentRoutes } from "./trace-assessments.ts";
import { correlationRoutes } from "./trace-correlation.ts";
import { readAssessment, textsOf } from "./trace-assessment-wire.ts";
import { promptLink } from "./trace-filter.ts";
import { checkTag, findActive, findMany, findTrace, isWhole, labelsOf, possibleId, searchOf, translated, wired, wiredAll } from "./trace-lookup.ts";
import { fileSpan, wireSpan } from "./trace-span-wire.ts";
import { readDuration, readTimestamp } from "./trace-times.ts";
import { traceMetricRoutes } from "./trace-metrics.ts";
import { traceRoutesOfOldClients } from "./trace-old-clients.ts";
import { finalKey, nameTag, ownId, statusOf, traceRoot } from "./trace-wire.ts";

const tracesPerLink = 100;
/** How programs name what they keep beside a trace, in its one spelling. */
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Comes when a trace has ended, beside its spans, which come by OTLP before, between or after. */
const start: Handler = async ({ tracking }, fields) => {
  const info = object(object(fields, "trace"), "trace_info");
  if (Object.keys(info).length === 0) throw missing("trace");
  const id = text(info, "trace_id") || `tr-${randomUUID().replaceAll("-", "")}`;
  const experiment = text(object(object(info, "trace_location"), "mlflow_experiment"), "experiment_id") || "0";
  await findActive(tracking, experiment);
  const request = text(info, "client_request_id");
  const inputs = text(info, "request_preview") ?? text(info, "request");
  const outputs = text(info, "response_preview") ?? text(info, "response");
  const trace = await translated(id, () =>
    tellTrace(tracking, {
      id: ownId(id),
      experiment,
      status: statusOf(info["state"]),
      startedMs: info["request_time"] === undefined ? tracking.clock.now() : readTimestamp(info["request_time"], "request_time"),
      ...(info["execution_duration"] !== undefined && { durationMs: readDuration(info["execution_duration"], "execution_duration") }),
      ...(request !== undefined && { request }),
      ...(inputs !== undefined && { inputs }),
      ...(outputs !== undefined && { outputs }),
      ...labelsOf(textsOf(info, "tags"), { ...textsOf(info, "trace_metadata"), [finalKey]: "true" }),
      assessments: objects(info, "assessments").map((each) => readAssessment(each, tracking.clock.now())),
    }),
  );
  return { trace: { trace_info: await wired(tracking, trace) } };
};

const getInfo: Handler = async ({ tracking }, fields) => {
  return { trace: { trace_info: await wired(tracking, await findTrace(tracking, needText(fields, "trace_id"))) } };
};

/** A trace with its spans; one whose program said how many there are is waited for a moment, as its spans may be under way. */
const get: Handler = async ({ tracking }, fields, { signal }) => {
  const id = needText(fields, "trace_id");
  const partial = /^true$/i.test(String(fields["allow_partial"] ?? ""));
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    const whole = await translated(id, () => readTrace(tracking, ownId(id)), `Trace with ID ${id} is not found.`);
    if (partial || isWhole(whole.trace, whole.spans.length))
      return { trace: { trace_info: await wired(tracking, whole.trace), spans: whole.spans.map(wireSpan) } };
    if (waitedMs >= waitMs || signal.aborted) throw absent(`Trace with ID ${id} is not fully exported yet, please try again later.`);
    await wait(pauseMs);
  }
};
const [waitMs, pauseMs] = [3_000, 100];

const batchGet: Handler = async ({ tracking }, fields) => {
  const traces = await findMany(tracking, fields);
  const spans = await readSpans(
    tracking,
    traces.map(({ id }) => id),
  );
  const whole = traces.filter((trace) => isWhole(trace, spans.get(trace.id)!.length)); // asked for
  const infos = await wiredAll(tracking, whole);
  return infos.length === 0 ? {} : { traces: infos.map((info, i) => ({ trace_info: info, spans: spans.get(whole[i]!.id)!.map(wireSpan) })) };
};

const batchGetInfos: Handler = async ({ tracking }, fields) => {
  const infos = await wiredAll(tracking, await findMany(tracking, fields));
  return infos.length === 0 ? {} : { trace_infos: infos };
};

const search: Handler = async ({ tracking }, fields) => {
  if (fields["locations"] === undefined || fields["locations"] === null) throw missing("locations");
  const experiments = objects(fields, "locations").flatMap((place) => text(object(place, "mlflow_experiment"), "experiment_id") ?? []);
  const { traces, nextCursor } = await searchTraces(tracking, { experiments, ...searchOf(fields) });
  return {
    ...(traces.length > 0 && { traces: await wiredAll(tracking, traces) }),
    ...(nextCursor !== undefined && { next_page_token: nextCursor }),
  };
};

const setTag: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "trace_id");
  const key = needText(fields, "key");
  checkTag(key, "set");
  const value = cut(text(fields, "value") ?? "", traceLimits.textLength);
  await translated(id, () => updateTrace(tracking, { id: ownId(id), ...(key === nameTag ? { name: value } : { tags: { [key]: value } }) }));
  return {};
};

const deleteTag: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "trace_id");
  const key = needText(fields, "key");
  checkTag(key, "deleted");
  const trace = await findTrace(tracking, id);
  if (key === nameTag ? trace.name === undefined : !Object.hasOwn(trace.tags, key))
    throw absent(`No trace tag with key '${key}' for trace with ID '${id}'`);
  await translated(id, () => updateTrace(tracking, { id: ownId(id), ...(key === nameTag ? { name: null } : { tags: { [key]: null } }) }));
  return {};
};

const remove: Handler = async ({ tracking }, fields) => {
  const experiment = needText(fields, "experiment_id");
  const untilMs = integer(fields, "max_timestamp_millis");
  const limit = integer(fields, "max_traces");
  const ids = texts(fields, "request_ids");
  if (untilMs === undefined && ids.length === 0) throw invalid("Either `max_timestamp_millis` or `trace_ids` must be specified.");
  if (untilMs !== undefined && ids.length > 0) throw invalid("Only one of `max_timestamp_millis` and `trace_ids` can be specified.");
  if (limit !== undefined && ids.length > 0) throw invalid("`max_traces` can't be specified if `trace_ids` is specified.");
  if (limit !== undefined && limit <= 0) throw invalid(`\`max_traces\` must be a positive integer, received ${limit}.`);
  const deleted = await deleteTraces(tracking, {
    experiment,
    ...(ids.length > 0 && { ids: ids.flatMap(possibleId) }),
    ...(untilMs !== undefined && { untilMs }),
    ...(limit !== undefined && { limit }),
  });
  const root = await experimentLocation(tracking.state, experiment);
  for (const id of deleted) {
    const folder = rootPath(traceRoot(root, id));
    if (folder !== undefined && (await listFolder(tracking, folder)).length > 0) await deleteTree(tracking, folder);
  }
  return { traces_deleted: deleted.length };
};

const linkToRun: Handler = async ({ tracking }, fields) => {
  const ids = texts(fields, "trace_ids");
  if (ids.length === 0) throw missing("trace_ids");
  const run = checkRunId(needText(fields, "run_id"));
  if (ids.length > tracesPerLink)
    throw invalid(`Cannot link more than ${tracesPerLink} traces to a run in a single request. Provided ${ids.length} traces.`);
  await getRun(tracking, run).catch(() => {
    throw absent(`Run with id=${run} not found`);
  });
  for (const id of ids.flatMap(possibleId)) await linkComingTrace(tracking, { id, links: [{ kind: "run", id: run }] }); // its export may be under way
  return {};
};

const linkPrompts: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "trace_id");
  const links = objects(fields, "prompt_versions").map((prompt) => ({
    kind: promptLink,
    id: `${needText(prompt, "name")}/${needText(prompt, "version")}`,
  }));
  if (links.length === 0) throw missing("prompt_versions");
  await translated(id, () => linkTrace(tracking, { id: ownId(id), links }));
  return {};
};

/** What MLflow's pages show of a trace: its spans as the file `traces.json`, or a file beside it. */
const download: FileHandler = async ({ tracking }, _path, given) => {
  const id = needQuery(given, "request_id");
  const path = text(given, "path");
  if (path && !uuid.test(safePath(path))) throw invalid(`Invalid attachment path: '${path}'. Attachment path must be a valid UUID.`);
  const trace = await findTrace(tracking, id).catch((error: unknown) => {
    throw path || !(error instanceof AppError && error.code === "not_found") ? error : absent(`Trace with ID ${id} is not found.`);
  });
  const spans = path ? [] : ((await readSpans(tracking, [trace.id])).get(trace.id) ?? []);
  if (spans.length === 0) {
    const folder = rootPath(traceRoot(await experimentLocation(tracking.state, trace.experiment), trace.id));
    if (folder === undefined) throw invalid(`The files of trace ${id} are at a place that this server does not read. Use a client there.`);
    return fileAnswer(await getFile(tracking, `${folder}/${path ? `attachments/${path}` : "traces.json"}`), given.headers);
  }
  return {
    contentType: "application/octet-stream",
    headers: { "content-disposition": "attachment; filename=traces.json" },
    body: JSON.stringify({ spans: spans.map(fileSpan) }),
  };
};

export const mlflowTraceRoutes = [
  ...endpoint("POST", "traces", "project:run", start, "3.0"),
  ...endpoint("GET", "traces/get", "project:read", get, "3.0"),
  ...endpoint("GET", "traces/batchGet", "project:read", batchGet, "3.0"),
  ...endpoint("POST", "traces/batchGetInfos", "project:read", batchGetInfos, "3.0"),
  ...endpoint("POST", "traces/search", "project:read", search, "3.0"),
  ...endpoint("GET", "traces/{trace_id}", "project:read", getInfo, "3.0"),
  ...(["2.0", "3.0"] as const).flatMap((version) => [
    ...endpoint("PATCH", "traces/{trace_id}/tags", "project:run", setTag, version),
    ...endpoint("DELETE", "traces/{trace_id}/tags", "project:run", deleteTag, version),
    ...endpoint("POST", "traces/delete-traces", "project:run", remove, version),
    fileRoute("GET", `/ajax-api/${version}/mlflow/get-trace-artifact`, "project:read", download),
  ]),
  ...endpoint("POST", "traces/link-to-run", "project:run", linkToRun),
  ...endpoint("POST", "traces/link-prompts", "project:run", linkPrompts),
  ...assessmentRoutes,
  ...correlationRoutes,
  ...traceMetricRoutes,
  ...traceRoutesOfOldClients,
];
