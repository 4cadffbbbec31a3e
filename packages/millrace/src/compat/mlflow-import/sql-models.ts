import { sql } from "#kit/sql";
import type { Reader } from "#ports/database";
import { modelStatus, text, textsOf } from "./record-values.ts";
import type { SourceModel, VersionRecord } from "./records.ts";
import type { SqlSchema } from "./sql-schema.ts";

/** A version that was deleted keeps its row and its number. */
const deletedStage = "Deleted_Internal";

/** Registered models and prompts with their versions, from MLflow's database. */
export async function* sqlModels(reader: Reader, schema: SqlSchema): AsyncGenerator<SourceModel> {
  const here = schema.workspaces ? sql` and workspace = 'default'` : sql``;
  const rows = await reader.all<Record<string, unknown>>(
    sql`select name, creation_time, last_updated_time, description from registered_models where 1 = 1${here} order by name`,
  );
  const tagsOf = textsOf(await reader.all(sql`select name as id, key, value from registered_model_tags where 1 = 1${here}`));
  for (const row of rows) {
    const name = String(row["name"]);
    const versions = await reader.all<Record<string, unknown>>(
      sql`select version, creation_time, last_updated_time, description, user_id, current_stage, source, run_id, status, run_link,
        storage_location from model_versions where name = ${name}${here} order by version`,
    );
    const versionTags = await reader.all<{ version: number; key: string; value: string | null }>(
      sql`select version, key, value from model_version_tags where name = ${name}${here}`,
    );
    const versionTagsOf = textsOf(versionTags.map((tag) => ({ ...tag, id: String(tag.version) })));
    const aliases = await reader.all<{ alias: string; version: number }>(
      sql`select alias, version from registered_model_aliases where name = ${name}${here} order by alias`,
    );
    const standing = versions.filter((version) => version["current_stage"] !== deletedStage);
    yield {
      record: {
        name,
        description: text(row["description"]),
        createdMs: Number(row["creation_time"] ?? 0),
        updatedMs: Number(row["last_updated_time"] ?? row["creation_time"] ?? 0),
        tags: tagsOf(name),
        aliases: Object.fromEntries(aliases.map(({ alias, version }) => [alias, Number(version)])),
        versions: standing.map((version) => versionOf(version, versionTagsOf(text(version["version"])))),
      },
      locations: Object.fromEntries(standing.map((each) => [Number(each["version"]), text(each["storage_location"]) || text(each["source"])])),
      lastVersion: Math.max(0, ...versions.map((version) => Number(version["version"]))),
    };
  }
}

function versionOf(row: Record<string, unknown>, tags: Record<string, string>): VersionRecord {
  return {
    version: Number(row["version"]),
    createdMs: Number(row["creation_time"] ?? 0),
    updatedMs: Number(row["last_updated_time"] ?? row["creation_time"] ?? 0),
    description: text(row["description"]),
    user: text(row["user_id"]),
    stage: text(row["current_stage"]) || "None",
    source: text(row["source"]),
    run: text(row["run_id"]),
    status: modelStatus(row["status"]),
    runLink: text(row["run_link"]),
    tags,
  };
}
