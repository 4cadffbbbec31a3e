import { type RunVersion, versionsOfRuns } from "#domains/registry";
import { sql, sqlIn } from "#kit/sql";
import type { Transaction } from "#ports/database";
import { rootPath } from "./artifact-tree.ts";
import { deleteFileRows, saveFile } from "./files.ts";
import { experimentLocations, runRoot } from "./places.ts";
import { moveVersionRow, versionRows } from "./version-rows.ts";

interface ModelRow {
  id: string;
  experiment: string;
}

/**
 * What only this protocol keeps of runs goes with them: the models they logged, with their files, and what was measured of models.
 * Registered versions lose nothing: a logged model that one was made of stays, and files that were the run's stay at their place,
 * where clients look for them.
 */
export async function forgetRuns(transaction: Transaction, runs: { id: string; experiment: string }[], nowMs: number): Promise<void> {
  const ids = runs.map(({ id }) => id);
  const locations = await experimentLocations(
    transaction,
    runs.map(({ experiment }) => experiment),
  );
  const versions = await versionsOfRuns(transaction, ids);
  const rowOf = await versionRows(transaction, [...new Set(versions.map(({ model }) => model))]);
  for (const version of versions) {
    const row = rowOf(version.model, version.version);
    const run = runs.find(({ id }) => id === version.run);
    if (row === undefined || run === undefined) continue;
    const root = runRoot(locations(run.experiment), run.id);
    const inRun = new RegExp(`^runs:/+${run.id}/(.+)$`).exec(row.location)?.[1];
    const location = inRun === undefined ? row.location : `${root}/${inRun}`;
    if (!location.startsWith(`${root}/`)) continue; // a logged model's, or elsewhere
    await keepFiles(transaction, version, rootPath(location), nowMs);
    if (location !== row.location) await moveVersionRow(transaction, version.model, version.version, location);
  }
  await forgetLoggedModels(
    transaction,
    await transaction.all<ModelRow>(sql`select id, experiment from mlflow_logged_model where source_run in ${sqlIn(ids)}`),
  );
  await transaction.run(sql`delete from mlflow_model_metric where run in ${sqlIn(ids)}`);
}

/** As `forgetRuns`, once the runs are gone. Where logged models stay for versions, so does the place of the experiment's files. */
export async function forgetExperiments(transaction: Transaction, experiments: string[]): Promise<void> {
  for (const experiment of experiments) {
    await forgetLoggedModels(
      transaction,
      await transaction.all<ModelRow>(sql`select id, experiment from mlflow_logged_model where experiment = ${experiment}`),
    );
    const kept = await transaction.get(sql`select id from mlflow_logged_model where experiment = ${experiment} limit 1`);
    if (kept === undefined) await transaction.run(sql`delete from mlflow_experiment where experiment = ${experiment}`);
    await transaction.run(sql`delete from mlflow_issue where experiment = ${experiment}`);
  }
}

async function keepFiles(transaction: Transaction, version: RunVersion, path: string | undefined, nowMs: number): Promise<void> {
  if (path === undefined) return;
  for (const file of version.files)
    await saveFile(transaction, { path: `${path}/${file.path}`, digest: file.digest, size_bytes: file.sizeBytes, created_ms: nowMs });
}

async function forgetLoggedModels(transaction: Transaction, models: ModelRow[]): Promise<void> {
  if (models.length === 0) return;
  const ids = models.map(({ id }) => id);
  const rows = await transaction.all<{ logged_model: string }>(
    sql`select distinct logged_model from mlflow_version where logged_model in ${sqlIn(ids)}`,
  );
  const registered = new Set(rows.map((row) => row.logged_model));
  const locations = await experimentLocations(
    transaction,
    models.map(({ experiment }) => experiment),
  );
  for (const { id, experiment } of models) {
    if (registered.has(id)) continue;
    const folder = rootPath(`${locations(experiment).replace(/\/+$/, "")}/models/${id}`);
    if (folder !== undefined) await deleteFileRows(transaction, folder);
    await transaction.run(sql`delete from mlflow_model_metric where model = ${id}`);
    await transaction.run(sql`delete from mlflow_logged_model where id = ${id}`);
  }
}
