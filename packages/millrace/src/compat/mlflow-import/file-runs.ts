import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { AppError } from "#kit/app-error";
import { distinctPoints, kept, type PointBatch, pythonNumber } from "./points.ts";
import { recordedStatus } from "./record-values.ts";
import type { DatasetRecord, ModelPointRecord, RunRecord, SourceLoggedModel, SourceRun } from "./records.ts";
import { foldersIn, keysIn, type Meta, metaNumber, metaText, metaTexts, readMeta, readTexts, sizesIn } from "./store-files.ts";

const runsPerPage = 50;
/** Folders of an experiment that are no runs. */
const others = new Set(["datasets", "models", "tags", "traces"]);

/** Runs of an experiment, as a file store keeps them. A folder without a `meta.yaml` is no run. */
export async function* fileRuns(experimentFolder: string, experiment: string): AsyncGenerator<SourceRun[]> {
  let page: SourceRun[] = [];
  for (const id of await foldersIn(experimentFolder)) {
    const meta = others.has(id) ? undefined : await readMeta(join(experimentFolder, id));
    if (meta === undefined) continue;
    page.push(await readRun(experimentFolder, experiment, id, meta));
    if (page.length < runsPerPage) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

async function readRun(experimentFolder: string, experiment: string, id: string, meta: Meta): Promise<SourceRun> {
  const folder = join(experimentFolder, id);
  const { "mlflow.runName": tagged = "", ...tags } = await readTexts(join(folder, "tags"));
  const deleted = metaText(meta, "lifecycle_stage") === "deleted";
  const startedMs = metaNumber(meta, "start_time") ?? 0;
  const endedMs = metaNumber(meta, "end_time");
  const record: RunRecord = {
    ...{ id, experiment, tags, deleted, startedMs, endedMs, name: metaText(meta, "run_name") || tagged, user: metaText(meta, "user_id") },
    status: recordedStatus(Number(metaText(meta, "status"))),
    deletedMs: deleted ? (metaNumber(meta, "deleted_time") ?? endedMs ?? startedMs) : null,
    params: await readTexts(join(folder, "params")),
    ...(await readInputs(experimentFolder, folder)),
  };
  return { record, location: metaText(meta, "artifact_uri") || join(folder, "artifacts"), pointsStamp: await sizesIn(join(folder, "metrics")) };
}

async function readInputs(experimentFolder: string, folder: string): Promise<Pick<RunRecord, "datasets" | "modelInputs" | "modelOutputs">> {
  const datasets: DatasetRecord[] = [];
  const modelInputs: string[] = [];
  for (const name of await foldersIn(join(folder, "inputs"))) {
    const meta = (await readMeta(join(folder, "inputs", name))) ?? {};
    if (metaText(meta, "destination_type") === "MODEL_INPUT") modelInputs.push(metaText(meta, "destination_id"));
    if (metaText(meta, "source_type") !== "DATASET") continue;
    const dataset = await readMeta(join(experimentFolder, "datasets", metaText(meta, "source_id")));
    if (dataset === undefined) continue;
    const text = (field: string) => metaText(dataset, field);
    datasets.push({
      ...{ name: text("name"), digest: text("digest"), sourceType: text("source_type"), source: text("source") },
      ...{ schema: text("schema"), profile: text("profile"), tags: metaTexts(meta, "tags") },
    });
  }
  const modelOutputs: RunRecord["modelOutputs"] = [];
  for (const name of await foldersIn(join(folder, "outputs"))) {
    const meta = (await readMeta(join(folder, "outputs", name))) ?? {};
    modelOutputs.push({ model: metaText(meta, "destination_id") || name, step: metaNumber(meta, "step") ?? 0 });
  }
  return { datasets, modelInputs, modelOutputs };
}

/** A run's points, metric by metric. A line is `time value [step [dataset digest]]`. */
export async function* filePoints(runFolder: string): AsyncGenerator<PointBatch> {
  const folder = join(runFolder, "metrics");
  for (const key of await keysIn(folder)) {
    const points: { step: number; timeMs: number; value: number }[] = [];
    for await (const [time, value, step = "0"] of fieldsOf(join(folder, key)))
      points.push({ timeMs: Number(time), value: pythonNumber(value!), step: Number(step) }); // it has two fields
    if (points.length > 0) yield distinctPoints(key, points);
  }
}

/** Models as runs left them, of MLflow from 3.0 on. */
export async function* fileLoggedModels(experimentFolder: string, experiment: string): AsyncGenerator<SourceLoggedModel[]> {
  for (const id of await foldersIn(join(experimentFolder, "models"))) {
    const folder = join(experimentFolder, "models", id);
    const meta = await readMeta(folder);
    if (meta === undefined) continue;
    const createdMs = metaNumber(meta, "creation_timestamp") ?? 0;
    const status = metaNumber(meta, "status");
    yield [
      {
        location: metaText(meta, "artifact_location") || join(folder, "artifacts"),
        record: {
          ...{ id, experiment, name: metaText(meta, "name"), type: metaText(meta, "model_type"), sourceRun: metaText(meta, "source_run_id") },
          status: status === 2 ? "ready" : status === 3 ? "failed" : "pending",
          ...{ createdMs, updatedMs: metaNumber(meta, "last_updated_timestamp") ?? createdMs },
          deleted: metaText(meta, "lifecycle_stage") === "deleted",
          ...{ params: await readTexts(join(folder, "params")), tags: await readTexts(join(folder, "tags")) },
          points: await modelPoints(join(folder, "metrics")),
        },
      },
    ];
  }
}

/** A line is `time value step run [dataset digest]`; a dataset's name may have spaces. */
async function modelPoints(folder: string): Promise<ModelPointRecord[]> {
  const points = new Map<string, ModelPointRecord>();
  for (const metric of await keysIn(folder)) {
    for await (const [time, value, step = "0", run = "", ...rest] of fieldsOf(join(folder, metric))) {
      const [dataset, datasetDigest] = [rest.slice(0, -1).join(" "), rest.at(-1) ?? ""];
      const point = { ...{ run, metric, step: Number(step), timeMs: Number(time), dataset, datasetDigest }, value: kept(pythonNumber(value!)) }; // as above
      points.set(JSON.stringify({ ...point, value: String(point.value) }), point);
    }
  }
  return [...points.values()];
}

async function* fieldsOf(file: string): AsyncGenerator<string[]> {
  for await (const line of createInterface({ input: createReadStream(file, "utf8"), crlfDelay: Infinity })) {
    if (line.trim() === "") continue;
    const fields = line.trim().split(" ");
    if (fields.length < 2 || !/^-?\d+$/.test(fields[0]!) || (Number.isNaN(pythonNumber(fields[1]!)) && !/nan/i.test(fields[1]!)))
      throw new AppError("corrupt_data", `${file} has a line that is no point: "${line.slice(0, 100)}".`, {
        hint: "Correct the line, or take it away.",
      });
    yield fields;
  }
}
