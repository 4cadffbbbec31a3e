import type { RegisteredModel } from "#domains/registry";
import type { MlflowServices } from "./endpoint.ts";
import { invalid } from "./protocol.ts";
import { latestVersions } from "./registry-reads.ts";

/** The number of the version that `models:/name/<version>` or `models:/name@<alias>` means. Throws where there is none. */
export async function numberMeant(services: MlflowServices, model: RegisteredModel, { version, alias }: { version?: string; alias?: string }) {
  if (alias !== undefined) {
    if (!Object.hasOwn(model.aliases, alias)) throw invalid(`Registered model alias ${alias} not found.`);
    return model.aliases[alias]!; // just asked
  }
  if (/^\d{1,15}$/.test(version ?? "")) return Number(version);
  const newest = (await latestVersions(services, [model])).get(model.name) ?? [];
  const wanted = version?.toLowerCase() ?? "";
  const found = newest.filter(({ stage }) => wanted === "latest" || stage.toLowerCase() === wanted).map((each) => each.version);
  if (found.length > 0) return Math.max(...found);
  throw invalid(`No versions of model with name '${model.name}'${wanted === "latest" ? "" : ` and stage '${version}'`} found`);
}
