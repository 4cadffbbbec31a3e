import { z } from "zod";
import { modelDigest } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { type ModelVersion, newModelSchema, newVersionSchema, type RegistryServices } from "./model.ts";
import { renderCards } from "./card.ts";
import { deletedVersions, findVersion, insertModel, insertVersion, lockModel, replaceVersion, reviveModel, saveTaggedModel } from "./store.ts";

const timeSchema = z.int().min(0);
const adoptedModelSchema = newModelSchema.extend({ createdMs: timeSchema, updatedMs: timeSchema, lastVersion: z.int().min(0) });
const adoptedVersionSchema = newVersionSchema.omit({ model: true, again: true }).extend({
  ...{ version: z.int().min(1), createdMs: timeSchema },
  /** `createdMs` unless told. */
  updatedMs: timeSchema.optional(),
});

/** A model as it stood elsewhere; `lastVersion` is the greatest number that a version of it ever had there. */
export type AdoptedModel = z.input<typeof adoptedModelSchema>;
export type AdoptedVersion = z.input<typeof adoptedVersionSchema>;

/**
 * Takes in a model as it stood elsewhere, with its versions, their numbers and times. What stands here of the name gets these values;
 * versions that are not among these stay, and nobody is told: nothing happened now. Durable when resolved, all of it or nothing. Throws `invalid_argument` for what cannot be kept.
 */
export async function adoptModel({ state, clock }: RegistryServices, model: AdoptedModel, versions: AdoptedVersion[] = []): Promise<void> {
  const { name, description, tags, createdMs, updatedMs, lastVersion } = parseArgument(adoptedModelSchema, "model", model);
  const adopted = versions.map((version) => made(name, version));
  await state.write(async (transaction) => {
    await insertModel(transaction, { name, description, tags }, clock.now());
    await reviveModel(transaction, name);
    const standing = await lockModel(transaction, name);
    const deleted = new Set(await deletedVersions(transaction, standing.id));
    for (const version of adopted) {
      if (deleted.has(version.version))
        throw new AppError("conflict", `Version ${version.version} of "${name}" was deleted here, and its number is never given again.`, {
          hint: "Take the model over under another name.",
        });
      const known = await findVersion(transaction, standing, version.version);
      await (known === undefined ? insertVersion : replaceVersion)(transaction, standing.id, version);
    }
    const greatest = Math.max(lastVersion, standing.last_version, ...adopted.map(({ version }) => version));
    const changed = { description, last_version: greatest, created_ms: createdMs, updated_ms: updatedMs };
    await saveTaggedModel(transaction, { ...standing, ...changed }, tags);
    const model = await lockModel(transaction, name);
    const numbers = adopted.map(({ version }) => version);
    await renderCards(transaction, clock.now(), model, numbers, {});
  });
}

function made(model: string, version: AdoptedVersion): ModelVersion {
  const { folder, ...given } = parseArgument(adoptedVersionSchema, `version ${version.version} of "${model}"`, version);
  if (modelDigest(folder) !== folder.digest)
    throw new AppError("invalid_argument", `The digest of version ${given.version} of "${model}" does not belong to its files and signature.`, {
      hint: "Pass on the folder as it was stored.",
    });
  const { runId, profile, gate, actor } = given;
  return { ...given, ...folder, model, runId, profile, gate, actor, updatedMs: given.updatedMs ?? given.createdMs, aliases: [] };
}
