import { getTrace, getTraces, type TellTrace, type Trace, type TraceSearch } from "#domains/traces";
import type { TrackingServices } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { findById, notActive } from "./experiments.ts";
import { checkKey, checkPage } from "./limits.ts";
import { experimentLocation, experimentLocations } from "./places.ts";
import { absent, invalid } from "./protocol.ts";
import { type Fields, integer, missing, text, texts } from "./request.ts";
import { readTraceFilter, readTraceOrder } from "./trace-filter.ts";
import { locationTag, nameTag, noTrace, ownId, runKey, sessionKey, sizeKey, spansTag, userKey, wireTrace } from "./trace-wire.ts";

/** The experiment that a trace is to be put into. Throws for one that is deleted or not there. */
export async function findActive(tracking: TrackingServices, experiment: string): Promise<void> {
  if ((await findById(tracking, experiment)).deletedMs !== undefined) throw notActive(experiment);
}

/** The trace of a client's id. Throws. */
export function findTrace(tracking: TrackingServices, id: string): Promise<Trace> {
  return translated(id, () => getTrace(tracking, ownId(id)));
}

/** The traces that a request names and, where it says so, that are in some experiments. */
export async function findMany(tracking: TrackingServices, fields: Fields): Promise<Trace[]> {
  const ids = texts(fields, "trace_ids");
  if (ids.length === 0) throw missing("trace_ids");
  const experiments = fields["experiment_ids"] === undefined ? undefined : new Set(texts(fields, "experiment_ids"));
  const traces = await getTraces(tracking, ids.flatMap(possibleId));
  return traces.filter(({ experiment }) => experiments === undefined || experiments.has(experiment));
}

/** The trace's own id, or nothing where no trace can have it. */
export function possibleId(id: string): string[] {
  try {
    return [ownId(id)];
  } catch {
    return [];
  }
}

export async function wired(tracking: TrackingServices, trace: Trace): Promise<object> {
  return wireTrace(trace, await experimentLocation(tracking.state, trace.experiment));
}

export async function wiredAll(tracking: TrackingServices, traces: Trace[]): Promise<object[]> {
  const locations = await experimentLocations(
    tracking.state,
    traces.map(({ experiment }) => experiment),
  );
  return traces.map((trace) => wireTrace(trace, locations(trace.experiment)));
}

/** MLflow's words for what a trace's domain refuses. */
export async function translated<Result>(id: string, work: () => Promise<Result>, notFound?: string): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError && error.code === "not_found")) throw error;
    const assessment = error.details?.["assessment"];
    if (assessment !== undefined) throw absent(`Assessment with ID '${String(assessment)}' not found for trace '${id}'`);
    throw notFound === undefined ? noTrace(id) : absent(notFound);
  }
}

/** Tags and metadata of MLflow, of which some are fields of a trace here, and some are made for each answer. */
export function labelsOf(
  { [nameTag]: name, [locationTag]: _location, [spansTag]: _spans, ...tags }: Record<string, string>,
  { [sessionKey]: session, [userKey]: user, [runKey]: run, ...metadata }: Record<string, string>,
): Pick<TellTrace, "name" | "tags" | "metadata" | "session" | "user" | "run"> {
  return {
    ...(name !== undefined && { name }),
    ...(session !== undefined && { session }),
    ...(user !== undefined && { user }),
    ...(run !== undefined && { run }),
    tags,
    metadata,
  };
}

/** Whether all spans are there that the trace's program spoke of. */
export function isWhole(trace: Trace, spans: number): boolean {
  const told = trace.metadata[sizeKey];
  if (told === undefined) return spans > 0;
  const count = numberIn(told, "num_spans");
  return spans > 0 && (count === undefined || spans >= count);
}

const longestPage = 500;

/** What the searches of all clients share. */
export function searchOf(fields: Fields): TraceSearch {
  const cursor = text(fields, "page_token");
  return {
    conditions: readTraceFilter(text(fields, "filter")),
    orderBy: readTraceOrder(texts(fields, "order_by")),
    limit: checkPage(integer(fields, "max_results") ?? 100, longestPage),
    ...(cursor && { cursor }),
  };
}

const fixedTags = new Set([locationTag, spansTag, "mlflow.trace.archiveLocation", "mlflow.trace.archivalFailure"]);

/** Checks the key of a tag that a client changes. */
export function checkTag(key: string, how: "set" | "deleted"): void {
  if (fixedTags.has(key) && !(how === "deleted" && key === "mlflow.trace.archivalFailure"))
    throw invalid(`Tag '${key}' is immutable and cannot be ${how} on a trace.`);
  checkKey(key, "key", "key");
}

function numberIn(json: string, field: string): number | undefined {
  try {
    const value: unknown = JSON.parse(json);
    const number = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[field] : undefined;
    return typeof number === "number" ? number : undefined;
  } catch {
    return undefined; // what a client wrote there
  }
}
