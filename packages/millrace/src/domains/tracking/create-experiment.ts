import { AppError } from "#kit/app-error";
import { newId } from "#kit/id";
import { parseArgument } from "#kit/parse-argument";
import { nextExperimentNumber } from "./experiment-numbers.ts";
import { type Experiment, type NewExperiment, newExperimentSchema, type TrackingServices } from "./model.ts";
import { findExperiment, insertExperiment } from "./store.ts";

/** Makes an experiment. Throws `conflict` where one, even a deleted one, has the name or id. */
export async function createExperiment({ state, clock }: TrackingServices, experiment: NewExperiment): Promise<Experiment> {
  const { id: given = newId(), numbered, name, description, tags } = parseArgument(newExperimentSchema, "experiment", experiment);
  const nowMs = clock.now();
  return state.write(async (transaction) => {
    const id = numbered && experiment.id === undefined ? await nextExperimentNumber(transaction) : given;
    const made: Experiment = { id, name, description, tags, createdMs: nowMs, updatedMs: nowMs, deletedMs: undefined };
    const taken = (await findExperiment(transaction, { name })) ?? (await findExperiment(transaction, { id }));
    if (taken !== undefined) {
      throw new AppError("conflict", `Experiment "${taken.name}" (${taken.id}) exists already${taken.deletedMs === undefined ? "" : ", deleted"}.`, {
        hint: taken.deletedMs === undefined ? "Use it, or choose another name." : "Restore it, or choose another name.",
        details: { id: taken.id },
      });
    }
    await insertExperiment(transaction, made);
    return made;
  });
}

/** The experiment of this name, made where there is none. Throws `conflict` for a deleted one. */
export async function ensureExperiment(services: TrackingServices, name: string): Promise<Experiment> {
  const standing = await findExperiment(services.state, { name });
  if (standing === undefined) {
    try {
      return await createExperiment(services, { name });
    } catch (error) {
      if (!(error instanceof AppError && error.code === "conflict")) throw error; // another caller made it in this moment
      return ensureExperiment(services, name);
    }
  }
  if (standing.deletedMs !== undefined)
    throw new AppError("conflict", `Experiment "${name}" is deleted.`, { hint: "Restore it, or choose another name." });
  return standing;
}
