import { z } from "zod";
import { AppError } from "#kit/app-error";
import { stableJson } from "#kit/hash";
import { parseArgument } from "#kit/parse-argument";
import type { Transaction } from "#ports/database";
import { type RunInput, runInputSchema, type RunOutput, runOutputSchema, type TrackingServices } from "./model.ts";
import { noteChange } from "./run-index.ts";
import { activeRun, beginChange, findRunContext, saveRunContext } from "./store.ts";

const itemsAtMost = 10_000;
export const inputsSchema = z.array(runInputSchema).max(1_000);
export const outputsSchema = z.array(runOutputSchema).max(1_000);

/** Adds data that went into a run; one that is there already, equal in every field, is not added again. */
export async function logInputs({ state, clock }: TrackingServices, { run, inputs }: { run: string; inputs: RunInput[] }): Promise<void> {
  const parsed = parseArgument(inputsSchema, "inputs", inputs);
  await state.write((transaction) => addItems(transaction, clock.now(), run, "inputs", parsed));
  noteChange(state, run);
}

/** Adds what came out of a run; one that is there already, equal in every field, is not added again. */
export async function logOutputs({ state, clock }: TrackingServices, { run, outputs }: { run: string; outputs: RunOutput[] }): Promise<void> {
  const parsed = parseArgument(outputsSchema, "outputs", outputs);
  await state.write((transaction) => addItems(transaction, clock.now(), run, "outputs", parsed));
}

/** Adds what is new to a run's inputs or outputs. */
export async function addItems(transaction: Transaction, nowMs: number, run: string, field: "inputs" | "outputs", items: object[]): Promise<void> {
  await beginChange(transaction, run, nowMs);
  await activeRun(transaction, run);
  const standing = JSON.parse((await findRunContext(transaction, run))![field]) as object[]; // a run always has its context
  const known = new Set(standing.map(stableJson));
  const added = items.filter((item) => !known.has(stableJson(item)));
  if (added.length === 0) return;
  if (standing.length + added.length > itemsAtMost)
    throw new AppError("invalid_argument", `Run "${run}" would have more than ${itemsAtMost} ${field}.`);
  await saveRunContext(transaction, run, field, JSON.stringify([...standing, ...added]));
}
