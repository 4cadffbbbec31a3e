import { modelDigest } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { type ModelVersion, type NewVersion, newVersionSchema, type RegistryServices } from "./model.ts";
import { activeModel, findRegistration, insertModel, insertVersion, reviveModel, saveModel } from "./store.ts";

/**
 * Makes a version of a model, and the model where it is new. The same model, run and digest again give the version that there is
 * (`created: false`, nothing of it changed), so a step that is tried again never makes a second one; unless it asks for one `again`.
 */
export async function registerVersion({ state, clock }: RegistryServices, version: NewVersion): Promise<ModelVersion & { created: boolean }> {
  const { model: name, folder, again, ...given } = parseArgument(newVersionSchema, "version", version);
  const { digest, format, signature, files } = folder;
  if (modelDigest(folder) !== digest)
    throw new AppError("invalid_argument", `The digest of the version of "${name}" does not belong to its files and signature.`, {
      hint: "Pass on the folder as `logModel` gave it.",
    });
  const nowMs = clock.now();
  return state.write(async (transaction) => {
    await insertModel(transaction, { name, description: "", tags: {} }, nowMs);
    await reviveModel(transaction, name);
    const model = await activeModel(transaction, name); // the row stands still since the statements above
    const standing = again ? undefined : await findRegistration(transaction, model, given.runId, digest);
    if (standing !== undefined) return { ...standing, created: false };
    const number = model.last_version + 1;
    const made: ModelVersion = {
      model: name,
      version: number,
      runId: given.runId,
      digest,
      format,
      signature,
      files,
      profile: given.profile,
      metrics: given.metrics,
      gate: given.gate,
      data: given.data,
      status: given.status,
      description: given.description,
      tags: given.tags,
      actor: given.actor,
      createdMs: nowMs,
      aliases: [],
    };
    await insertVersion(transaction, model.id, made);
    await saveModel(transaction, { ...model, last_version: number, updated_ms: nowMs });
    return { ...made, created: true };
  });
}
