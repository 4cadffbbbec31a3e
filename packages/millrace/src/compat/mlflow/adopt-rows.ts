import { sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import type { ModelMetric } from "./logged-model-metrics.ts";
import { insertLoggedModel, type LoggedModel, type LoggedModelRow, parseLoggedModels } from "./logged-model-reads.ts";
import { saveVersionRow, type VersionRow } from "./version-rows.ts";

/** Takes in a logged model as it stood in another store; one of this id that stands here gets these values. */
export async function adoptLoggedModel(transaction: Transaction, model: Omit<LoggedModel, "location">, metrics: ModelMetric[]): Promise<void> {
  await transaction.run(sql`delete from mlflow_logged_model where id = ${model.id}`);
  await insertLoggedModel(transaction, model);
  for (const point of metrics) {
    await transaction.run(sql`insert into mlflow_model_metric (model, run, metric, step, time_ms, value, dataset_name, dataset_digest)
      values (${point.model}, ${point.run}, ${point.metric}, ${point.step}, ${point.time_ms}, ${String(point.value)}, ${point.dataset_name},
      ${point.dataset_digest}) on conflict do nothing`);
  }
}

/** Takes in what only MLflow asks of a version. */
export async function adoptVersionRow(transaction: Transaction, row: VersionRow): Promise<void> {
  await transaction.run(sql`delete from mlflow_version where model = ${row.model} and version = ${row.version}`);
  await saveVersionRow(transaction, row);
}

/** The next logged models of an experiment by their ids, deleted ones too. */
export async function loggedModelsAfter(reader: Reader, experiment: string, after: string, limit: number): Promise<LoggedModel[]> {
  return parseLoggedModels(
    reader,
    await reader.all<LoggedModelRow>(
      sql`select * from mlflow_logged_model where experiment = ${experiment} and id > ${after} order by id limit ${limit}`,
    ),
  );
}

/** A logged model by id, deleted or not. */
export async function anyLoggedModel(reader: Reader, id: string): Promise<LoggedModel | undefined> {
  return (await parseLoggedModels(reader, await reader.all<LoggedModelRow>(sql`select * from mlflow_logged_model where id = ${id}`)))[0];
}

/** Puts an experiment's files where they are by default. */
export async function forgetExperimentLocation(transaction: Transaction, experiment: string): Promise<void> {
  await transaction.run(sql`delete from mlflow_experiment where experiment = ${experiment}`);
}
