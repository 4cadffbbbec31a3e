import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { isInFolder, selectedExperiments } from "./housekeeping.ts";
import { newExperimentSchema, type TrackingServices } from "./model.ts";
import { allExperiments, saveExperiment } from "./store.ts";

/**
 * Gives a folder of experiments another name, all at once: `a/b` moved to `c` makes `a/b/x` to `c/x`. Throws `conflict` where an
 * experiment has one of the new names already, `not_found` for a folder with nothing in it.
 */
export async function moveExperiments(
  services: TrackingServices,
  { folder, to, dryRun = false }: { folder: string; to: string; dryRun?: boolean },
): Promise<{ moved: { from: string; to: string }[] }> {
  const { state, clock } = services;
  const [from, into] = [folder.replace(/\/+$/, ""), to.replace(/\/+$/, "")];
  await selectedExperiments(services, { folder: from });
  const moved = await state.write(async (transaction) => {
    const all = await allExperiments(transaction);
    const inside = all.filter(({ name }) => isInFolder(name, from));
    const others = new Set(all.filter((each) => !inside.includes(each)).map(({ name }) => name));
    const moves = inside.map((experiment) => {
      const name = parseArgument(newExperimentSchema.shape.name, "new name", `${into}${experiment.name.slice(from.length)}`);
      if (others.has(name))
        throw new AppError("conflict", `Experiment "${name}" exists already.`, { hint: "Choose another folder, or rename that one first." });
      return { experiment, name };
    });
    if (!dryRun && into !== from) {
      // Names are unique at every moment, and a move within its own folder may meet one that is about to go.
      for (const { experiment } of moves)
        await saveExperiment(transaction, { ...experiment, name: `${experiment.name}/${experiment.id}/moving`, updatedMs: clock.now() });
      for (const { experiment, name } of moves) await saveExperiment(transaction, { ...experiment, name, updatedMs: clock.now() });
    }
    return moves.map(({ experiment, name }) => ({ from: experiment.name, to: name }));
  });
  return { moved };
}
