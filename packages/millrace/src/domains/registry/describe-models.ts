import { padded, sql, sqlIn } from "#kit/sql";
import type { Reader } from "#ports/database";
import type { RegisteredModel } from "./model.ts";
import { type ModelRow, parseModel } from "./store.ts";

/** Models with their aliases and newest versions: two statements for a thousand. */
export async function describeModels(reader: Reader, rows: ModelRow[]): Promise<RegisteredModel[]> {
  const ids = rows.map(({ id }) => id);
  const aliases = await aliasesOfModels(reader, ids);
  const latest = new Map<string, number>();
  for (const part of padded(ids))
    for (const row of await reader.all<{ model: string; latest: number }>(sql`select model, max(version) as latest from registry_version
      where model in ${sqlIn(part)} and deleted_ms is null group by model`))
      latest.set(row.model, row.latest);
  return rows.map((row) => parseModel(row, Object.fromEntries(aliases.get(row.id) ?? []), latest.get(row.id)));
}

/** Alias and version of each model that has any, in order of the aliases' names. */
export async function aliasesOfModels(reader: Reader, ids: string[]): Promise<Map<string, [alias: string, version: number][]>> {
  const aliases = new Map<string, [string, number][]>();
  for (const part of padded(ids)) {
    const rows = await reader.all<{ model: string; alias: string; version: number }>(
      sql`select model, alias, version from registry_alias where model in ${sqlIn(part)} order by model, alias`,
    );
    for (const { model, alias, version } of rows) aliases.set(model, [...(aliases.get(model) ?? []), [alias, version]]);
  }
  return aliases;
}
