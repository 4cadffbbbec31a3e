import { sql, sqlIn } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";

export interface VersionRow {
  model: string;
  version: number;
  /** As the client named it. */
  source: string;
  /** Where clients find the files. */
  location: string;
  logged_model: string | null;
  run_link: string;
  stage: string;
  updated_ms: number;
}

const columns = sql`model, version, source, location, logged_model, run_link, stage, updated_ms`;

export async function saveVersionRow(transaction: Transaction, row: VersionRow): Promise<void> {
  await transaction.run(sql`insert into mlflow_version (${columns}) values (${row.model}, ${row.version}, ${row.source}, ${row.location},
    ${row.logged_model}, ${row.run_link}, ${row.stage}, ${row.updated_ms})
    on conflict (model, version) do update set stage = excluded.stage, updated_ms = excluded.updated_ms`);
}

/** Rows of some models' versions, by model and version. */
export async function versionRows(reader: Reader, models: string[]): Promise<(model: string, version: number) => VersionRow | undefined> {
  const rows = new Map<string, VersionRow>();
  for (let i = 0; i < models.length; i += 100)
    for (const row of await reader.all<VersionRow>(sql`select ${columns} from mlflow_version where model in ${sqlIn(models.slice(i, i + 100))}`))
      rows.set(`${row.version} ${row.model}`, row);
  return (model, version) => rows.get(`${version} ${model}`);
}

export async function renameVersionRows(transaction: Transaction, model: string, newName: string): Promise<void> {
  await transaction.run(sql`delete from mlflow_version where model = ${newName}`); // of a model of that name that is gone
  await transaction.run(sql`update mlflow_version set model = ${newName} where model = ${model}`);
}

export async function deleteVersionRows(transaction: Transaction, model: string, version?: number): Promise<void> {
  const which = version === undefined ? sql`` : sql` and version = ${version}`;
  await transaction.run(sql`delete from mlflow_version where model = ${model}${which}`);
}

/** Tells where a version's files are from now on. */
export async function moveVersionRow(transaction: Transaction, model: string, version: number, location: string): Promise<void> {
  await transaction.run(sql`update mlflow_version set location = ${location} where model = ${model} and version = ${version}`);
}
