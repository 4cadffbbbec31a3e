import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { changedTagsSchema, type Experiment, newExperimentSchema, type TrackingServices } from "./model.ts";
import { allExperiments, findExperiment, saveExperiment } from "./store.ts";

const changeSchema = newExperimentSchema.omit({ id: true }).partial().extend({ tags: changedTagsSchema.optional() });

/** An experiment by id or name, deleted ones too. Throws `not_found`. */
export async function getExperiment({ state }: TrackingServices, by: { id: string } | { name: string }): Promise<Experiment> {
  const experiment = await findExperiment(state, by);
  if (experiment === undefined) throw notFound("id" in by ? by.id : by.name);
  return experiment;
}

/** Experiments by age. */
export async function listExperiments(
  { state }: TrackingServices,
  { view = "active" }: { view?: "active" | "deleted" | "all" } = {},
): Promise<Experiment[]> {
  return (await allExperiments(state)).filter(({ deletedMs }) => view === "all" || (deletedMs === undefined) === (view === "active"));
}

/** Changes name, description or tags (given tags replace those of the same key, null takes one away). Throws `not_found`, `conflict` for a taken name. */
export async function updateExperiment(
  services: TrackingServices,
  { id, ...change }: { id: string; name?: string; description?: string; tags?: Record<string, string | null> },
): Promise<Experiment> {
  const { name, description, tags } = parseArgument(changeSchema, "experiment", change);
  return changeExperiment(services, id, (experiment) => ({
    ...experiment,
    ...(name !== undefined && change.name !== undefined && { name }),
    ...(description !== undefined && change.description !== undefined && { description }),
    ...(tags !== undefined && { tags: withTags(experiment.tags, tags) }),
  }));
}

/** Marks an experiment as deleted; its runs stay as they are and can be read by id. */
export function deleteExperiment(services: TrackingServices, { id }: { id: string }): Promise<Experiment> {
  return changeExperiment(services, id, (experiment) => ({ ...experiment, deletedMs: experiment.deletedMs ?? services.clock.now() }));
}

export function restoreExperiment(services: TrackingServices, { id }: { id: string }): Promise<Experiment> {
  return changeExperiment(services, id, (experiment) => ({ ...experiment, deletedMs: undefined }));
}

async function changeExperiment({ state, clock }: TrackingServices, id: string, change: (experiment: Experiment) => Experiment): Promise<Experiment> {
  return state.write(async (transaction) => {
    const standing = await findExperiment(transaction, { id });
    if (standing === undefined) throw notFound(id);
    const next = { ...change(standing), updatedMs: clock.now() };
    if (next.name !== standing.name && (await findExperiment(transaction, { name: next.name })) !== undefined)
      throw new AppError("conflict", `Experiment "${next.name}" exists already.`, { hint: "Choose another name." });
    await saveExperiment(transaction, next);
    return next;
  });
}

function withTags(standing: Record<string, string>, change: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(Object.entries({ ...standing, ...change }).filter((entry): entry is [string, string] => entry[1] !== null));
}

function notFound(which: string): AppError {
  return new AppError("not_found", `There is no experiment "${which}".`, { hint: "millrace experiments list" });
}
