/** What the scenarios begin with, and why Millrace answers otherwise than MLflow where it does. */
import { at, type Json, type Wire } from "./wire.ts";

/** Reasons that more than one call has. */
export const because = {
  wrongType: "MLflow passes over a value of the wrong type, as if it had not been sent",
  sqlText: "MLflow answers with the text of its SQL statement",
  location: "no path may lead out of its folder, in any spelling",
  empty: "MLflow keeps a thing without a name",
  crash: "MLflow answers 500",
  page: "MLflow answers with an HTML page, not with its error",
  names: "names that are not what they look like are refused, so that none is taken for another",
  nothing: "a page holds something",
} as const;

export async function newExperiment(wire: Wire, name: string): Promise<string> {
  return at(await wire.post("experiments/create", { name }), "experiment_id");
}

export async function newRun(wire: Wire, name: string, given: { [key: string]: Json } = {}): Promise<string> {
  const experiment_id = await newExperiment(wire, name);
  return at(await wire.post("runs/create", { experiment_id, run_name: "run", start_time: 1000, user_id: "ann", ...given }), "run.info.run_id");
}

export const absentRun = "0123456789abcdef0123456789abcdef";
