import { getModel, getVersion, listVersions, type RegisteredModel } from "#domains/registry";
import { AppError } from "#kit/app-error";
import type { MlflowServices } from "./endpoint.ts";
import { checkName } from "./limits.ts";
import { absent, invalid } from "./protocol.ts";
import { type Fields, missing, needText, text } from "./request.ts";
import { versionRows } from "./version-rows.ts";
import { type KnownVersion, knownVersion } from "./wire-model.ts";

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

export async function findModel({ registry }: MlflowServices, name: string): Promise<RegisteredModel> {
  return getModel(registry, name).catch((error: unknown) => {
    throw notFound(error) ? absent(`Registered Model with name=${name} not found`) : error;
  });
}

export async function findVersion({ registry, tracking }: MlflowServices, name: string, version: number): Promise<KnownVersion> {
  const found = await getVersion(registry, name, version).catch((error: unknown) => {
    throw notFound(error) ? noVersion(name, version) : error;
  });
  return knownVersion(tracking, found, (await versionRows(registry.state, [name]))(name, version));
}

/** All versions of some models, newest first within each. */
export async function versionsOf({ registry, tracking }: MlflowServices, models: string[]): Promise<KnownVersion[]> {
  const rowOf = await versionRows(registry.state, models);
  const versions: KnownVersion[] = [];
  for (const model of models) {
    for (const version of await listVersions(registry, { model, limit: 200_000 }))
      versions.push(await knownVersion(tracking, version, rowOf(model, version.version)));
  }
  return versions;
}

export function noVersion(name: string, version: number): AppError {
  return absent(`Model Version (name=${name}, version=${version}) not found`);
}

export function notFound(error: unknown): boolean {
  return error instanceof AppError && error.code === "not_found";
}
