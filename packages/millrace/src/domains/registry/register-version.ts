import { modelDigest } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import type { Transaction } from "#ports/database";
import { makeCard } from "./card.ts";
import { type ModelVersion, type NewVersion, newVersionSchema, type RegistryServices } from "./model.ts";
import { findModel, findRegistration, insertModel, insertVersion, lockModel, renamedModel, reviveModel, saveModel } from "./store.ts";
import { tell, tellGate } from "./tell.ts";

/**
 * Makes a version of a model, and the model where it is new. The same model, run and digest again give the version that there is
 * (`created: false`, nothing of it changed), so a step that is tried again never makes a second one; unless it asks for one `again`.
 * A name that a model had before it was renamed goes on meaning that model, so code that says it need not change the same day.
 *
 * @param alongside work in the same transaction, where a version is made
 */
export async function registerVersion(
  services: RegistryServices,
  version: NewVersion,
  alongside?: (transaction: Transaction, made: ModelVersion) => Promise<void>,
): Promise<ModelVersion & { created: boolean }> {
  const { state, clock } = services;
  const { model: name, folder, again, ...given } = parseArgument(newVersionSchema, "version", version);
  const { digest, format, signature, files } = folder;
  if (modelDigest(folder) !== digest)
    throw new AppError("invalid_argument", `The digest of the version of "${name}" does not belong to its files and signature.`, {
      hint: "Pass on the folder as `logModel` gave it.",
    });
  const nowMs = clock.now();
  const evidence = (await services.evidence?.({ runId: given.runId, gate: given.gate })) ?? {};
  return state.write(async (transaction) => {
    const known = (await findModel(transaction, name)) ?? (await renamedModel(transaction, name));
    if (known === undefined || known.name === name) {
      await insertModel(transaction, { name, description: "", tags: {} }, nowMs);
      await reviveModel(transaction, name);
    }
    const model = await lockModel(transaction, name);
    const standing = again ? undefined : await findRegistration(transaction, model, given.runId, digest);
    if (standing !== undefined) return { ...standing, created: false };
    const number = model.last_version + 1;
    const made: ModelVersion = {
      model: model.name,
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
      updatedMs: nowMs,
      aliases: [],
    };
    await insertVersion(transaction, model.id, made);
    await saveModel(transaction, { ...model, last_version: number, updated_ms: nowMs });
    await makeCard(transaction, nowMs, model, made, evidence);
    if (known === undefined || known.deleted_ms !== null)
      await tell(services, transaction, model, "model.created", { description: model.description });
    const { runId, status, description, tags, actor } = made;
    await tell(services, transaction, model, "version.created", { version: number, runId, digest, format, status, description, tags, actor });
    if (made.gate !== undefined) await tellGate(services, transaction, model, number, made.gate);
    await alongside?.(transaction, made);
    return { ...made, created: true };
  });
}
