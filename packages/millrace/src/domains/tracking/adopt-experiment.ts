import { z } from "zod";
import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { type Experiment, idSchema, tagsSchema, trackingLimits, type TrackingServices } from "./model.ts";
import { findExperiment, insertExperiment, saveExperiment } from "./store.ts";

const timeSchema = z.int().min(0);
const adoptedSchema = z.object({
  id: idSchema,
  name: z
    .string()
    .min(1)
    .max(trackingLimits.nameLength)
    .refine((text) => !text.includes("\u0000"), "must not hold the character NUL, which databases do not keep"),
  description: z.string().max(trackingLimits.noteLength),
  tags: tagsSchema,
  createdMs: timeSchema,
  updatedMs: timeSchema,
  deletedMs: timeSchema.optional(),
});

/**
 * Takes in an experiment as it stood elsewhere, with its id, times and state; one of this id that stands here gets these values.
 * Throws `conflict` where another one has the name, `invalid_argument` for what cannot be kept.
 */
export async function adoptExperiment({ state }: TrackingServices, experiment: Experiment): Promise<void> {
  parseArgument(adoptedSchema, "experiment", experiment);
  await state.write(async (transaction) => {
    const named = await findExperiment(transaction, { name: experiment.name });
    if (named !== undefined && named.id !== experiment.id) {
      throw new AppError("conflict", `Experiment "${experiment.name}" exists already, with the id ${named.id}.`, {
        hint: "Rename one of the two.",
        details: { id: named.id },
      });
    }
    if ((await findExperiment(transaction, { id: experiment.id })) === undefined) await insertExperiment(transaction, experiment);
    await saveExperiment(transaction, experiment);
  });
}
