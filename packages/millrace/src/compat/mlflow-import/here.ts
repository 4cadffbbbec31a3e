import { anyLoggedModel, experimentLocation, type LoggedModel, knownVersions, metricsOf, versionRows } from "#compat/mlflow";
import { getModel, listVersions, type RegistryServices } from "#domains/registry";
import { type Experiment, getExperiment, getRun, type RunDetail, runPoints, type RunStatus, type TrackingServices } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { createPointsMeter, kept, type PointsDigest } from "./points.ts";
import type { DatasetRecord, ExperimentRecord, LoggedModelRecord, ModelRecord, RecordedStatus, RunRecord } from "./records.ts";
import { recordDigest } from "./records.ts";

export interface HereServices {
  tracking: TrackingServices;
  registry: RegistryServices;
}

/** What stands in Millrace, in the form in which other stores are read. Undefined where there is no such thing. */
export async function experimentHere({ tracking }: HereServices, id: string): Promise<ExperimentRecord | undefined> {
  const experiment = await orNone(getExperiment(tracking, { id }));
  return experiment && recordOfExperiment(experiment, await experimentLocation(tracking.state, id));
}

export function recordOfExperiment(experiment: Experiment, location: string): ExperimentRecord {
  const { id, name, deletedMs, createdMs, updatedMs, tags } = experiment;
  return { id, name, location, deleted: deletedMs !== undefined, createdMs, updatedMs, tags };
}

export async function runHere({ tracking }: HereServices, id: string): Promise<RunRecord | undefined> {
  const run = await orNone(getRun(tracking, id));
  return run && recordOfRun(run);
}

const statuses: Record<RunStatus, RecordedStatus> = {
  running: "RUNNING",
  scheduled: "SCHEDULED",
  finished: "FINISHED",
  failed: "FAILED",
  killed: "KILLED",
};

export function recordOfRun(run: RunDetail): RunRecord {
  const models = (items: { name: string; facts?: Record<string, unknown> | undefined }[]) =>
    items.filter(({ facts }) => facts?.["kind"] === "logged-model");
  return {
    ...{ id: run.id, experiment: run.experiment, name: run.name, user: run.actor ?? "", status: statuses[run.status] },
    ...{ startedMs: run.startedMs, endedMs: run.endedMs ?? null, deleted: run.deletedMs !== undefined, deletedMs: run.deletedMs ?? null },
    params: run.params,
    tags: { ...(run.parent !== undefined && { "mlflow.parentRunId": run.parent }), ...run.tags },
    datasets: run.inputs.filter((input) => input.facts?.["kind"] !== "logged-model").map(datasetOf),
    modelInputs: models(run.inputs).map(({ name }) => name),
    modelOutputs: models(run.outputs).map(({ name, facts }) => ({ model: name, step: Number(facts?.["step"] ?? 0) })),
  };
}

function datasetOf(input: RunDetail["inputs"][number]): DatasetRecord {
  const facts = input.facts ?? {};
  const text = (name: string) => (typeof facts[name] === "string" ? facts[name] : "");
  const tags = (facts["tags"] ?? {}) as Record<string, string>; // of an input of MLflow's; others have none
  return {
    name: input.name,
    digest: input.digest ?? (input.version === undefined ? "" : `v${input.version}`),
    sourceType: text("sourceType") || (input.table === undefined ? "" : "millrace"),
    source: text("source") || (input.table === undefined ? "" : JSON.stringify({ table: input.table, version: input.version })),
    schema: text("schema"),
    profile: text("profile"),
    tags: { ...(input.use !== undefined && { "mlflow.data.context": input.use }), ...tags },
  };
}

/** Counts and digests the points of a run here. */
export async function pointsHere({ tracking }: HereServices, run: string): Promise<PointsDigest> {
  const meter = createPointsMeter();
  for await (const { key, points } of runPoints(tracking, run)) meter.add(key, points.steps, points.times, points.values, 0, points.count);
  return meter.result();
}

/** A digest of a run with its points. */
export function runDigest(record: RunRecord, points: PointsDigest): string {
  return `${recordDigest(record)} ${points.count} ${points.digest}`;
}

export async function loggedModelHere({ tracking }: HereServices, id: string): Promise<LoggedModelRecord | undefined> {
  const model = await anyLoggedModel(tracking.state, id);
  return model && recordOfLoggedModel(model, (await metricsOf(tracking.state, [id])).get(id)!); // it was asked for
}

export function recordOfLoggedModel(
  model: LoggedModel,
  points: Awaited<ReturnType<typeof metricsOf>> extends Map<string, infer P> ? P : never,
): LoggedModelRecord {
  const { id, experiment, name, type, status, sourceRun = "", createdMs, updatedMs, deletedMs, params, tags } = model;
  return {
    ...{ id, experiment, name, type, status, sourceRun, createdMs, updatedMs, deleted: deletedMs !== undefined, params, tags },
    points: points.map((point) => ({
      ...{ run: point.run, metric: point.metric, step: point.step, timeMs: point.time_ms, value: kept(point.value) },
      ...{ dataset: point.dataset_name, datasetDigest: point.dataset_digest },
    })),
  };
}

/** A model with its versions, and where each has its files. */
export async function modelHere(
  services: HereServices,
  name: string,
): Promise<{ record: ModelRecord; locations: Record<number, string> } | undefined> {
  const { tracking, registry } = services;
  const model = await orNone(getModel(registry, name));
  if (model === undefined) return undefined;
  const rowOf = await versionRows(registry.state, [name]);
  const versions = await knownVersions(tracking, await listVersions(registry, { model: name, limit: 1_000_000 }), rowOf);
  return {
    record: {
      ...{ name, description: model.description, createdMs: model.createdMs, updatedMs: model.updatedMs, tags: model.tags, aliases: model.aliases },
      versions: versions.map((version) => ({
        ...{ version: version.version, createdMs: version.createdMs, updatedMs: version.updatedMs, description: version.description },
        ...{ user: version.actor ?? "", stage: version.stage, source: version.source, run: version.runId ?? "", status: version.status },
        ...{ runLink: version.runLink, tags: version.tags },
      })),
    },
    locations: Object.fromEntries(versions.map((version) => [version.version, version.location])),
  };
}

async function orNone<Thing>(asked: Promise<Thing>): Promise<Thing | undefined> {
  return asked.catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  });
}
