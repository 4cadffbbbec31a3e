import { getExperiment } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { takeEarlyLinks } from "./early-links.ts";
import { tellTraceSchema, type TellTrace, type Trace, traceLimits, type TracesServices } from "./model.ts";
import { insertTrace, lockTrace, parseAssessments, parseLabels, parseTrace, saveTrace, traceNotFound, type TraceRow } from "./store.ts";
import { cut } from "./trace-summary.ts";

/**
 * Takes the facts of a trace as its program tells them, before, between or after its spans: they count for more than what spans
 * tell. Told again, the newer ones stand; tags, metadata and assessments are added to. Throws `not_found` for the experiment,
 * `conflict` for a deleted one, unless its traces move in with it.
 */
export async function tellTrace(services: TracesServices, told: TellTrace, { movesIn = false }: { movesIn?: boolean } = {}): Promise<Trace> {
  const given = parseArgument(tellTraceSchema, "trace", told);
  const { state, clock } = services;
  const experiment = await getExperiment(services, { id: given.experiment });
  if (experiment.deletedMs !== undefined && !movesIn)
    throw new AppError("conflict", `Experiment "${experiment.name}" is deleted.`, { hint: "Restore it first." });
  return state.write(async (transaction) => {
    const nowMs = clock.now();
    const row = rowOf(given);
    if (await insertTrace(transaction, row, nowMs)) {
      const links = (await takeEarlyLinks(transaction, [given.id], nowMs)).get(given.id);
      return { ...parseTrace(row), ...(links !== undefined && { links }) };
    }
    const standing = await lockTrace(transaction, given.id, nowMs);
    if (standing === undefined) throw traceNotFound(given.id); // deleted in this moment
    const next = withTold(standing, row);
    await saveTrace(transaction, next);
    return parseTrace(next);
  });
}

function withTold(standing: TraceRow, told: TraceRow): TraceRow {
  const assessments = new Map(parseAssessments(standing.assessments).map((each) => [each.id, each]));
  for (const each of parseAssessments(told.assessments)) assessments.set(each.id, each);
  const open = told.status === "running" || told.status === "unset";
  const tags = limited(told.id, { ...parseLabels(standing.tags), ...parseLabels(told.tags) });
  return {
    ...standing,
    experiment: told.experiment,
    name: told.name ?? standing.name,
    status: open && standing.root !== null ? standing.status : told.status,
    started_ms: told.started_ms,
    ended_ms: told.ended_ms,
    run: told.run ?? standing.run,
    session: told.session ?? standing.session,
    person: told.person ?? standing.person,
    request: told.request ?? standing.request,
    inputs: told.inputs ?? standing.inputs,
    outputs: told.outputs ?? standing.outputs,
    tags,
    metadata: limited(told.id, { ...parseLabels(standing.metadata), ...parseLabels(told.metadata) }),
    assessments: JSON.stringify([...assessments.values()]),
    told: 1,
  };
}

function rowOf(given: ReturnType<typeof tellTraceSchema.parse>): TraceRow {
  return {
    id: given.id,
    experiment: given.experiment,
    name: cut(given.name, traceLimits.nameLength),
    status: given.status,
    started_ms: given.startedMs,
    ended_ms: given.durationMs === undefined ? null : given.startedMs + given.durationMs,
    run: cut(given.run, traceLimits.keyLength),
    session: cut(given.session, traceLimits.keyLength),
    person: cut(given.user, traceLimits.textLength),
    request: cut(given.request, traceLimits.keyLength),
    inputs: cut(given.inputs, traceLimits.previewLength),
    outputs: cut(given.outputs, traceLimits.previewLength),
    tags: limited(given.id, given.tags),
    metadata: limited(given.id, given.metadata),
    links: "[]",
    assessments: JSON.stringify(given.assessments),
    root: null,
    told: 1,
    span_count: 0,
    size_bytes: 0,
  };
}

function limited(trace: string, labels: Record<string, string>): string {
  if (Object.keys(labels).length > traceLimits.tagsPerTrace)
    throw new AppError("invalid_argument", `Trace "${trace}" would have more than ${traceLimits.tagsPerTrace} tags, or as many metadata.`);
  return JSON.stringify(labels);
}
