import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import type { Transaction } from "#ports/database";
import { renderCards } from "./card.ts";
import { changedTags } from "./change-model.ts";
import { type ModelVersion, type RegistryServices, type VersionChange, versionChangeSchema } from "./model.ts";
import { activeModel, findVersion, lockModel, lockNamed, markUpdated, markVersionsDeleted, saveModel, saveVersion, versionsOf } from "./store.ts";
import { type AliasLoss, dropAliases } from "./set-alias.ts";
import { tell, tellGate, tellTags } from "./tell.ts";
import { versionNotFound } from "./version-not-found.ts";

/** A version by number. Throws `not_found`. */
export async function getVersion({ state }: RegistryServices, model: string, version: number): Promise<ModelVersion> {
  const found = await findVersion(state, await activeModel(state, model), version);
  if (found === undefined) throw versionNotFound(model, version);
  return found;
}

/** Versions of a model, newest first; pages go on `below` a number. */
export async function listVersions(
  { state }: RegistryServices,
  { model, below = Number.MAX_SAFE_INTEGER, limit = 100 }: { model: string; below?: number; limit?: number },
): Promise<ModelVersion[]> {
  return versionsOf(state, await activeModel(state, model), below, limit);
}

/** Changes status, description, tags, metrics, gate report or profile of a version; what it is made of never changes. */
export async function updateVersion(services: RegistryServices, change: VersionChange): Promise<ModelVersion> {
  const { model: name, version, tags = {}, metrics, ...rest } = parseArgument(versionChangeSchema, "change of the version", change);
  const { state, clock } = services;
  const evidence = await services.evidence?.({ ...(await getVersion(services, name, version)), ...(rest.gate && { gate: rest.gate }) });
  return state.write(async (transaction) => {
    const model = await lockModel(transaction, name);
    const standing = await findVersion(transaction, model, version);
    if (standing === undefined) throw versionNotFound(name, version);
    const next: ModelVersion = {
      ...standing,
      status: rest.status ?? standing.status,
      description: rest.description ?? standing.description,
      updatedMs: rest.description === undefined ? standing.updatedMs : clock.now(),
      gate: rest.gate ?? standing.gate,
      profile: rest.profile ?? standing.profile,
      metrics: { ...standing.metrics, ...metrics },
      tags: changedTags(standing.tags, tags),
    };
    await saveVersion(transaction, model.id, next);
    await renderCards(transaction, clock.now(), model, [version], evidence);
    if (next.status !== standing.status)
      await tell(services, transaction, model, "version.status-changed", { version, status: next.status, previous: standing.status });
    if (next.description !== standing.description)
      await tell(services, transaction, model, "version.description-changed", { version, description: next.description });
    await tellTags(services, transaction, model, { version, standing: standing.tags, change: tags });
    if (rest.gate !== undefined) await tellGate(services, transaction, model, version, rest.gate);
    return next;
  });
}

/** Notes, in the transaction of whoever keeps something else of a version, that what describes it changed, and with it its model. */
export async function touchVersion(
  { clock }: RegistryServices,
  transaction: Transaction,
  { model: name, version, atMs = clock.now() }: { model: string; version: number; atMs?: number },
): Promise<void> {
  const model = await activeModel(transaction, name);
  await markUpdated(transaction, model.id, version, atMs);
  await saveModel(transaction, { ...model, updated_ms: atMs });
}

/** Deletes a version; its number is never given again. Throws `conflict` while an alias holds it, unless these shall be taken away `withAliases`. */
export async function deleteVersion(
  services: RegistryServices,
  { model: name, version, withAliases }: { model: string; version: number; withAliases?: AliasLoss },
): Promise<void> {
  const { state, clock } = services;
  await state.write(async (transaction) => {
    const model = await lockNamed(transaction, name);
    const standing = await findVersion(transaction, model, version);
    if (standing === undefined) throw versionNotFound(name, version);
    const aliases = Object.fromEntries(standing.aliases.map((alias) => [alias, version]));
    if (withAliases !== undefined) await dropAliases(services, transaction, model, aliases, withAliases);
    else if (standing.aliases.length > 0)
      throw new AppError(
        "conflict",
        `Version ${version} of "${name}" cannot be deleted: it is ${standing.aliases.map((alias) => `${name}@${alias}`).join(", ")}.`,
        {
          hint: "Move or remove the alias first.",
        },
      );
    const nowMs = clock.now();
    await markVersionsDeleted(transaction, model.id, version, nowMs);
    await saveModel(transaction, { ...model, updated_ms: nowMs });
    for (const follower of services.followers ?? []) await follower.deleted?.(transaction, { model: name, version });
    await tell(services, transaction, model, "version.deleted", { version });
  });
}
