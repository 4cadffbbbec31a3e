import { z } from "zod";
import { textTable } from "#kit/text-table";
import { activeModel, formerNames, versionsNumbered } from "./store.ts";
import { describeModels } from "./describe-models.ts";
import type { ModelVersion, RegisteredModel, RegistryServices } from "./model.ts";
import { searchModels } from "./search-models.ts";
import { searchVersions } from "./search-versions.ts";
import type { TagCondition } from "./tag-condition.ts";

const cursor = z.string().max(10_000).optional().describe("of the page before");
const tags = z
  .preprocess((value) => (typeof value === "string" ? [value] : value), z.array(z.string().min(1).max(1_000)).max(20))
  .default([])
  .describe("only those with this tag: name=value, or the name alone; all of them, where there are several");

export const modelListInput = z.object({
  containing: z.string().max(250).default("").describe("only names with this text, in any case"),
  tags,
  limit: z.coerce.number().int().min(1).max(10_000).default(1_000),
  cursor,
});
type ModelListInput = z.output<typeof modelListInput>;

export const versionListInput = z.object({
  model: z.string(),
  tags,
  limit: z.coerce.number().int().min(1).max(1_000).default(100).describe("versions at once"),
  cursor,
});
type VersionListInput = z.output<typeof versionListInput>;

/** A page of models by name. Throws `invalid_argument` for a cursor of another list. */
export async function pageOfModels(
  services: RegistryServices,
  { containing, tags: wanted, limit, cursor: from }: ModelListInput,
): Promise<{ models: RegisteredModel[]; nextCursor: string | undefined }> {
  const text = containing.toLowerCase();
  return searchModels(services, {
    where: wanted.map(tagCondition),
    ...{ limit, cursor: from },
    keep: text === "" ? undefined : (models) => models.filter(({ name }) => name.toLowerCase().includes(text)),
  });
}

/** A model with a page of its versions, newest first. Throws `not_found`, and `invalid_argument` for a cursor of another list. */
export async function pageOfVersions(
  services: RegistryServices,
  { model: name, tags: wanted, limit, cursor: from }: VersionListInput,
): Promise<RegisteredModel & { formerNames: string[]; versions: ModelVersion[]; nextCursor: string | undefined }> {
  const { state } = services;
  const row = await activeModel(state, name);
  const { versions: found, nextCursor } = await searchVersions(services, {
    where: [{ models: [row.name] }, ...wanted.map(tagCondition)],
    order: [{ by: "version", direction: "desc" }],
    ...{ limit, cursor: from },
  });
  const numbers = found.map(({ version }) => version);
  const [model] = await describeModels(state, [row]);
  return { ...model!, formerNames: await formerNames(state, row), versions: await versionsNumbered(state, row, numbers), nextCursor }; // one for each
}

/** Of texts as they stand in queries: the first = ends a tag's name. */
function tagCondition(text: string): TagCondition {
  const at = text.indexOf("=");
  return at <= 0 ? { tag: text } : { tag: text.slice(0, at), is: text.slice(at + 1) };
}

/** As a table, with how to get the rest. */
export function pageText(rows: Record<string, unknown>[], columns: string[], nextCursor: string | undefined): string {
  const more = nextCursor === undefined ? [] : ["", `There are more: --cursor ${nextCursor}`];
  return [textTable(rows, columns), ...more].join("\n");
}
