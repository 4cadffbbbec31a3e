import { forgetExperimentLocation, rootPath, saveExperimentLocation } from "#compat/mlflow";
import { adoptExperiment, checkArtifactPath, type Experiment, getExperiment, searchRuns } from "#domains/tracking";
import { digestOf } from "#kit/hash";
import { experimentHere } from "./here.ts";
import { decide, type ImportContext, mayReplace, newItem } from "./import-context.ts";
import { itemsOf, saveItems } from "./ledger.ts";
import { type ExperimentRecord, recordDigest } from "./records.ts";
import { conflict, orProblem } from "./report.ts";
import { placeOf } from "./source.ts";

/** Takes experiments over. Gives those whose runs can follow. */
export async function importExperiments(context: ImportContext, experiments: ExperimentRecord[]): Promise<ExperimentRecord[]> {
  const { report } = context;
  const taken: ExperimentRecord[] = [];
  for (const experiment of experiments) {
    report.kinds.experiments.found++;
    const ready = await orProblem(report, "experiments", experiment.id, () => importExperiment(context, experiment));
    if (ready) taken.push(experiment);
  }
  return taken;
}

/** Tells whether its runs can follow. */
async function importExperiment(context: ImportContext, given: ExperimentRecord): Promise<boolean> {
  const { here, source, report } = context;
  const { state } = here.tracking;
  const counts = report.kinds.experiments;
  const record = { ...given, location: locationHere(context, given) };
  const stamp = digestOf([recordDigest(given), record.location]);
  const item = (await itemsOf(state, source.origin, "experiment", [given.id])).get(given.id);
  const standing = await experimentHere(here, given.id);
  const decision = decide(context, item, stamp, standing !== undefined);
  if (decision === "same") {
    counts.unchanged++;
    return true;
  }
  const digest = recordDigest(record);
  if (standing !== undefined && decision === "compare") {
    if (recordDigest(standing) === digest) {
      counts.unchanged++;
      if (!context.dryRun) await saveItems(state, source.origin, [newItem(context, "experiment", given.id, stamp, digest)]);
      return true;
    }
    if (!mayReplace(item, recordDigest(standing)) && !(await isUnused(context, standing, given))) {
      if (standing.name !== given.name) {
        throw conflict(
          `Experiment ${given.id} is "${standing.name}" here and "${given.name}" in the source; its runs stay out.`,
          `Import the source into a project of its own.`,
        );
      }
      await orProblem(report, "experiments", given.id, async () => {
        throw conflict(
          `Experiment ${given.id} "${given.name}" stands here with another description, times or tags, which are kept; its runs are taken.`,
          "Make it equal in one of the two, if it matters.",
        );
      });
      return true;
    }
  }
  counts[standing === undefined ? "new" : "updated"]++;
  if (context.dryRun) return true;
  const description = standing === undefined ? "" : (await getExperiment(here.tracking, { id: record.id })).description; // MLflow's is a tag
  await adoptExperiment(here.tracking, experimentOf(record, description));
  const isDefault = record.location === defaultLocation(record.id);
  await state.write((transaction) =>
    isDefault ? forgetExperimentLocation(transaction, record.id) : saveExperimentLocation(transaction, record.id, record.location),
  );
  await saveItems(state, source.origin, [newItem(context, "experiment", given.id, stamp, digest)]);
  return true;
}

/** Where the files of its runs are from now on: here where they are copied, else where they were. */
export function locationHere({ artifacts, source }: ImportContext, { id, location }: ExperimentRecord): string {
  if (!artifacts || source.unreachable(location) !== undefined) return location;
  const isOwn = placeOf(location).kind === "proxied" && /^mlflow-artifacts:\/[^/]/.test(location);
  return isOwn && isPlain(rootPath(location)!) ? location : defaultLocation(id);
}

/** One that clients find when they name none, and nobody has used. */
async function isUnused({ here }: ImportContext, standing: ExperimentRecord, given: ExperimentRecord): Promise<boolean> {
  if (standing.name !== given.name || Object.keys(standing.tags).length > 0) return false;
  return (await searchRuns(here.tracking, { experiments: [standing.id], view: "all", limit: 1 })).runs.length === 0;
}

function experimentOf({ id, name, tags, createdMs, updatedMs, deleted }: ExperimentRecord, description: string): Experiment {
  return { id, name, description, tags, createdMs, updatedMs, deletedMs: deleted ? updatedMs : undefined };
}

function defaultLocation(id: string): string {
  return `mlflow-artifacts:/${id}`;
}

function isPlain(path: string): boolean {
  try {
    return checkArtifactPath(path) === path;
  } catch {
    return false;
  }
}
