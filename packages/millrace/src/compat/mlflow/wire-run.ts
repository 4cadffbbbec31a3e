import type { MetricValue, Run, RunInput, RunOutput, RunStatus } from "#domains/tracking";
import { runRoot } from "./places.ts";

export const statuses: Record<RunStatus, string> = {
  running: "RUNNING",
  scheduled: "SCHEDULED",
  finished: "FINISHED",
  failed: "FAILED",
  killed: "KILLED",
};

/** A run as MLflow tells it. Unset and empty fields are left out, as its JSON of Protocol Buffers does. */
export function wireRun(run: Run & { inputs?: RunInput[]; outputs?: RunOutput[] }, experimentRoot: string) {
  const { inputs = [], outputs = [] } = run;
  const metrics = Object.entries(run.metrics).map(([key, point]) => wireMetric(key, point));
  const params = wireTexts(run.params);
  return {
    info: wireInfo(run, experimentRoot),
    data: { ...(metrics.length > 0 && { metrics }), ...(params.length > 0 && { params }), tags: wireTexts(tagsOf(run)) },
    inputs: wireInputs(inputs),
    outputs: wireOutputs(outputs),
  };
}

export function wireInfo(run: Run, experimentRoot: string): object {
  return {
    run_uuid: run.id,
    experiment_id: run.experiment,
    run_name: run.name,
    user_id: run.actor ?? "",
    status: statuses[run.status],
    start_time: run.startedMs,
    ...(run.endedMs !== undefined && { end_time: run.endedMs }),
    artifact_uri: runRoot(experimentRoot, run.id),
    lifecycle_stage: run.deletedMs === undefined ? "active" : "deleted",
    run_id: run.id,
  };
}

/** The name and the parent are fields of a run here, and tags there. A run keeps its name where a client took the tag away: an empty one stands for that. */
export function tagsOf(run: Run): Record<string, string> {
  const { [nameTag]: removed, ...tags } = run.tags;
  return { ...(run.parent !== undefined && { [parentTag]: run.parent }), ...tags, ...(removed === undefined && { [nameTag]: run.name }) };
}
export const nameTag = "mlflow.runName";
export const parentTag = "mlflow.parentRunId";

export function wireMetric(key: string, { value, timeMs, step }: MetricValue) {
  return { key, value: wireDouble(value), timestamp: timeMs, step };
}

/** MLflow has no infinities: it answers the greatest double. */
function wireDouble(value: number): number | string {
  if (Number.isNaN(value)) return "NaN";
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value));
}

export function wireTexts(texts: Record<string, string>): { key: string; value: string }[] {
  return Object.entries(texts).map(([key, value]) => ({ key, value }));
}

/** Facts of an input that came from an MLflow client, in our words. */
export interface DatasetFacts {
  sourceType?: string;
  source?: string;
  schema?: string;
  profile?: string;
  tags?: Record<string, string>;
}
export const contextTag = "mlflow.data.context";
/** Inputs and outputs that are logged models have this as their kind. */
export const loggedModel = "logged-model";

export function wireDataset(input: RunInput): object {
  const facts = (input.facts ?? {}) as DatasetFacts; // of an input from elsewhere nothing here has another type, only less
  return {
    name: input.name,
    digest: input.digest ?? (input.version === undefined ? "" : `v${input.version}`),
    source_type: facts.sourceType ?? (input.table === undefined ? "unknown" : "millrace"),
    source: facts.source ?? JSON.stringify({ table: input.table, version: input.version }),
    ...(facts.schema !== undefined && { schema: facts.schema }),
    ...(facts.profile !== undefined && { profile: facts.profile }),
  };
}

function wireInputs(inputs: RunInput[]): object {
  const datasets = inputs.filter((input) => input.facts?.["kind"] !== loggedModel);
  const models = inputs.filter((input) => input.facts?.["kind"] === loggedModel);
  return {
    ...(datasets.length > 0 && {
      dataset_inputs: datasets.map((input) => {
        const given = { ...(input.use !== undefined && { [contextTag]: input.use }), ...(input.facts as DatasetFacts | undefined)?.tags };
        const tags = wireTexts(given).sort((a, b) => (a.key < b.key ? -1 : 1));
        return { ...(tags.length > 0 && { tags }), dataset: wireDataset(input) };
      }),
    }),
    ...(models.length > 0 && { model_inputs: models.map(({ name }) => ({ model_id: name })) }),
  };
}

function wireOutputs(outputs: RunOutput[]): object {
  const models = outputs.filter((output) => output.facts?.["kind"] === loggedModel);
  return models.length === 0 ? {} : { model_outputs: models.map(({ name, facts }) => ({ model_id: name, step: Number(facts?.["step"] ?? 0) })) };
}
