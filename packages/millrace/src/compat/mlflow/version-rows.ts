import type { ModelFollower } from "#domains/registry";
import { padded, sql, sqlIn, sqlJoin } from "#kit/sql";
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
}

const columns = sql`model, version, source, location, logged_model, run_link, stage`;

export async function saveVersionRow(transaction: Transaction, row: VersionRow): Promise<void> {
  await transaction.run(sql`insert into mlflow_version (${columns}) values (${row.model}, ${row.version}, ${row.source}, ${row.location},
    ${row.logged_model}, ${row.run_link}, ${row.stage})
    on conflict (model, version) do update set stage = excluded.stage`);
}

/** Rows of some models' versions, by model and version. */
export async function versionRows(reader: Reader, models: string[]): Promise<(model: string, version: number) => VersionRow | undefined> {
  const rows = new Map<string, VersionRow>();
  for (let i = 0; i < models.length; i += 100)
    for (const row of await reader.all<VersionRow>(sql`select ${columns} from mlflow_version where model in ${sqlIn(models.slice(i, i + 100))}`))
      rows.set(`${row.version} ${row.model}`, row);
  return (model, version) => rows.get(`${version} ${model}`);
}

/** Rows of some versions, as `versionRows` gives them. */
export async function rowsOfVersions(reader: Reader, wanted: { model: string; version: number }[]): Promise<Awaited<ReturnType<typeof versionRows>>> {
  const rows = new Map<string, VersionRow>();
  for (const part of padded(wanted)) {
    const pairs = part.map(({ model, version }) => sql`(cast(${model} as text), cast(${version} as bigint))`);
    const found = await reader.all<VersionRow>(sql`with wanted (of_model, number) as (values ${sqlJoin(pairs, ", ")})
      select ${columns} from wanted cross join mlflow_version where model = of_model and version = number`);
    for (const row of found) rows.set(`${row.version} ${row.model}`, row);
  }
  return (model, version) => rows.get(`${version} ${model}`);
}

/** The versions of some models that are in a stage. */
export async function stagedVersions(reader: Reader, models: string[]): Promise<Pick<VersionRow, "model" | "version" | "stage">[]> {
  const staged: Pick<VersionRow, "model" | "version" | "stage">[] = [];
  for (const part of padded(models))
    staged.push(
      ...(await reader.all<Pick<VersionRow, "model" | "version" | "stage">>(
        sql`select model, version, stage from mlflow_version where model in ${sqlIn(part)} and stage <> 'None'`,
      )),
    );
  return staged;
}

/** Rows go with their models. */
export const mlflowFollower: ModelFollower = {
  async renamed(transaction, { model, newName }) {
    await transaction.run(sql`delete from mlflow_version where model = ${newName}`); // of a model of that name that is gone
    await transaction.run(sql`update mlflow_version set model = ${newName} where model = ${model}`);
  },
  async deleted(transaction, { model, version }) {
    const which = version === undefined ? sql`` : sql` and version = ${version}`;
    await transaction.run(sql`delete from mlflow_version where model = ${model}${which}`);
  },
};

/** Tells where a version's files are from now on. */
export async function moveVersionRow(transaction: Transaction, model: string, version: number, location: string): Promise<void> {
  await transaction.run(sql`update mlflow_version set location = ${location} where model = ${model} and version = ${version}`);
}
