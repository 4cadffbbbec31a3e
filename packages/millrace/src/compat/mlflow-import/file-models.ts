import { join } from "node:path";
import { modelStatus } from "./record-values.ts";
import type { SourceModel, VersionRecord } from "./records.ts";
import { foldersIn, type Meta, metaNumber, metaText, readMeta, readTexts } from "./store-files.ts";

/** Registered models and prompts of a file store. */
export async function* fileModels(folder: string): AsyncGenerator<SourceModel> {
  for (const entry of await foldersIn(folder)) {
    const meta = await readMeta(join(folder, entry));
    if (meta === undefined) continue;
    const versions: VersionRecord[] = [];
    const locations: Record<number, string> = {};
    let lastVersion = 0;
    for (const name of await foldersIn(join(folder, entry))) {
      const number = Number(/^version-(\d+)$/.exec(name)?.[1] ?? 0);
      const version = number === 0 ? undefined : await readMeta(join(folder, entry, name));
      if (version === undefined) continue;
      lastVersion = Math.max(lastVersion, number);
      if (metaText(version, "current_stage") === "Deleted_Internal") continue;
      versions.push(versionOf(number, version, await readTexts(join(folder, entry, name, "tags"))));
      locations[number] = metaText(version, "storage_location") || metaText(version, "source");
    }
    const aliases = await readTexts(join(folder, entry, "aliases"));
    const createdMs = metaNumber(meta, "creation_timestamp") ?? 0;
    yield {
      record: {
        ...{ name: metaText(meta, "name") || entry, description: metaText(meta, "description"), createdMs },
        updatedMs: metaNumber(meta, "last_updated_timestamp") ?? createdMs,
        tags: await readTexts(join(folder, entry, "tags")),
        aliases: Object.fromEntries(Object.entries(aliases).map(([alias, version]) => [alias, Number(version)])),
        versions: versions.sort((a, b) => a.version - b.version),
      },
      ...{ locations, lastVersion },
    };
  }
}

function versionOf(version: number, meta: Meta, tags: Record<string, string>): VersionRecord {
  const text = (name: string) => metaText(meta, name);
  const createdMs = metaNumber(meta, "creation_timestamp") ?? 0;
  return {
    ...{ version, tags, createdMs, updatedMs: metaNumber(meta, "last_updated_timestamp") ?? createdMs, description: text("description") },
    ...{ user: text("user_id"), stage: text("current_stage") || "None", source: text("source"), run: text("run_id") },
    ...{ status: modelStatus(text("status")), runLink: text("run_link") },
  };
}
