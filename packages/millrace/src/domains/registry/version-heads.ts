import { padded, type Sql, sql, sqlIn, sqlJoin } from "#kit/sql";
import type { Reader } from "#ports/database";
import { aliasesOfModels } from "./describe-models.ts";
import type { ModelVersion, RegistryServices } from "./model.ts";
import { parse } from "./store.ts";

/** What lists and searches tell of a version: all but what it is made of and how it did. */
export type VersionHead = Pick<
  ModelVersion,
  "model" | "version" | "runId" | "digest" | "status" | "description" | "tags" | "actor" | "createdMs" | "updatedMs" | "aliases"
>;

/** What is known of a version before anything is asked about its aliases. */
export type VersionFacts = Omit<VersionHead, "aliases">;

/** The id of a version's model. */
export interface VersionId {
  modelId: string;
}

interface HeadRow {
  model: string;
  name: string;
  version: number;
  run: string;
  digest: string;
  status: ModelVersion["status"];
  description: string;
  tags: string;
  actor: string | null;
  created_ms: number;
  updated_ms: number;
  deleted_ms: number | null;
}

/** What is known of versions that are there, by their models' ids and in the keys' order: a statement for a thousand. */
export async function headsOf(reader: Reader, keys: { model: string; version: number }[]): Promise<(VersionFacts & VersionId)[]> {
  const rows = await headRows(reader, keys, sql`m.id`);
  const found = new Map(rows.map((row) => [`${row.version} ${row.model}`, row]));
  return keys.flatMap(({ model, version }) => found.get(`${version} ${model}`) ?? []).map(factsOf);
}

/** What is known of versions that stand, by their models' names and in this order; those that are not there are left out. */
export async function versionFacts({ state }: RegistryServices, wanted: { model: string; version: number }[]): Promise<(VersionFacts & VersionId)[]> {
  const rows = (await headRows(state, wanted, sql`m.name`)).filter((row) => row.deleted_ms === null);
  const found = new Map(rows.map((row) => [`${row.version} ${row.name}`, row]));
  return wanted.flatMap(({ model, version }) => found.get(`${version} ${model}`) ?? []).map(factsOf);
}

/** Adds the aliases that versions hold: a statement for a thousand models. */
export async function withAliases(reader: Reader, versions: (VersionFacts & VersionId)[]): Promise<VersionHead[]> {
  const aliases = await aliasesOfModels(reader, [...new Set(versions.map(({ modelId }) => modelId))]);
  return versions.map(({ modelId, ...version }) => ({
    ...version,
    aliases: (aliases.get(modelId) ?? []).filter(([, held]) => held === version.version).map(([alias]) => alias),
  }));
}

/** As `versionFacts`, with the aliases that they hold. */
export async function versionHeads(services: RegistryServices, wanted: { model: string; version: number }[]): Promise<VersionHead[]> {
  return withAliases(services.state, await versionFacts(services, wanted));
}

/** The numbers of all versions of some models, by the models' names. */
export async function versionNumbers({ state }: RegistryServices, models: string[]): Promise<Map<string, number[]>> {
  const numbers = new Map<string, number[]>(models.map((model) => [model, []]));
  for (const part of padded(models))
    for (const { name, version } of await state.all<{ name: string; version: number }>(sql`select m.name, v.version
      from registry_model m join registry_version v on v.model = m.id where m.name in ${sqlIn(part)} and v.deleted_ms is null order by v.version`))
      numbers.get(name)?.push(version);
  return numbers;
}

/** Which version every alias of every model holds now, by `<model>@<alias>`; models also by the names that they had before and nobody has now. */
export async function versionsHeld({ state }: RegistryServices): Promise<Map<string, { model: string; version: number }>> {
  const rows = await state.all<{
    called: string;
    model: string;
    alias: string;
    version: number;
  }>(sql`select m.name as called, m.name as model, a.alias, a.version
      from registry_alias a join registry_model m on m.id = a.model where m.deleted_ms is null
    union all select f.name as called, m.name as model, a.alias, a.version
      from registry_former_name f join registry_model m on m.id = f.model join registry_alias a on a.model = m.id
      where m.deleted_ms is null and not exists (select 1 from registry_model other where other.name = f.name)
        and not exists (select 1 from registry_former_name later where later.name = f.name and later.until_ms > f.until_ms)
    order by called, alias`);
  return new Map(rows.map(({ called, model, alias, version }) => [`${called}@${alias}`, { model, version }]));
}

/** @param named the column that names the models: their ids or their names */
async function headRows(reader: Reader, keys: { model: string; version: number }[], named: Sql): Promise<HeadRow[]> {
  const rows: HeadRow[] = [];
  for (const part of padded(keys)) {
    const pairs = part.map(({ model, version }) => sql`(cast(${model} as text), cast(${version} as bigint))`);
    rows.push(
      ...(await reader.all<HeadRow>(sql`with wanted (of_model, number) as (values ${sqlJoin(pairs, ", ")})
        select v.model, m.name, v.version, v.run, v.digest, v.status, v.description, v.tags, v.actor, v.created_ms, v.updated_ms, v.deleted_ms
        from wanted cross join registry_model m cross join registry_version v
        where ${named} = of_model and v.model = m.id and v.version = number`)),
    );
  }
  return rows;
}

function factsOf(row: HeadRow): VersionFacts & VersionId {
  return {
    modelId: row.model,
    model: row.name,
    version: row.version,
    runId: row.run === "" ? undefined : row.run,
    digest: row.digest,
    status: row.status,
    description: row.description,
    tags: parse<Record<string, string>>(row.tags),
    actor: row.actor ?? undefined,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  };
}
