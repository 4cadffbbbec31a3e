import { getModel, getVersion, type RegisteredModel, type VersionFacts, versionFacts, versionNumbers } from "#domains/registry";
import { AppError } from "#kit/app-error";
import type { MlflowServices } from "./endpoint.ts";
import { checkName } from "./limits.ts";
import { absent, invalid } from "./protocol.ts";
import { type Fields, missing, needText, text } from "./request.ts";
import { rowsOfVersions, stagedVersions } from "./version-rows.ts";
import { type KnownHead, type KnownVersion, knownVersions, type VersionPlace } from "./wire-model.ts";

/** The model's name, checked as MLflow does. */
export function needModel(fields: Fields, field = "name"): string {
  const name = text(fields, field);
  if (name === undefined || name.trim() === "") throw missing(field);
  if (/[/:]/.test(name)) throw invalid(`Invalid model name '${name}'. Names cannot contain '/' or ':'.`);
  if (name === "." || name === "..") checkName(name, "name");
  return name;
}

export function needVersion(fields: Fields): number {
  const version = needText(fields, "version");
  if (!/^-?\d{1,15}$/.test(version)) throw invalid(`Parameter 'version' must be an integer, got '${version}'.`);
  return Number(version);
}

/** The model of a name. One that had it before is not found: to MLflow a renamed model has its new name alone. */
export async function findModel({ registry }: MlflowServices, name: string): Promise<RegisteredModel> {
  const model = await getModel(registry, name).catch((error: unknown) => {
    if (!notFound(error)) throw error;
  });
  if (model?.name === name) return model;
  throw absent(`Registered Model with name=${name} not found`);
}

export async function findVersion({ registry, tracking }: MlflowServices, name: string, version: number): Promise<KnownVersion> {
  const found = await getVersion(registry, name, version).catch((error: unknown) => {
    if (!notFound(error)) throw error;
  });
  if (found?.model !== name) throw noVersion(name, version);
  const [known] = await knownVersions(tracking, [found], await rowsOfVersions(registry.state, [found]));
  return known!; // one for each
}

/** What is known of some versions, in their order. */
export async function knownHeads<Version extends VersionFacts>(
  { registry, tracking }: MlflowServices,
  heads: Version[],
): Promise<(Version & VersionPlace)[]> {
  return knownVersions(tracking, heads, await rowsOfVersions(registry.state, heads));
}

/** The newest version of each stage, for each of some models; the stage that has the oldest version comes first. */
export async function latestVersions(
  services: MlflowServices,
  models: Pick<RegisteredModel, "name" | "latest" | "aliases">[],
): Promise<Map<string, KnownHead[]>> {
  const { registry } = services;
  const stages = new Map<string, Map<number, string>>();
  for (const { model, version, stage } of await stagedVersions(
    registry.state,
    models.map(({ name }) => name),
  ))
    stages.set(model, (stages.get(model) ?? new Map<number, string>()).set(version, stage));
  const numbers = await versionNumbers(registry, [...stages.keys()]); // where no version has a stage, the newest stands for all
  const wanted = models.flatMap(({ name, latest }) => {
    const staged = stages.get(name);
    const versions = staged === undefined ? (latest ?? []) : newestOf(numbers.get(name) ?? [], (version) => staged.get(version) ?? "None");
    return [versions].flat().map((version) => ({ model: name, version }));
  });
  const aliases = new Map(models.map((model) => [model.name, Object.entries(model.aliases)]));
  const found = new Map<string, KnownHead[]>();
  for (const known of await knownHeads(services, await versionFacts(registry, wanted))) {
    const held = aliases.get(known.model)!.filter(([, version]) => version === known.version); // of one of the models
    found.set(known.model, [...(found.get(known.model) ?? []), { ...known, aliases: held.map(([alias]) => alias) }]);
  }
  return found;
}

function newestOf(numbers: number[], stageOf: (version: number) => string): number[] {
  const newest = new Map<string, number>();
  for (const version of numbers) newest.set(stageOf(version), version); // oldest first; a stage keeps its first place
  return [...newest.values()];
}

export function noVersion(name: string, version: number): AppError {
  return absent(`Model Version (name=${name}, version=${version}) not found`);
}

export function notFound(error: unknown): boolean {
  return error instanceof AppError && error.code === "not_found";
}
