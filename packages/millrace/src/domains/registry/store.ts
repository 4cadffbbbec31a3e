import { AppError } from "#kit/app-error";
import { newId } from "#kit/id";
import { padded, sql, sqlIn } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import { saveTags } from "./tag-rows.ts";
import type { AliasChange, DataVersion, ModelVersion, RegisteredModel, VersionStatus } from "./model.ts";

// Models

export interface ModelRow {
  id: string;
  name: string;
  description: string;
  tags: string;
  last_version: number;
  created_ms: number;
  updated_ms: number;
  deleted_ms: number | null;
}

export const modelColumns = sql`id, name, description, tags, last_version, created_ms, updated_ms, deleted_ms`;

export async function findModel(reader: Reader, name: string): Promise<ModelRow | undefined> {
  return reader.get<ModelRow>(sql`select ${modelColumns} from registry_model where name = ${name}`);
}

/** The row of the model that a name means: the one that has it, else the one that had it last. Throws `not_found` for an unknown or deleted one. */
export async function activeModel(reader: Reader, name: string): Promise<ModelRow> {
  const row = (await findModel(reader, name)) ?? (await renamedModel(reader, name));
  if (row === undefined || row.deleted_ms !== null) throw new AppError("not_found", `There is no model "${name}".`, { hint: "millrace models list" });
  return row;
}

/**
 * As `activeModel`, and the row stands still until the transaction ends: what a change of a model's versions or aliases begins
 * with, where PostgreSQL would let two that read the same rows run into each other's keys.
 */
export async function lockModel(transaction: Transaction, name: string): Promise<ModelRow> {
  const held = await transaction.run(sql`update registry_model set updated_ms = updated_ms where name = ${name}`);
  if (held === 0)
    await transaction.run(sql`update registry_model set updated_ms = updated_ms where id = ${(await renamedModel(transaction, name))?.id}`);
  return activeModel(transaction, name);
}

/** As `lockModel`, by the name that the model has now: for what should not be done by mistake. */
export async function lockNamed(transaction: Transaction, name: string): Promise<ModelRow> {
  const model = await lockModel(transaction, name);
  if (model.name === name) return model;
  throw new AppError("not_found", `There is no model "${name}": its name is "${model.name}" now.`, { hint: "Call it by that." });
}

/** The model that had a name last and has another now. */
export async function renamedModel(reader: Reader, name: string): Promise<ModelRow | undefined> {
  return reader.get<ModelRow>(sql`select ${modelColumns} from registry_model where deleted_ms is null
    and id = (select model from registry_former_name where name = ${name} order by until_ms desc, model limit 1)`);
}

/** Names that a model had before and nobody has now, the last first. */
export async function formerNames(reader: Reader, model: ModelRow): Promise<string[]> {
  const rows = await reader.all<{ name: string }>(sql`select name, max(until_ms) as until_ms from registry_former_name f
    where model = ${model.id} and not exists (select 1 from registry_model m where m.name = f.name) group by name order by 2 desc, name`);
  return rows.map(({ name }) => name);
}

export async function noteFormerName(transaction: Transaction, model: ModelRow, untilMs: number): Promise<void> {
  await transaction.run(sql`insert into registry_former_name (model, name, until_ms) values (${model.id}, ${model.name}, ${untilMs})
    on conflict (name, until_ms, model) do nothing`);
}

/** Makes a model, unless there is one of the name, deleted or not. */
export async function insertModel(
  transaction: Transaction,
  { name, description, tags }: { name: string; description: string; tags: Record<string, string> },
  nowMs: number,
): Promise<void> {
  const id = newId();
  const made = await transaction.run(sql`insert into registry_model (id, name, description, tags, last_version, created_ms, updated_ms)
    values (${id}, ${name}, ${description}, ${JSON.stringify(tags)}, 0, ${nowMs}, ${nowMs}) on conflict (name) do nothing`);
  if (made > 0) await saveTags(transaction, id, "model", tags);
}

/** Takes a deletion back, of the model alone. */
export async function reviveModel(transaction: Transaction, name: string): Promise<void> {
  await transaction.run(sql`update registry_model set deleted_ms = null where name = ${name}`);
}

export async function saveModel(transaction: Transaction, model: ModelRow): Promise<void> {
  await transaction.run(sql`update registry_model set name = ${model.name}, description = ${model.description}, tags = ${model.tags}, last_version = ${model.last_version},
    created_ms = ${model.created_ms}, updated_ms = ${model.updated_ms}, deleted_ms = ${model.deleted_ms} where id = ${model.id}`);
}

/** As `saveModel`, with other tags. */
export async function saveTaggedModel(transaction: Transaction, model: Omit<ModelRow, "tags">, tags: Record<string, string>): Promise<void> {
  await saveModel(transaction, { ...model, tags: JSON.stringify(tags) });
  await saveTags(transaction, model.id, "model", tags);
}

export function parseModel(row: ModelRow, aliases: Record<string, number>, latest: number | undefined): RegisteredModel {
  return {
    name: row.name,
    description: row.description,
    tags: parse<Record<string, string>>(row.tags),
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
    aliases,
    latest,
  };
}

// Versions

interface VersionRow {
  version: number;
  run: string;
  digest: string;
  format: string;
  signature: string;
  files: string;
  profile: string | null;
  metrics: string;
  gate: string | null;
  data: string;
  status: VersionStatus;
  description: string;
  tags: string;
  actor: string | null;
  created_ms: number;
  updated_ms: number;
}

const versionColumns = sql`version, run, digest, format, signature, files, profile, metrics, gate, data, status, description, tags, actor, created_ms, updated_ms`;

export async function insertVersion(transaction: Transaction, modelId: string, version: ModelVersion): Promise<void> {
  await transaction.run(sql`insert into registry_version (model, ${versionColumns}) values (${modelId}, ${version.version},
    ${version.runId ?? ""}, ${version.digest}, ${version.format}, ${JSON.stringify(version.signature)}, ${JSON.stringify(version.files)},
    ${version.profile}, ${metricsJson(version.metrics)}, ${version.gate && JSON.stringify(version.gate)}, ${JSON.stringify(version.data)},
    ${version.status}, ${version.description}, ${JSON.stringify(version.tags)}, ${version.actor}, ${version.createdMs}, ${version.updatedMs})`);
  await saveTags(transaction, modelId, version.version, version.tags);
}

/** Saves what may change of a version. */
export async function saveVersion(transaction: Transaction, modelId: string, version: ModelVersion): Promise<void> {
  await transaction.run(sql`update registry_version set status = ${version.status}, description = ${version.description},
    tags = ${JSON.stringify(version.tags)}, metrics = ${metricsJson(version.metrics)}, gate = ${version.gate && JSON.stringify(version.gate)},
    profile = ${version.profile}, updated_ms = ${version.updatedMs} where model = ${modelId} and version = ${version.version}`);
  await saveTags(transaction, modelId, version.version, version.tags);
}

/** Notes when what describes a version, or all of a model, last changed. */
export async function markUpdated(transaction: Transaction, modelId: string, version: number | "all", atMs: number): Promise<void> {
  const which = version === "all" ? sql`deleted_ms is null` : sql`version = ${version}`;
  await transaction.run(sql`update registry_version set updated_ms = ${atMs} where model = ${modelId} and ${which}`);
}

/** Numbers that are not given again. */
export async function deletedVersions(reader: Reader, modelId: string): Promise<number[]> {
  const rows = await reader.all<{ version: number }>(sql`select version from registry_version where model = ${modelId} and deleted_ms is not null`);
  return rows.map(({ version }) => version);
}

/** Saves all of a version that stands, also what it is made of: for one that is taken over from elsewhere. */
export async function replaceVersion(transaction: Transaction, modelId: string, version: ModelVersion): Promise<void> {
  await saveVersion(transaction, modelId, version);
  await transaction.run(sql`update registry_version set run = ${version.runId ?? ""}, digest = ${version.digest}, format = ${version.format},
    signature = ${JSON.stringify(version.signature)}, files = ${JSON.stringify(version.files)}, actor = ${version.actor},
    created_ms = ${version.createdMs} where model = ${modelId} and version = ${version.version}`);
}

export async function markVersionsDeleted(transaction: Transaction, modelId: string, version: number | "all", nowMs: number): Promise<void> {
  const which = version === "all" ? sql` and version > 0` : sql` and version = ${version}`;
  await transaction.run(sql`update registry_version set deleted_ms = ${nowMs} where model = ${modelId} and deleted_ms is null${which}`);
  await transaction.run(sql`delete from registry_tag where model = ${modelId}${which}`);
}

export async function findVersion(reader: Reader, model: ModelRow, version: number): Promise<ModelVersion | undefined> {
  const row = await reader.get<VersionRow>(
    sql`select ${versionColumns} from registry_version where model = ${model.id} and version = ${version} and deleted_ms is null`,
  );
  return row && parseVersion(row, model, await aliasesOf(reader, model.id));
}

/** The first version that a run registered with this digest. */
export async function findRegistration(
  reader: Reader,
  model: ModelRow,
  runId: string | undefined,
  digest: string,
): Promise<ModelVersion | undefined> {
  const row = await reader.get<{ version: number }>(
    sql`select version from registry_version where model = ${model.id} and run = ${runId ?? ""} and digest = ${digest} and deleted_ms is null
      order by version limit 1`,
  );
  return row && findVersion(reader, model, row.version);
}

/** Versions, newest first, below a number. */
export async function versionsOf(reader: Reader, model: ModelRow, below: number, limit: number): Promise<ModelVersion[]> {
  const rows = await reader.all<VersionRow>(sql`select ${versionColumns} from registry_version
    where model = ${model.id} and deleted_ms is null and version < ${below} order by version desc limit ${limit}`);
  const aliases = await aliasesOf(reader, model.id);
  return rows.map((row) => parseVersion(row, model, aliases));
}

/** Versions by number, in the numbers' order. */
export async function versionsNumbered(reader: Reader, model: ModelRow, numbers: number[]): Promise<ModelVersion[]> {
  const rows = new Map<number, VersionRow>();
  for (const part of padded(numbers))
    for (const row of await reader.all<VersionRow>(
      sql`select ${versionColumns} from registry_version where model = ${model.id} and version in ${sqlIn(part)} and deleted_ms is null`,
    ))
      rows.set(row.version, row);
  const aliases = await aliasesOf(reader, model.id);
  return numbers.flatMap((number) => (rows.has(number) ? [parseVersion(rows.get(number)!, model, aliases)] : []));
}

export async function latestVersion(reader: Reader, modelId: string): Promise<number | undefined> {
  const row = await reader.get<{ version: number | null }>(
    sql`select max(version) as version from registry_version where model = ${modelId} and deleted_ms is null`,
  );
  return row?.version ?? undefined;
}

function parseVersion(row: VersionRow, model: ModelRow, aliases: Record<string, number>): ModelVersion {
  return {
    model: model.name,
    version: row.version,
    runId: row.run === "" ? undefined : row.run,
    digest: row.digest,
    format: row.format,
    signature: parse<ModelVersion["signature"]>(row.signature),
    files: parse<ModelVersion["files"]>(row.files),
    profile: row.profile ?? undefined,
    metrics: parseMetrics(row.metrics),
    gate: row.gate === null ? undefined : parse<Record<string, unknown>>(row.gate),
    data: parse<DataVersion[]>(row.data),
    status: row.status,
    description: row.description,
    tags: parse<Record<string, string>>(row.tags),
    actor: row.actor ?? undefined,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
    aliases: Object.keys(aliases).filter((alias) => aliases[alias] === row.version),
  };
}

/** JSON has no NaN and no infinities: they are stored as text. */
function metricsJson(metrics: Record<string, number>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(metrics).map(([key, value]) => [key, Number.isFinite(value) ? value : String(value)])));
}

function parseMetrics(json: string): Record<string, number> {
  return Object.fromEntries(Object.entries(parse<Record<string, number | string>>(json)).map(([key, value]) => [key, Number(value)]));
}

// Aliases

/** Alias → version, in order of the aliases' names. */
export async function aliasesOf(reader: Reader, modelId: string): Promise<Record<string, number>> {
  const rows = await reader.all<{ alias: string; version: number }>(
    sql`select alias, version from registry_alias where model = ${modelId} order by alias`,
  );
  return Object.fromEntries(rows.map((row) => [row.alias, row.version]));
}

export interface AliasRow {
  version: number;
  seq: number;
}

export async function findAlias(reader: Reader, modelId: string, alias: string): Promise<AliasRow | undefined> {
  return reader.get<AliasRow>(sql`select version, seq from registry_alias where model = ${modelId} and alias = ${alias}`);
}

interface AliasChangeRow {
  alias: string;
  kind: AliasChange["kind"];
  version: number | null;
  previous: number | null;
  actor: string;
  reason: string;
  gate: string | null;
  at_ms: number;
}

/** All moves of an alias, oldest first. */
export async function aliasChanges(reader: Reader, modelId: string, alias: string): Promise<AliasChange[]> {
  const rows = await reader.all<AliasChangeRow>(sql`select alias, kind, version, previous, actor, reason, gate, at_ms
    from registry_alias_change where model = ${modelId} and alias = ${alias} order by seq`);
  return rows.map((row, i) => ({
    alias: row.alias,
    kind: row.kind,
    version: row.version ?? undefined,
    previous: row.previous ?? undefined,
    actor: row.actor,
    reason: row.reason,
    gate: row.gate ?? undefined,
    fromMs: row.at_ms,
    untilMs: rows[i + 1]?.at_ms,
  }));
}

/** Moves an alias, or takes it away where `version` is undefined, and writes the move down. */
export async function moveAlias(transaction: Transaction, modelId: string, change: Omit<AliasChange, "untilMs">): Promise<void> {
  const { alias, kind, version, previous, actor, reason, gate, fromMs } = change;
  const last = await transaction.get<{ seq: number | null }>(
    sql`select max(seq) as seq from registry_alias_change where model = ${modelId} and alias = ${alias}`,
  );
  const seq = (last?.seq ?? 0) + 1;
  await transaction.run(sql`insert into registry_alias_change (model, alias, seq, kind, version, previous, actor, reason, gate, at_ms)
    values (${modelId}, ${alias}, ${seq}, ${kind}, ${version}, ${previous}, ${actor}, ${reason}, ${gate}, ${fromMs})`);
  if (version === undefined) await transaction.run(sql`delete from registry_alias where model = ${modelId} and alias = ${alias}`);
  else
    await transaction.run(sql`insert into registry_alias (model, alias, version, seq) values (${modelId}, ${alias}, ${version}, ${seq})
      on conflict (model, alias) do update set version = excluded.version, seq = excluded.seq`);
}

// `Value` is what this file wrote into the column.
export function parse<Value>(json: string): Value {
  return JSON.parse(json) as Value;
}
