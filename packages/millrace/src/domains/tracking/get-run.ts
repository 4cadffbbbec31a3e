import type { Reader } from "#ports/database";
import type { RunDetail, RunInput, RunOutput, RunSource, TrackingServices } from "./model.ts";
import { findRunContext, findRunRow, parseRun, runNotFound } from "./store.ts";

/** A run with everything but its metrics' histories and its artifacts; deleted ones too. Throws `not_found`. */
export async function getRun({ state }: TrackingServices, id: string): Promise<RunDetail> {
  const run = await readRun(state, id);
  if (run === undefined) throw runNotFound(id);
  return run;
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
