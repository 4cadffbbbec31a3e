import { resolve } from "node:path";
import { sql, sqlIn, sqlText } from "#kit/sql";
import type { Reader } from "#ports/database";
import { localFolder } from "./local-files.ts";
import { recordedStatus, text, textsOf } from "./record-values.ts";
import type { DatasetRecord, ExperimentRecord, RunRecord, SourceLoggedModel, SourceRun } from "./records.ts";
import { type MlflowSource, type Place, elsewhere, placeOf } from "./source.ts";
import { spansAmong } from "./span-file.ts";
import { sqlModels } from "./sql-models.ts";
import { pointStamps, sqlPoints } from "./sql-points.ts";
import { sqlTraces } from "./sql-traces.ts";
import { countOthers, readSchema, type SqlSchema } from "./sql-schema.ts";

export interface SqlSourceOptions {
  reader: Reader;
  dialect: "sqlite" | "postgres";
  /** Address without secrets. */
  origin: string;
  /** What relative locations are relative to. */
  folder: string;
  /** Where the server that has this database keeps files of `mlflow-artifacts:` locations (`--artifacts-destination`). */
  artifacts: string | undefined;
  /** Told of every file that is passed over. */
  skipped: (path: string, why: string) => void;
  close(): Promise<void>;
}

const runsPerPage = 100;

/** MLflow's own database, of SQLite or PostgreSQL. Throws as `readSchema`. */
export async function openSqlSource(options: SqlSourceOptions): Promise<MlflowSource> {
  const { reader, dialect, origin, folder, artifacts, skipped, close } = options;
  const schema = await readSchema(reader, origin);
  const unreachable = (location: string): string | undefined => {
    const place = placeOf(location);
    if (place.kind === "elsewhere") return elsewhere(location);
    if (place.kind === "local") return undefined;
    if (artifacts === undefined) return "the server keeps them: name its --artifacts-destination with --artifacts";
    return place.path.split("/").includes("..") ? `${location} leads out of the server's folder` : undefined;
  };
  const files = ({ location }: { location: string }) => {
    const place = placeOf(location);
    const path = place.kind === "proxied" ? resolve(artifacts ?? folder, ...place.path.split("/")) : resolve(folder, localPath(place));
    return localFolder(path, skipped);
  };
  return {
    description: `${dialect === "sqlite" ? "SQLite" : "PostgreSQL"}, schema ${schema.revision}`,
    origin,
    experiments: () => readExperiments(reader, schema),
    runs: (experiment) => readRuns(reader, schema, experiment),
    points: (run) => sqlPoints(reader, dialect, run.record.id),
    loggedModels: (experiment) => (schema.loggedModels ? readLoggedModels(reader, experiment) : none()),
    models: () => sqlModels(reader, schema),
    traces: (experiment) =>
      sqlTraces(reader, schema, experiment, async (location, trace) =>
        unreachable(location) === undefined ? spansAmong(files({ location }), trace) : [],
      ),
    leftOut: () => countOthers(reader, schema),
    ...{ unreachable, files },
    close,
  };
}

function localPath(place: Place): string {
  return place.kind === "local" ? place.folder : "";
}

async function* none(): AsyncGenerator<never> {}

async function readExperiments(reader: Reader, schema: SqlSchema): Promise<ExperimentRecord[]> {
  const here = schema.workspaces ? sql` where workspace = 'default'` : sql``;
  const rows = await reader.all<Record<string, unknown>>(
    sql`select cast(experiment_id as text) as id, name, artifact_location, lifecycle_stage, creation_time, last_update_time
      from experiments${here} order by experiment_id`,
  );
  const tags = await reader.all<{ id: string; key: string; value: string | null }>(
    sql`select cast(experiment_id as text) as id, key, value from experiment_tags`,
  );
  const tagsOf = textsOf(tags);
  return rows.map((row) => ({
    id: String(row["id"]),
    name: text(row["name"]),
    location: text(row["artifact_location"]),
    deleted: row["lifecycle_stage"] === "deleted",
    createdMs: Number(row["creation_time"] ?? 0),
    updatedMs: Number(row["last_update_time"] ?? row["creation_time"] ?? 0),
    tags: tagsOf(String(row["id"])),
  }));
}

async function* readRuns(reader: Reader, schema: SqlSchema, experiment: string): AsyncGenerator<SourceRun[]> {
  for (let after = ""; ;) {
    const rows = await reader.all<Record<string, unknown>>(
      sql`select run_uuid as id, name, user_id, status, start_time, end_time, lifecycle_stage, deleted_time, artifact_uri from runs
        where experiment_id = cast(${experiment} as bigint) and run_uuid > ${after} order by run_uuid limit ${runsPerPage}`,
    );
    if (rows.length > 0) yield await readPage(reader, schema, experiment, rows);
    if (rows.length < runsPerPage) return;
    after = String(rows.at(-1)!["id"]);
  }
}

async function readPage(reader: Reader, schema: SqlSchema, experiment: string, rows: Record<string, unknown>[]): Promise<SourceRun[]> {
  const ids = rows.map((row) => String(row["id"]));
  const texts = async (table: "params" | "tags") =>
    textsOf(await reader.all(sql`select run_uuid as id, key, value from ${sqlText(table)} where run_uuid in ${sqlIn(ids)}`));
  const [paramsOf, tagsOf, inputsOf, stamps] = [
    await texts("params"),
    await texts("tags"),
    await readInputs(reader, schema, ids),
    await pointStamps(reader, ids),
  ];
  return rows.map((row) => {
    const id = String(row["id"]);
    const { "mlflow.runName": tagged, ...tags } = tagsOf(id);
    const deleted = row["lifecycle_stage"] === "deleted";
    const record: RunRecord = {
      ...{ id, experiment, deleted, tags, params: paramsOf(id) },
      name: text(row["name"]) || (tagged ?? ""),
      user: text(row["user_id"]),
      status: recordedStatus(row["status"]),
      startedMs: Number(row["start_time"] ?? 0),
      endedMs: row["end_time"] === null ? null : Number(row["end_time"]),
      deletedMs: deleted ? Number(row["deleted_time"] ?? row["end_time"] ?? row["start_time"] ?? 0) : null,
      ...inputsOf(id),
    };
    return { record, location: text(row["artifact_uri"]), pointsStamp: stamps(id) };
  });
}

type RunData = Pick<RunRecord, "datasets" | "modelInputs" | "modelOutputs">;

async function readInputs(reader: Reader, schema: SqlSchema, ids: string[]): Promise<(run: string) => RunData> {
  const found = new Map<string, RunData>(ids.map((id) => [id, { datasets: [], modelInputs: [], modelOutputs: [] }]));
  const datasets = await reader.all<Record<string, unknown>>(sql`select i.input_uuid, i.destination_id as run, d.* from inputs i
    join datasets d on d.dataset_uuid = i.source_id where i.destination_type = 'RUN' and i.destination_id in ${sqlIn(ids)}`);
  const uuids = datasets.map((row) => String(row["input_uuid"]));
  const tags: { id: string; key: string; value: string | null }[] = [];
  for (let i = 0; i < uuids.length; i += 500)
    tags.push(
      ...(await reader.all<(typeof tags)[number]>(sql`select input_uuid as id, name as key, value from input_tags where input_uuid in
      ${sqlIn(uuids.slice(i, i + 500))}`)),
    );
  const tagsOf = textsOf(tags);
  for (const row of datasets) found.get(String(row["run"]))!.datasets.push(datasetOf(row, tagsOf(String(row["input_uuid"])))); // it was asked for
  if (schema.loggedModels) {
    const step = schema.inputSteps ? sql`step` : sql`0 as step`;
    const models = await reader.all<{ kind: string; run: string; model: string; step: number }>(
      sql`select source_type as kind, source_id as run, destination_id as model, ${step} from inputs
        where source_type in ('RUN_INPUT', 'RUN_OUTPUT') and source_id in ${sqlIn(ids)}`,
    );
    for (const { kind, run, model, step: at } of models) {
      if (kind === "RUN_INPUT") found.get(run)!.modelInputs.push(model);
      else found.get(run)!.modelOutputs.push({ model, step: Number(at) });
    }
  }
  return (run) => found.get(run)!;
}

function datasetOf(row: Record<string, unknown>, tags: Record<string, string>): DatasetRecord {
  return {
    ...{ name: text(row["name"]), digest: text(row["digest"]), sourceType: text(row["dataset_source_type"]) },
    ...{ source: text(row["dataset_source"]), schema: text(row["dataset_schema"]), profile: text(row["dataset_profile"]), tags },
  };
}

async function* readLoggedModels(reader: Reader, experiment: string): AsyncGenerator<SourceLoggedModel[]> {
  for (let after = ""; ;) {
    const rows = await reader.all<Record<string, unknown>>(
      sql`select model_id as id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage,
        model_type, source_run_id from logged_models where experiment_id = cast(${experiment} as bigint) and model_id > ${after}
        order by model_id limit ${runsPerPage}`,
    );
    const ids = rows.map((row) => String(row["id"]));
    const texts = async (of: "param" | "tag") =>
      textsOf(
        await reader.all(sql`select model_id as id, ${sqlText(`${of}_key`)} as key, ${sqlText(`${of}_value`)} as value
          from ${sqlText(`logged_model_${of}s`)} where model_id in ${sqlIn(ids)}`),
      );
    const [paramsOf, tagsOf] = [await texts("param"), await texts("tag")];
    const points = await reader.all<Record<string, unknown>>(
      sql`select model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, run_id, dataset_name, dataset_digest
        from logged_model_metrics where model_id in ${sqlIn(ids)}`,
    );
    const page = rows.map((row): SourceLoggedModel => {
      const id = String(row["id"]);
      return {
        location: text(row["artifact_location"]),
        record: {
          ...{ id, experiment, name: text(row["name"]), type: text(row["model_type"]), sourceRun: text(row["source_run_id"]) },
          status: row["status"] === 2 ? "ready" : row["status"] === 3 ? "failed" : "pending",
          createdMs: Number(row["creation_timestamp_ms"]),
          updatedMs: Number(row["last_updated_timestamp_ms"]),
          deleted: row["lifecycle_stage"] === "deleted",
          ...{ params: paramsOf(id), tags: tagsOf(id) },
          points: points
            .filter((point) => point["model_id"] === id)
            .map((point) => ({
              run: text(point["run_id"]),
              metric: text(point["metric_name"]),
              step: Number(point["metric_step"]),
              timeMs: Number(point["metric_timestamp_ms"]),
              value: Number(point["metric_value"] ?? Number.NaN),
              dataset: text(point["dataset_name"]),
              datasetDigest: text(point["dataset_digest"]),
            })),
        },
      };
    });
    if (page.length > 0) yield page;
    if (rows.length < runsPerPage) return;
    after = ids.at(-1)!;
  }
}
