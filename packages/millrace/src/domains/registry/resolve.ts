import { AppError } from "#kit/app-error";
import type { ModelVersion, RegistryServices } from "./model.ts";
import { activeModel, aliasesOf, findVersion, latestVersion } from "./store.ts";
import { versionNotFound } from "./version-not-found.ts";

/**
 * The version that a reference means: `late-arrival@3`, `late-arrival@champion`, `late-arrival@latest` (the newest), or
 * `late-arrival` alone: the champion, or the newest while there is no champion. Throws `not_found`, with what there is.
 */
export async function resolve({ state }: RegistryServices, reference: string): Promise<ModelVersion> {
  const at = reference.indexOf("@");
  const name = at < 0 ? reference : reference.slice(0, at);
  const wanted = at < 0 ? undefined : reference.slice(at + 1);
  const model = await activeModel(state, name);
  const aliases = await aliasesOf(state, model.id);
  const newest = () => latestVersion(state, model.id);

  let version: number | undefined;
  if (wanted === undefined) version = aliases["champion"] ?? (await newest());
  else if (wanted === "latest") version = await newest();
  else if (/^\d{1,15}$/.test(wanted)) version = Number(wanted);
  else if (Object.hasOwn(aliases, wanted)) version = aliases[wanted];
  else {
    const known = Object.keys(aliases).map((alias) => `${name}@${alias}`);
    throw new AppError("not_found", `Model "${name}" has no alias "${wanted}".`, {
      hint: known.length > 0 ? `It has: ${known.join(", ")}.` : `Name a version, such as ${name}@${(await newest()) ?? 1}.`,
    });
  }
  if (version === undefined) throw new AppError("not_found", `Model "${name}" has no versions.`, { hint: "Register one first." });
  const found = await findVersion(state, model, version);
  if (found === undefined) throw versionNotFound(name, version);
  return found;
}
