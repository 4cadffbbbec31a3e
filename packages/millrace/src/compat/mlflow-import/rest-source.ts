import { AppError } from "#kit/app-error";
import { digestOf } from "#kit/hash";
import { distinctPoints, type PointBatch, pythonNumber } from "./points.ts";
import { modelStatus, recordedStatus, text } from "./record-values.ts";
import type { DatasetRecord, ExperimentRecord, RunRecord, SourceLoggedModel, SourceRun } from "./records.ts";
import { type Answer, openRestClient, type RestClient, type RestClientOptions } from "./rest-client.ts";
import { restFiles } from "./rest-files.ts";
import { restModels } from "./rest-models.ts";
import { restTraces } from "./rest-traces.ts";
import { keyValues, objectOf, objects, pages } from "./rest-values.ts";
import type { MlflowSource } from "./source.ts";

const pointsPerRead = 20_000;

/** A tracking server of MLflow's, 2.x or 3.x, asked as its clients ask. What it does not tell (times of deletions, deleted logged models) cannot be had. */
export async function openRestSource(options: RestClientOptions): Promise<MlflowSource> {
  const client = openRestClient(options);
  let experiments: ExperimentRecord[] | undefined;
  const allExperiments = async () => (experiments ??= await readExperiments(client));
  await allExperiments(); // a wrong address shows here
  return {
    description: "tracking server",
    origin: client.origin,
    experiments: allExperiments,
    runs: (experiment) => readRuns(client, experiment),
    points: (run) => readPoints(client, run),
    loggedModels: (experiment) => readLoggedModels(client, experiment),
    models: () => restModels(client),
    traces: (experiment) => restTraces(client, experiment),
    leftOut: async () => [],
    unreachable: () => undefined,
    files: (owner) => restFiles(client, owner),
    close: async () => undefined,
  };
}

async function readExperiments(client: RestClient): Promise<ExperimentRecord[]> {
  const records: ExperimentRecord[] = [];
  const ask = (token?: string) =>
    client.post("/api/2.0/mlflow/experiments/search", { max_results: 1_000, view_type: "ALL", order_by: ["creation_time ASC"], page_token: token });
  for await (const answer of pages(ask)) {
    for (const each of objects(answer, "experiments")) {
      const createdMs = Number(each["creation_time"] ?? 0);
      records.push({
        ...{ id: text(each["experiment_id"]), name: text(each["name"]), location: text(each["artifact_location"]), createdMs },
        ...{
          updatedMs: Number(each["last_update_time"] ?? createdMs),
          deleted: each["lifecycle_stage"] === "deleted",
          tags: keyValues(each, "tags"),
        },
      });
    }
  }
  return records;
}

async function* readRuns(client: RestClient, experiment: string): AsyncGenerator<SourceRun[]> {
  const ask = (token?: string) =>
    client.post("/api/2.0/mlflow/runs/search", {
      ...{ experiment_ids: [experiment], run_view_type: "ALL", max_results: 200, order_by: ["attributes.start_time ASC"], page_token: token },
    });
  for await (const answer of pages(ask)) {
    const runs = objects(answer, "runs").map((run) => sourceRun(run, experiment));
    if (runs.length > 0) yield runs;
  }
}

function sourceRun(run: Answer, experiment: string): SourceRun {
  const [info, data, inputs, outputs] = [objectOf(run, "info"), objectOf(run, "data"), objectOf(run, "inputs"), objectOf(run, "outputs")];
  const { "mlflow.runName": tagged = "", ...tags } = keyValues(data, "tags");
  const deleted = info["lifecycle_stage"] === "deleted";
  const startedMs = Number(info["start_time"] ?? 0);
  const endedMs = info["end_time"] === undefined || Number(info["end_time"]) === 0 ? null : Number(info["end_time"]);
  const record: RunRecord = {
    ...{ id: text(info["run_id"] ?? info["run_uuid"]), experiment, name: text(info["run_name"]) || tagged, user: text(info["user_id"]) },
    ...{ status: recordedStatus(info["status"]), startedMs, endedMs, deleted, deletedMs: deleted ? (endedMs ?? startedMs) : null },
    ...{ params: keyValues(data, "params"), tags },
    datasets: objects(inputs, "dataset_inputs").map(datasetOf),
    modelInputs: objects(inputs, "model_inputs").map((model) => text(model["model_id"])),
    modelOutputs: objects(outputs, "model_outputs").map((model) => ({ model: text(model["model_id"]), step: Number(model["step"] ?? 0) })),
  };
  const latest = objects(data, "metrics").map((point) => [text(point["key"]), text(point["value"]), text(point["timestamp"]), text(point["step"])]);
  return { record, location: text(info["artifact_uri"]), pointsStamp: digestOf([latest.map((point) => point.join("\n")).sort()]) };
}

function datasetOf(input: Answer): DatasetRecord {
  const dataset = objectOf(input, "dataset");
  const of = (name: string) => text(dataset[name]);
  return {
    ...{ name: of("name"), digest: of("digest"), sourceType: of("source_type"), source: of("source"), schema: of("schema"), profile: of("profile") },
    tags: keyValues(input, "tags"),
  };
}

async function* readPoints(client: RestClient, { record: { id } }: SourceRun): AsyncGenerator<PointBatch> {
  const run = objectOf(await client.get("/api/2.0/mlflow/runs/get", { run_id: id }), "run");
  for (const { key } of objects(objectOf(run, "data"), "metrics")) {
    const ask = (token?: string) =>
      client.get("/api/2.0/mlflow/metrics/get-history", {
        ...{ run_id: id, metric_key: text(key), max_results: String(pointsPerRead), page_token: token },
      });
    for await (const answer of pages(ask)) {
      const points = objects(answer, "metrics").map((point) => ({
        ...{ step: Number(point["step"] ?? 0), timeMs: Number(point["timestamp"] ?? 0), value: pythonNumber(text(point["value"] ?? 0)) },
      }));
      if (points.length > 0) yield distinctPoints(text(key), points);
    }
  }
}

async function* readLoggedModels(client: RestClient, experiment: string): AsyncGenerator<SourceLoggedModel[]> {
  const ask = (token?: string) =>
    client
      .post("/api/2.0/mlflow/logged-models/search", { experiment_ids: [experiment], max_results: 50, page_token: token })
      .catch((error: unknown): Answer => {
        if (error instanceof AppError && error.details?.["status"] === 404) return {}; // before 3.0
        throw error;
      });
  for await (const answer of pages(ask)) {
    const models = objects(answer, "models").map((model): SourceLoggedModel => {
      const [info, data] = [objectOf(model, "info"), objectOf(model, "data")];
      const createdMs = Number(info["creation_timestamp_ms"] ?? 0);
      return {
        location: text(info["artifact_uri"]),
        record: {
          ...{ id: text(info["model_id"]), experiment, name: text(info["name"]), type: text(info["model_type"]), deleted: false, createdMs },
          ...{ status: modelStatus(text(info["status"])), sourceRun: text(info["source_run_id"]) },
          updatedMs: Number(info["last_updated_timestamp_ms"] ?? createdMs),
          ...{ params: keyValues(data, "params"), tags: keyValues(info, "tags") },
          points: objects(data, "metrics").map((point) => ({
            ...{ run: text(point["run_id"]), metric: text(point["key"]), step: Number(point["step"] ?? 0), timeMs: Number(point["timestamp"] ?? 0) },
            ...{ value: pythonNumber(text(point["value"] ?? 0)), dataset: text(point["dataset_name"]), datasetDigest: text(point["dataset_digest"]) },
          })),
        },
      };
    });
    if (models.length > 0) yield models;
  }
}
