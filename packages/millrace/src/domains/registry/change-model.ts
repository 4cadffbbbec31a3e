import { z } from "zod";
import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import type { Reader } from "#ports/database";
import { renderCards } from "./card.ts";
import { describeModels } from "./describe-models.ts";
import { type AliasLoss, dropAliases } from "./set-alias.ts";
import { newModelSchema, type RegisteredModel, type RegistryServices } from "./model.ts";
import {
  activeModel,
  aliasesOf,
  findModel,
  formerNames,
  insertModel,
  lockModel,
  lockNamed,
  markUpdated,
  markVersionsDeleted,
  type ModelRow,
  noteFormerName,
  saveModel,
  saveTaggedModel,
} from "./store.ts";
import { tell, tellTags } from "./tell.ts";

/** Makes a model without versions. Throws `conflict` where one has the name. */
export async function createModel(services: RegistryServices, model: z.input<typeof newModelSchema>): Promise<RegisteredModel> {
  const { state, clock } = services;
  const made = parseArgument(newModelSchema, "model", model);
  const nowMs = clock.now();
  return state.write(async (transaction) => {
    const standing = await findModel(transaction, made.name);
    if (standing !== undefined && standing.deleted_ms === null)
      throw new AppError("conflict", `Model "${made.name}" exists already.`, { hint: "Use it, or choose another name." });
    if (standing === undefined) await insertModel(transaction, made, nowMs);
    else
      await saveTaggedModel(
        transaction,
        {
          ...standing, // its version numbers go on
          description: made.description,
          created_ms: nowMs,
          updated_ms: nowMs,
          deleted_ms: null,
        },
        made.tags,
      );
    const row = await activeModel(transaction, made.name);
    await tell(services, transaction, row, "model.created", { description: made.description });
    return describe(transaction, row);
  });
}

/** A model with its aliases. Throws `not_found`. */
export async function getModel({ state }: RegistryServices, name: string): Promise<RegisteredModel> {
  return describe(state, await activeModel(state, name));
}

/** Names that a model had before and nobody has now, the last first. */
export async function namesBefore({ state }: RegistryServices, name: string): Promise<string[]> {
  return formerNames(state, await activeModel(state, name));
}

const changeSchema = z.object({
  description: z.string().max(100_000).optional(),
  tags: z.record(z.string().min(1).max(250), z.string().max(100_000).nullable()).optional(),
});

/** Changes a model's description, adds tags, takes those away that are null. */
export async function updateModel(
  services: RegistryServices,
  { name, ...change }: { name: string } & z.input<typeof changeSchema>,
): Promise<RegisteredModel> {
  const { description, tags = {} } = parseArgument(changeSchema, "change of the model", change);
  const { state, clock } = services;
  return state.write(async (transaction) => {
    const standing = await lockModel(transaction, name);
    const before = JSON.parse(standing.tags) as Record<string, string>; // written by this domain
    const merged = changedTags(before, tags);
    // As of versions: tags are found by themselves, and do not make a model the last that changed.
    const changed = description === undefined ? {} : { description, updated_ms: clock.now() };
    await saveTaggedModel(transaction, { ...standing, ...changed }, merged);
    const row = await activeModel(transaction, name);
    if (row.description !== standing.description) {
      await renderCards(transaction, clock.now(), row, "all");
      await tell(services, transaction, row, "model.description-changed", { description: row.description });
    }
    await tellTags(services, transaction, row, { standing: before, change: tags });
    return describe(transaction, row);
  });
}

/**
 * Gives a model another name; its versions, aliases, their history and all else that is known of it go with it. The old name goes on
 * meaning it until a model is made with that. Throws `conflict` where a model, even a deleted one, has the new name.
 */
export async function renameModel(services: RegistryServices, { name, newName }: { name: string; newName: string }): Promise<RegisteredModel> {
  const { state, clock } = services;
  parseArgument(newModelSchema, "model", { name: newName });
  return state.write(async (transaction) => {
    const standing = await lockNamed(transaction, name);
    if (newName !== name && (await findModel(transaction, newName)) !== undefined)
      throw new AppError("conflict", `Model "${newName}" exists already.`, { hint: "Choose another name." });
    const nowMs = clock.now();
    await saveModel(transaction, { ...standing, name: newName, updated_ms: nowMs });
    await markUpdated(transaction, standing.id, "all", nowMs);
    const row = await activeModel(transaction, newName);
    if (newName !== name) {
      await noteFormerName(transaction, standing, clock.now());
      for (const follower of services.followers ?? []) await follower.renamed?.(transaction, { model: name, newName });
      await renderCards(transaction, clock.now(), row, "all");
      await tell(services, transaction, row, "model.renamed", { previous: name });
    }
    return describe(transaction, row);
  });
}

/** Deletes a model with its versions. Throws `conflict` while an alias holds one of them, unless these shall be taken away `withAliases`. */
export async function deleteModel(services: RegistryServices, name: string, { withAliases }: { withAliases?: AliasLoss } = {}): Promise<void> {
  const { state, clock } = services;
  await state.write(async (transaction) => {
    const model = await lockNamed(transaction, name);
    const aliases = await aliasesOf(transaction, model.id);
    const [alias, version] = Object.entries(aliases)[0] ?? [];
    if (withAliases !== undefined) await dropAliases(services, transaction, model, aliases, withAliases);
    else if (alias !== undefined)
      throw new AppError("conflict", `Model "${name}" cannot be deleted while ${name}@${alias} is version ${version}.`, {
        hint: "Remove the alias first.",
      });
    await markVersionsDeleted(transaction, model.id, "all", clock.now());
    await saveModel(transaction, { ...model, deleted_ms: clock.now() });
    for (const follower of services.followers ?? []) await follower.deleted?.(transaction, { model: name });
    await tell(services, transaction, model, "model.deleted", {});
  });
}

export function changedTags(standing: Record<string, string>, change: Record<string, string | null>): Record<string, string> {
  const entries = Object.entries({ ...standing, ...change });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null));
}

async function describe(reader: Reader, row: ModelRow): Promise<RegisteredModel> {
  return (await describeModels(reader, [row]))[0]!; // one for each
}
