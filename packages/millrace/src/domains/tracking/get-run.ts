import type { Reader } from "#ports/database";
import type { RunDetail, RunInput, RunOutput, RunSource, TrackingServices } from "./model.ts";
import { findRunContext, findRunRow, inputRows, outputRows, parseRun, runDataRows, runNotFound } from "./store.ts";

/** A run with everything but its metrics' histories and its artifacts; deleted ones too. Throws `not_found`. */
export async function getRun({ state }: TrackingServices, id: string): Promise<RunDetail> {
  const run = await readRun(state, id);
  if (run === undefined) throw runNotFound(id);
  return run;
}

/** What went into runs and came out of them, by id; runs without either are left out. For pages of runs, whose search leaves them out. */
export async function runData({ state }: TrackingServices, runs: string[]): Promise<Map<string, Pick<RunDetail, "inputs" | "outputs">>> {
  const rows = await runDataRows(state, runs);
  // As below.
  return new Map(rows.map((row) => [row.run, { inputs: JSON.parse(row.inputs) as RunInput[], outputs: JSON.parse(row.outputs) as RunOutput[] }]));
}

/** The experiments of runs and what came out of them, by id; runs without outputs are left out. */
export async function outputsOf({ state }: TrackingServices, runs: string[]): Promise<Map<string, { experiment: string; outputs: RunOutput[] }>> {
  const rows = await outputRows(state, runs);
  return new Map(rows.map(({ run, experiment, outputs }) => [run, { experiment, outputs: JSON.parse(outputs) as RunOutput[] }])); // as below
}

/** The inputs of all runs of some experiments, deleted runs too; runs without any are left out. */
export async function inputsOf(
  { state }: TrackingServices,
  experiments: string[],
): Promise<{ run: string; experiment: string; inputs: RunInput[] }[]> {
  const found: { run: string; experiment: string; inputs: RunInput[] }[] = [];
  for (const experiment of experiments) {
    for (const row of await inputRows(state, experiment)) found.push({ run: row.run, experiment, inputs: JSON.parse(row.inputs) as RunInput[] }); // as below
  }
  return found;
}

export async function readRun(reader: Reader, id: string): Promise<RunDetail | undefined> {
  const row = await findRunRow(reader, id);
  const context = row && (await findRunContext(reader, id));
  if (row === undefined || context === undefined) return undefined;
  return {
    ...parseRun(row),
    // Written from checked values by this domain.
    source: JSON.parse(context.source) as RunSource,
    environment: JSON.parse(context.environment) as Record<string, unknown>,
    inputs: JSON.parse(context.inputs) as RunInput[],
    outputs: JSON.parse(context.outputs) as RunOutput[],
    note: context.note,
  };
}
