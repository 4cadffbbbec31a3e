import { z } from "zod";
import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import type { Reader, Transaction } from "#ports/database";
import { type Holdings, holdingsOf, runsAtOnce } from "./housekeeping-store.ts";
import { type Experiment, idSchema, type TrackingServices } from "./model.ts";
import { checkFilterDepth, runFilterSchema } from "./run-filter.ts";
import { allExperiments } from "./store.ts";

const listSchema = z.array(z.string().min(1)).min(1).max(100_000);

/**
 * What is to be archived, restored or purged: everything in a folder of experiments, experiments (ids or names), runs, or the runs
 * that a filter matches (in some experiments). Nested runs go with their parents.
 */
export const selectionSchema = z
  .strictObject({
    folder: z.string().min(1).max(500).optional(),
    experiments: listSchema.optional(),
    runs: z.array(idSchema).min(1).max(100_000).optional(),
    filter: runFilterSchema.optional(),
    /** Purging only: what has been archived for this long. Alone, everything that has. */
    archivedForMs: z.int().min(0).optional(),
  })
  .refine(({ folder, experiments, runs, filter }) => {
    const given = [folder, filter ?? experiments, runs].filter((each) => each !== undefined).length;
    return given <= 1;
  }, "name one of: a folder, experiments, runs, a filter (which may have experiments)");
export type Selection = z.input<typeof selectionSchema>;

/** How to go about it. */
export interface HousekeepingOptions {
  /** Counts what would be done, and does nothing. */
  dryRun?: boolean;
  /** Stops, between two transactions, once this moment has passed: `done` is false then, and the same call goes on. */
  untilMs?: number;
  signal?: AbortSignal;
  onProgress?: (report: HousekeepingReport) => void;
}

/** What was done by this call, or would be. */
export interface HousekeepingReport extends Holdings {
  experiments: number;
  /** Runs that were left because something still needs them, in words, at most 20; `leftRuns` counts all. */
  left: string[];
  leftRuns: number;
  dryRun: boolean;
  done: boolean;
}

/** What other domains have to do with runs that go for ever. */
export interface RunKeepers {
  /** What still refers to runs, in words such as `version 3 of late-arrival`, by run. */
  holders(reader: Reader, runs: string[]): Promise<Map<string, string[]>>;
  /** Takes away much that others keep of an archived experiment, in many small steps; stops early where it must, and is called again. */
  emptyExperiment(experiment: string, mustStop: () => boolean): Promise<void>;
  /** Takes away what others keep of these runs. */
  forgetRuns(transaction: Transaction, runs: { id: string; experiment: string }[]): Promise<void>;
  /** Takes away what others keep of these experiments, whose runs are gone already. */
  forgetExperiments(transaction: Transaction, experiments: string[]): Promise<void>;
}

export function parseSelection(selection: Selection): z.output<typeof selectionSchema> {
  checkFilterDepth(selection.filter);
  return parseArgument(selectionSchema, "selection", selection);
}

/** The experiments that a selection names. Throws `not_found` for one that is not there, or a folder with none. */
export async function selectedExperiments(
  { state }: Pick<TrackingServices, "state">,
  { folder, experiments }: { folder?: string | undefined; experiments?: string[] | undefined },
): Promise<Experiment[]> {
  if (folder === undefined && experiments === undefined) return [];
  const all = await allExperiments(state);
  if (folder !== undefined) {
    const found = all.filter(({ name }) => isInFolder(name, folder));
    if (found.length === 0)
      throw new AppError("not_found", `There is no experiment in the folder "${folder}".`, { hint: "Folders are the parts of names before a /." });
    return found;
  }
  return experiments!.map((which) => {
    const found = all.find(({ id }) => id === which) ?? all.find(({ name }) => name === which);
    if (found === undefined) throw new AppError("not_found", `There is no experiment "${which}".`, { hint: "Give its id or its name." });
    return found;
  });
}

/** `a/b` has the experiments `a/b` and `a/b/…`. */
export function isInFolder(name: string, folder: string): boolean {
  const plain = folder.replace(/\/+$/, "");
  return name === plain || name.startsWith(`${plain}/`);
}

export function newReport(dryRun: boolean): HousekeepingReport {
  return { experiments: 0, runs: 0, points: 0, artifacts: 0, bytes: 0, left: [], leftRuns: 0, dryRun, done: true };
}

/** Adds runs to a report, counted a batch at a time. */
export async function countRuns(reader: Reader, report: HousekeepingReport, runs: string[]): Promise<void> {
  for (const batch of batches(runs)) add(report, await holdingsOf(reader, batch));
}

export function add(report: HousekeepingReport, { runs, points, artifacts, bytes }: Holdings): void {
  report.runs += runs;
  report.points += points;
  report.artifacts += artifacts;
  report.bytes += bytes;
}

export function leave(report: HousekeepingReport, why: string): void {
  report.leftRuns++;
  if (report.left.length < 20) report.left.push(why);
}

export function batches<Item>(items: Item[], size = runsAtOnce): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/** Whether the time is up; throws where the caller has gone. */
export function mustStop({ clock }: Pick<TrackingServices, "clock">, { untilMs, signal, dryRun }: HousekeepingOptions): boolean {
  if (signal?.aborted) throw new AppError("cancelled", "The work was stopped; what had been done stays done.", { hint: "The same call goes on." });
  return dryRun !== true && untilMs !== undefined && clock.now() >= untilMs; // a count that stops has to begin anew
}
