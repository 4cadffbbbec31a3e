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

interface VersionKey {
  /** The model's id. */
  model: string;
  version: number;
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
}

/** What is known of versions that are there, in the keys' order: a statement for a thousand. */
export async function headsOf(reader: Reader, keys: VersionKey[]): Promise<(VersionFacts & VersionId)[]> {
  const rows = new Map<string, HeadRow>();
  for (const part of padded(keys))
    for (const row of await reader.all<HeadRow>(sql`with wanted (model, version) as (values ${pairs(part)})
      select v.model, m.name, v.version, v.run, v.digest, v.status, v.description, v.tags, v.actor, v.created_ms, v.updated_ms
      from wanted cross join registry_version v join registry_model m on m.id = v.model where v.model = wanted.model and v.version = wanted.version`))
      rows.set(`${row.version} ${row.model}`, row);
  return keys.flatMap(({ model, version }) => {
    const row = rows.get(`${version} ${model}`);
    return row === undefined ? [] : [factsOf(row)];
  });
}

/** Adds the aliases that versions hold: a statement for a thousand models. */
export async function withAliases(reader: Reader, versions: (VersionFacts & VersionId)[]): Promise<VersionHead[]> {
  const aliases = await aliasesOfModels(reader, [...new Set(versions.map(({ modelId }) => modelId))]);
  return versions.map(({ modelId, ...version }) => ({
    ...version,
    aliases: (aliases.get(modelId) ?? []).filter(([, held]) => held === version.version).map(([alias]) => alias),
  }));
}

/** Heads of versions that stand, by their models' names; those that are not there are left out. */
export async function versionHeads({ state }: RegistryServices, wanted: { model: string; version: number }[]): Promise<VersionHead[]> {
  const ids = new Map<string, string>();
  for (const part of padded([...new Set(wanted.map(({ model }) => model))]))
    for (const row of await state.all<{ id: string; name: string }>(
      sql`select id, name from registry_model where name in ${sqlIn(part)} and deleted_ms is null`,
    ))
      ids.set(row.name, row.id);
  const keys = wanted.flatMap(({ model, version }) => (ids.has(model) ? [{ model: ids.get(model)!, version }] : []));
  return withAliases(state, await headsOf(state, keys));
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

/** Which version every alias of every model holds now, by `<model>@<alias>`. */
export async function versionsHeld({ state }: RegistryServices): Promise<Map<string, { model: string; version: number }>> {
  const rows = await state.all<{ model: string; alias: string; version: number }>(sql`select m.name as model, a.alias, a.version
    from registry_alias a join registry_model m on m.id = a.model where m.deleted_ms is null order by m.name, a.alias`);
  return new Map(rows.map(({ model, alias, version }) => [`${model}@${alias}`, { model, version }]));
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

function pairs(keys: VersionKey[]): Sql {
  return sqlJoin(
    keys.map(({ model, version }) => sql`(cast(${model} as text), cast(${version} as bigint))`),
    ", ",
  );
}
