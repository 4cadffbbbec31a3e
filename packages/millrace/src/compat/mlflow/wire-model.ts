import { getRun, type TrackingServices } from "#domains/tracking";
import type { ModelVersion, RegisteredModel } from "#domains/registry";
import { ifThere } from "./if-there.ts";
import { experimentLocation, runRoot } from "./places.ts";
import type { VersionRow } from "./version-rows.ts";
import { wireTexts } from "./wire-run.ts";

const statuses = { pending: "PENDING_REGISTRATION", ready: "READY", failed: "FAILED_REGISTRATION" } as const;

export const stages = ["None", "Staging", "Production", "Archived"] as const;

/** A version as MLflow knows it, with where its files are. */
export interface KnownVersion extends ModelVersion {
  source: string;
  location: string;
  loggedModel: string | undefined;
  runLink: string;
  stage: string;
  updatedMs: number;
}

/** Joins what the registry and MLflow's own row know; a version from elsewhere in Millrace has its files among its run's artifacts. */
export async function knownVersion(tracking: TrackingServices, version: ModelVersion, row: VersionRow | undefined): Promise<KnownVersion> {
  const source = row?.source ?? (await sourceOf(tracking, version));
  return {
    ...version,
    source,
    location: row?.location ?? source,
    loggedModel: row?.logged_model ?? undefined,
    runLink: row?.run_link ?? "",
    stage: row?.stage ?? "None",
    updatedMs: row?.updated_ms ?? version.createdMs,
  };
}

async function sourceOf(tracking: TrackingServices, { runId, digest }: ModelVersion): Promise<string> {
  const run = runId === undefined ? undefined : await ifThere(getRun(tracking, runId)); // runs of other stores are not
  const output = run?.outputs.find((each) => each.kind === "model" && each.digest === digest);
  if (run === undefined || output === undefined) return "";
  return `${runRoot(await experimentLocation(tracking.state, run.experiment), run.id)}/${output.name}`;
}

export function wireVersion(version: KnownVersion, { aliases = true } = {}): object {
  const tags = wireTexts(version.tags);
  return {
    name: version.model,
    version: String(version.version),
    creation_timestamp: version.createdMs,
    last_updated_timestamp: version.updatedMs,
    current_stage: version.stage,
    description: version.description,
    source: version.source,
    run_id: version.runId ?? "",
    status: statuses[version.status],
    run_link: version.runLink,
    ...(tags.length > 0 && { tags }),
    ...(aliases && version.aliases.length > 0 && { aliases: version.aliases }),
  };
}

export function wireModel(model: RegisteredModel, latest: KnownVersion[]): object {
  const tags = wireTexts(model.tags);
  const aliases = Object.entries(model.aliases).map(([alias, version]) => ({ alias, version: String(version) }));
  return {
    name: model.name,
    creation_timestamp: model.createdMs,
    last_updated_timestamp: model.updatedMs,
    ...(model.description !== "" && { description: model.description }),
    ...(latest.length > 0 && { latest_versions: latest.map((version) => wireVersion(version, { aliases: false })) }),
    ...(tags.length > 0 && { tags }),
    ...(aliases.length > 0 && { aliases }),
  };
}

/** The newest version of each stage; the stage that has the oldest version comes first. */
export function latestOf(versions: KnownVersion[]): KnownVersion[] {
  const newest = new Map<string, KnownVersion>();
  for (const version of versions.toSorted((a, b) => a.version - b.version)) newest.set(version.stage, version); // keeps its first place
  return [...newest.values()];
}
