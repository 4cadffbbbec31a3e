import { randomBytes } from "node:crypto";
import { type Sql, sql, sqlJoin } from "#kit/sql";
import type { Transaction } from "#ports/database";
import { kept, type PointBatch } from "./points.ts";
import type { ExperimentRecord, LoggedModelRecord, ModelRecord, RunRecord } from "./records.ts";
import type { SqlSchema } from "./sql-schema.ts";

const rowsPerStatement = 100;

/** MLflow's own tables, filled from records. The columns are those of every schema that is known here. */
export async function insertExperimentRow(transaction: Transaction, { id, name, location, deleted, createdMs, updatedMs, tags }: ExperimentRecord) {
  await transaction.run(sql`insert into experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)
    values (cast(${id} as integer), ${name}, ${location}, ${stage(deleted)}, ${createdMs}, ${updatedMs})
    on conflict (experiment_id) do update set name = excluded.name, artifact_location = excluded.artifact_location,
    lifecycle_stage = excluded.lifecycle_stage, creation_time = excluded.creation_time, last_update_time = excluded.last_update_time`);
  await insertAll(
    transaction,
    sql`insert into experiment_tags (key, value, experiment_id) values `,
    Object.entries(tags).map(([key, value]) => sql`(${key}, ${value}, cast(${id} as integer))`),
  );
}

export async function insertRunRows(transaction: Transaction, schema: SqlSchema, run: RunRecord, location: string): Promise<void> {
  await transaction.run(sql`insert into runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time,
    source_version, lifecycle_stage, artifact_uri, experiment_id, deleted_time) values (${run.id}, ${run.name}, 'UNKNOWN', '', '', ${run.user},
    ${run.status}, ${run.startedMs}, ${run.endedMs}, '', ${stage(run.deleted)}, ${location}, cast(${run.experiment} as integer), ${run.deletedMs})`);
  const texts = (values: Record<string, string>) => Object.entries(values).map(([key, value]) => sql`(${key}, ${value}, ${run.id})`);
  await insertAll(transaction, sql`insert into params (key, value, run_uuid) values `, texts(run.params));
  await insertAll(transaction, sql`insert into tags (key, value, run_uuid) values `, texts({ ...run.tags, "mlflow.runName": run.name }));
  for (const dataset of run.datasets) await insertDataset(transaction, schema, run, dataset);
  if (!schema.loggedModels) return;
  for (const model of run.modelInputs) await insertInput(transaction, schema, ["RUN_INPUT", run.id, "MODEL_INPUT", model, 0]);
  for (const { model, step } of run.modelOutputs) await insertInput(transaction, schema, ["RUN_OUTPUT", run.id, "MODEL_OUTPUT", model, step]);
}

async function insertDataset(transaction: Transaction, schema: SqlSchema, run: RunRecord, dataset: RunRecord["datasets"][number]): Promise<void> {
  const { name, digest, sourceType, source, tags } = dataset;
  await transaction.run(sql`insert into datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source, dataset_schema,
    dataset_profile) values (${newUuid()}, cast(${run.experiment} as integer), ${name}, ${digest}, ${sourceType}, ${source},
    ${dataset.schema || null}, ${dataset.profile || null}) on conflict (experiment_id, name, digest) do nothing`);
  const row = await transaction.get<{ id: string }>(sql`select dataset_uuid as id from datasets
    where experiment_id = cast(${run.experiment} as integer) and name = ${name} and digest = ${digest}`);
  const input = await insertInput(transaction, schema, ["DATASET", row!.id, "RUN", run.id, 0]); // it was inserted, or stood
  if (input === undefined) return; // the same data twice: MLflow keeps the first use
  await insertAll(
    transaction,
    sql`insert into input_tags (input_uuid, name, value) values `,
    Object.entries(tags).map(([key, value]) => sql`(${input}, ${key}, ${value})`),
  );
}

type InputRow = [sourceType: string, source: string, destinationType: string, destination: string, step: number];

async function insertInput(transaction: Transaction, schema: SqlSchema, [sourceType, source, type, destination, step]: InputRow) {
  const uuid = newUuid();
  const [column, value] = schema.inputSteps ? [sql`, step`, sql`, ${step}`] : [sql``, sql``];
  const inserted = await transaction.run(sql`insert into inputs (input_uuid, source_type, source_id, destination_type, destination_id${column})
    values (${uuid}, ${sourceType}, ${source}, ${type}, ${destination}${value}) on conflict do nothing`);
  return inserted === 0 ? undefined : uuid;
}

export async function insertPoints(transaction: Transaction, run: string, batch: PointBatch): Promise<void> {
  const rows: Sql[] = [];
  for (let i = 0; i < batch.count; i++) rows.push(pointRow(run, batch.keys[batch.metrics[i]!]!, batch.steps[i]!, batch.times[i]!, batch.values[i]!));
  await insertAll(transaction, sql`insert into metrics (key, value, "timestamp", run_uuid, step, is_nan) values `, rows);
}

export async function insertLatest(
  transaction: Transaction,
  run: string,
  latest: Record<string, { value: number; step: number; timeMs: number }>,
): Promise<void> {
  const rows = Object.entries(latest).map(([key, { value, step, timeMs }]) => pointRow(run, key, step, timeMs, value));
  await insertAll(transaction, sql`insert into latest_metrics (key, value, "timestamp", run_uuid, step, is_nan) values `, rows);
}

function pointRow(run: string, key: string, step: number, timeMs: number, value: number): Sql {
  return sql`(${key}, ${Number.isNaN(value) ? 0 : kept(value)}, ${timeMs}, ${run}, ${step}, ${Number.isNaN(value) ? 1 : 0})`;
}

const modelStatuses = { pending: 1, ready: 2, failed: 3 } as const;

export async function insertLoggedModelRows(transaction: Transaction, model: LoggedModelRecord, location: string): Promise<void> {
  const experiment = sql`cast(${model.experiment} as integer)`;
  await transaction.run(sql`insert into logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms,
    last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id) values (${model.id}, ${experiment}, ${model.name}, ${location},
    ${model.createdMs}, ${model.updatedMs}, ${modelStatuses[model.status]}, ${stage(model.deleted)}, ${model.type || null}, ${model.sourceRun || null})`);
  const texts = (values: Record<string, string>) => Object.entries(values).map(([key, value]) => sql`(${model.id}, ${experiment}, ${key}, ${value})`);
  await insertAll(transaction, sql`insert into logged_model_params (model_id, experiment_id, param_key, param_value) values `, texts(model.params));
  await insertAll(transaction, sql`insert into logged_model_tags (model_id, experiment_id, tag_key, tag_value) values `, texts(model.tags));
  const points = model.points.map(
    (point) => sql`(${model.id}, ${point.metric}, ${point.timeMs}, ${point.step}, ${Number.isNaN(point.value) ? 0 : kept(point.value)}, ${experiment},
      ${point.run}, ${point.dataset || null}, ${point.datasetDigest || null})`,
  );
  const head = sql`insert into logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id,
    dataset_name, dataset_digest) values `;
  await insertAll(transaction, head, points);
}

const versionStatuses = { pending: "PENDING_REGISTRATION", ready: "READY", failed: "FAILED_REGISTRATION" } as const;

export async function insertModelRows(transaction: Transaction, model: ModelRecord, locations: Record<number, string>): Promise<void> {
  const { name } = model;
  await transaction.run(sql`insert into registered_models (name, creation_time, last_updated_time, description)
    values (${name}, ${model.createdMs}, ${model.updatedMs}, ${model.description || null})`);
  const tags = Object.entries(model.tags).map(([key, value]) => sql`(${key}, ${value}, ${name})`);
  await insertAll(transaction, sql`insert into registered_model_tags (key, value, name) values `, tags);
  for (const each of model.versions) {
    await transaction.run(sql`insert into model_versions (name, version, creation_time, last_updated_time, description, user_id, current_stage,
      source, run_id, status, run_link, storage_location) values (${name}, ${each.version}, ${each.createdMs}, ${each.updatedMs},
      ${each.description || null}, ${each.user || null}, ${each.stage}, ${each.source}, ${each.run || null}, ${versionStatuses[each.status]},
      ${each.runLink || null}, ${locations[each.version] ?? each.source})`);
    const texts = Object.entries(each.tags).map(([key, value]) => sql`(${key}, ${value}, ${name}, ${each.version})`);
    await insertAll(transaction, sql`insert into model_version_tags (key, value, name, version) values `, texts);
  }
  const aliases = Object.entries(model.aliases).map(([alias, version]) => sql`(${alias}, ${version}, ${name})`);
  await insertAll(transaction, sql`insert into registered_model_aliases (alias, version, name) values `, aliases);
}

async function insertAll(transaction: Transaction, head: Sql, rows: Sql[]): Promise<void> {
  for (let i = 0; i < rows.length; i += rowsPerStatement) await transaction.run(sql`${head}${sqlJoin(rows.slice(i, i + rowsPerStatement), ", ")}`);
}

function stage(deleted: boolean): string {
  return deleted ? "deleted" : "active";
}

function newUuid(): string {
  return randomBytes(16).toString("hex");
}
