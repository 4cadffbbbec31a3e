import type { ModelVersion, RegisteredModel, VersionFacts, VersionHead } from "#domains/registry";
import { outputsOf, type TrackingServices } from "#domains/tracking";
import { experimentLocations, runRoot } from "./places.ts";
import type { VersionRow } from "./version-rows.ts";
import { wireTexts } from "./wire-run.ts";

const statuses = { pending: "PENDING_REGISTRATION", ready: "READY", failed: "FAILED_REGISTRATION" } as const;

export const stages = ["None", "Staging", "Production", "Archived"] as const;

/** What MLflow asks of a version beside what the registry knows. */
export interface VersionPlace {
  source: string;
  location: string;
  loggedModel: string | undefined;
  runLink: string;
  stage: string;
}

/** A version as MLflow knows it, with where its files are. */
export type KnownVersion = ModelVersion & VersionPlace;

/** As `KnownVersion`, without what it is made of. */
export type KnownHead = VersionHead & VersionPlace;

/** Joins what the registry and MLflow's own rows know; versions from elsewhere in Millrace have their files among their run's artifacts. */
export async function knownVersions<Version extends VersionFacts>(
  tracking: TrackingServices,
  versions: Version[],
  rowOf: (model: string, version: number) => VersionRow | undefined,
): Promise<(Version & VersionPlace)[]> {
  const sourceOf = await sourcesOf(
    tracking,
    versions.filter(({ model, version }) => rowOf(model, version) === undefined),
  );
  return versions.map((version) => {
    const row = rowOf(version.model, version.version);
    const source = row?.source ?? sourceOf(version);
    return {
      ...version,
      source,
      location: row?.location ?? source,
      loggedModel: row?.logged_model ?? undefined,
      runLink: row?.run_link ?? "",
      stage: row?.stage ?? "None",
    };
  });
}

async function sourcesOf(tracking: TrackingServices, versions: VersionFacts[]): Promise<(version: VersionFacts) => string> {
  if (versions.length === 0) return () => "";
  const runs = await outputsOf(tracking, [...new Set(versions.flatMap(({ runId }) => runId ?? []))]); // runs of other stores are not among them
  const locations = await experimentLocations(tracking.state, new Set([...runs.values()].map(({ experiment }) => experiment)));
  return ({ runId, digest }) => {
    const run = runId === undefined ? undefined : runs.get(runId);
    const output = run?.outputs.find((each) => each.kind === "model" && each.digest === digest);
    return run === undefined || output === undefined ? "" : `${runRoot(locations(run.experiment), runId!)}/${output.name}`; // a run has an id
  };
}

export function wireVersion(version: KnownHead, { aliases = true } = {}): object {
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

export function wireModel(model: RegisteredModel, latest: KnownHead[]): object {
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
