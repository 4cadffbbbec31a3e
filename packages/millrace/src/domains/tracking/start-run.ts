import { AppError } from "#kit/app-error";
import { newId } from "#kit/id";
import { parseArgument } from "#kit/parse-argument";
import type { Transaction } from "#ports/database";
import { readRun } from "./get-run.ts";
import { newRunSchema, type NewRun, type RunDetail, type TrackingServices } from "./model.ts";
import { noteChange } from "./run-index.ts";
import { beginChange, findExperiment, findRunRow, insertRun, runNotFound, saveRun } from "./store.ts";

/**
 * Starts a run. With an `id` that exists in the same experiment, the standing run is returned with all it has, open again if it had
 * failed or been killed: a flow that is tried again goes on with its run. Throws `not_found` for the experiment or parent, `conflict` for a deleted experiment or an id that
 * another experiment has.
 */
export async function startRun({ state, clock }: TrackingServices, run: NewRun): Promise<RunDetail> {
  const given = parseArgument(newRunSchema, "run", run);
  const nowMs = clock.now();
  const id = given.id ?? newId();
  const made: RunDetail = {
    id,
    experiment: given.experiment,
    name: given.name ?? `run-${id.slice(-6).toLowerCase()}`,
    parent: given.parent,
    actor: given.actor,
    status: "running",
    startedMs: given.startedMs ?? nowMs,
    endedMs: undefined,
    deletedMs: undefined,
    params: given.params,
    tags: given.tags,
    metrics: {},
    source: given.source,
    environment: given.environment,
    inputs: given.inputs,
    outputs: [],
    note: given.note,
  };
  const start = async (transaction: Transaction): Promise<RunDetail> => {
    const experiment = await findExperiment(transaction, { id: given.experiment });
    if (experiment === undefined) throw new AppError("not_found", `There is no experiment "${given.experiment}".`, { hint: "Create it first." });
    const standing = given.id === undefined ? undefined : await readRun(transaction, id);
    if (standing !== undefined) {
      if (standing.experiment === given.experiment) return goOn(transaction, standing, nowMs);
      throw new AppError("conflict", `Run "${id}" exists already, in another experiment (${standing.experiment}).`, { hint: "Leave the id out." });
    }
    if (experiment.deletedMs !== undefined)
      throw new AppError("conflict", `Experiment "${experiment.name}" is deleted.`, { hint: "Restore it first." });
    if (given.parent !== undefined && (await findRunRow(transaction, given.parent)) === undefined) throw runNotFound(given.parent);
    await insertRun(transaction, made, nowMs);
    return made;
  };
  const started = await state.write(start).catch(async (error: unknown) => {
    const winner = given.id === undefined ? undefined : await readRun(state, id); // another caller started it in this moment
    if (winner?.experiment === given.experiment) return winner;
    throw error;
  });
  noteChange(state, id);
  return started;
}

async function goOn(transaction: Transaction, run: RunDetail, nowMs: number): Promise<RunDetail> {
  if (run.status === "running" || run.status === "finished" || run.deletedMs !== undefined) return run; // what waited begins
  await beginChange(transaction, run.id, nowMs);
  await saveRun(transaction, run.id, { status: "running", ended_ms: null });
  return { ...run, status: "running", endedMs: undefined };
}
