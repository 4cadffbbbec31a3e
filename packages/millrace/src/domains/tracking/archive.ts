import { AppError } from "#kit/app-error";
import {
  batches,
  countRuns,
  type HousekeepingOptions,
  type HousekeepingReport,
  mustStop,
  newReport,
  parseSelection,
  type Selection,
  selectedExperiments,
} from "./housekeeping.ts";
import { childrenOf, keptRuns, type KeptRun, markRuns, runsOfExperiment } from "./housekeeping-store.ts";
import type { Experiment, TrackingServices } from "./model.ts";
import { noteChange } from "./run-index.ts";
import { searchRuns } from "./search-runs.ts";
import { findExperiment, runNotFound, saveExperiment } from "./store.ts";

const runsPerRead = 1_000;

/**
 * Archives a selection: experiments with their runs, or runs, with all that are nested in them. Searches leave archived things out,
 * nothing can be logged to them, and they can be restored. Done in small transactions; again, it goes on and changes nothing twice.
 */
export async function archive(services: TrackingServices, selection: Selection, options: HousekeepingOptions = {}): Promise<HousekeepingReport> {
  const { folder, experiments, runs, filter } = chosen(selection, "archive");
  const report = newReport(options.dryRun === true);
  if (filter === undefined && runs === undefined) return oneByOne(services, { folder, experiments }, archiveExperiment, options, report);
  const roots = runs === undefined ? await matching(services, selection, "active") : await named(services, runs);
  const all = await withNested(services, roots, ({ deleted_ms: deletedMs }) => deletedMs === null);
  await mark(services, all, services.clock.now(), options, report);
  return report;
}

/** Takes the archiving of a selection back: of experiments with the runs that were archived with them, or of runs with those nested in them. */
export async function restore(services: TrackingServices, selection: Selection, options: HousekeepingOptions = {}): Promise<HousekeepingReport> {
  const { folder, experiments, runs, filter } = chosen(selection, "restore");
  const report = newReport(options.dryRun === true);
  if (filter === undefined && runs === undefined) return oneByOne(services, { folder, experiments }, restoreOne, options, report);
  const roots = runs === undefined ? await matching(services, selection, "deleted") : await named(services, runs);
  await checkExperiments(services, roots);
  const archived = roots.filter((run) => run.deleted_ms !== null);
  // What was archived before its parent was archived for itself. Nested ones first: the parent still says since when, should this break off.
  const all = await withNested(services, archived, (child, root) => child.deleted_ms !== null && child.deleted_ms >= root.deleted_ms!);
  await mark(services, all.toReversed(), null, options, report);
  return report;
}

async function oneByOne(
  services: TrackingServices,
  selected: Parameters<typeof selectedExperiments>[1],
  work: typeof archiveExperiment,
  options: HousekeepingOptions,
  report: HousekeepingReport,
): Promise<HousekeepingReport> {
  for (const experiment of await selectedExperiments(services, selected)) {
    if (mustStop(services, options)) return { ...report, done: false };
    await work(services, experiment, options, report);
    if (!report.done) return report;
  }
  return report;
}

async function archiveExperiment(
  services: TrackingServices,
  experiment: Experiment,
  options: HousekeepingOptions,
  report: HousekeepingReport,
): Promise<void> {
  const { state, clock } = services;
  let since = experiment.deletedMs;
  if (since === undefined) {
    report.experiments++;
    since = clock.now();
    const deletedMs = since;
    if (!report.dryRun)
      await state.write(async (transaction) => {
        const standing = await findExperiment(transaction, { id: experiment.id });
        if (standing?.deletedMs === undefined && standing !== undefined)
          await saveExperiment(transaction, { ...standing, deletedMs, updatedMs: deletedMs });
      });
  }
  await mark(services, await runsIn(services, experiment.id, ({ deleted_ms: deletedMs }) => deletedMs === null), since, options, report);
}

async function restoreOne(
  services: TrackingServices,
  experiment: Experiment,
  options: HousekeepingOptions,
  report: HousekeepingReport,
): Promise<void> {
  const { state, clock } = services;
  const { id, deletedMs } = experiment;
  if (deletedMs === undefined) return;
  // The experiment last: until then it says which runs were archived with it, should this break off.
  await mark(services, await runsIn(services, id, (run) => run.deleted_ms !== null && run.deleted_ms >= deletedMs), null, options, report);
  if (!report.done) return;
  report.experiments++;
  if (report.dryRun) return;
  await state.write(async (transaction) => {
    const standing = await findExperiment(transaction, { id });
    if (standing !== undefined) await saveExperiment(transaction, { ...standing, deletedMs: undefined, updatedMs: clock.now() });
  });
}

/** Marks runs, a batch in a transaction. */
async function mark(
  services: TrackingServices,
  runs: KeptRun[],
  deletedMs: number | null,
  options: HousekeepingOptions,
  report: HousekeepingReport,
): Promise<void> {
  const { state, clock } = services;
  for (const batch of batches(runs.map(({ id }) => id))) {
    if (mustStop(services, options)) {
      report.done = false;
      return;
    }
    const changed = report.dryRun ? batch : await state.write((transaction) => markRuns(transaction, batch, deletedMs, clock.now()));
    await countRuns(state, report, changed);
    if (!report.dryRun) for (const run of changed) noteChange(state, run);
    options.onProgress?.(report);
  }
}

function chosen(selection: Selection, verb: "archive" | "restore") {
  const parsed = parseSelection(selection);
  if (parsed.archivedForMs !== undefined || [parsed.folder, parsed.experiments, parsed.runs, parsed.filter].every((each) => each === undefined))
    throw new AppError("invalid_argument", `There is nothing to ${verb}: name a folder, experiments, runs or a filter.`);
  return parsed;
}

/** The named runs. Throws `not_found`. */
export async function named({ state }: Pick<TrackingServices, "state">, ids: string[]): Promise<KeptRun[]> {
  const found = new Map<string, KeptRun>();
  for (const batch of batches(ids)) for (const run of await keptRuns(state, batch)) found.set(run.id, run);
  return ids.map((id) => {
    const run = found.get(id);
    if (run === undefined) throw runNotFound(id);
    return run;
  });
}

/** The runs that a filter matches. */
export async function matching(
  services: TrackingServices,
  { filter, experiments }: Selection,
  view: "active" | "deleted" | "all",
): Promise<KeptRun[]> {
  const inThese = experiments === undefined ? {} : { experiments: (await selectedExperiments(services, { experiments })).map(({ id }) => id) };
  const ids: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await searchRuns(services, { filter, ...inThese, view, limit: runsPerRead, ...(cursor !== undefined && { cursor }) });
    ids.push(...page.runs.map(({ id }) => id));
    if (page.nextCursor === undefined) break;
    cursor = page.nextCursor;
  }
  const found: KeptRun[] = [];
  for (const batch of batches(ids)) found.push(...(await keptRuns(services.state, batch)));
  return found;
}

export async function runsIn({ state }: Pick<TrackingServices, "state">, experiment: string, wanted: (run: KeptRun) => boolean): Promise<KeptRun[]> {
  const found: KeptRun[] = [];
  for (let after = ""; ;) {
    const page = await runsOfExperiment(state, experiment, after, runsPerRead);
    found.push(...page.filter(wanted));
    if (page.length < runsPerRead) return found;
    after = page.at(-1)!.id; // a full page has a last one
  }
}

/** Runs and what is nested in them as far as wanted, each once, parents before their children. */
export async function withNested(
  { state }: Pick<TrackingServices, "state">,
  roots: KeptRun[],
  wanted: (child: KeptRun, root: KeptRun) => boolean,
): Promise<KeptRun[]> {
  const all = new Map(roots.map((run) => [run.id, run]));
  const rootOf = new Map(roots.map((run) => [run.id, run]));
  for (let level = roots; level.length > 0;) {
    const next: KeptRun[] = [];
    for (const batch of batches(level.map(({ id }) => id))) {
      for (const child of await childrenOf(state, batch)) {
        const root = rootOf.get(child.parent!)!; // asked for by its parent
        if (all.has(child.id) || !wanted(child, root)) continue;
        all.set(child.id, child);
        rootOf.set(child.id, root);
        next.push(child);
      }
    }
    level = next;
  }
  const depths = new Map<string, number>();
  const depthOf = (run: KeptRun): number => {
    const known = depths.get(run.id);
    if (known !== undefined) return known;
    depths.set(run.id, 0); // should runs of another store be nested in a circle
    const parent = run.parent === null ? undefined : all.get(run.parent);
    const depth = parent === undefined ? 0 : depthOf(parent) + 1;
    depths.set(run.id, depth);
    return depth;
  };
  return [...all.values()].sort((a, b) => depthOf(a) - depthOf(b));
}

/** An active run in an archived experiment would be found by no one. */
async function checkExperiments({ state }: Pick<TrackingServices, "state">, runs: KeptRun[]): Promise<void> {
  for (const id of new Set(runs.map(({ experiment }) => experiment))) {
    const experiment = await findExperiment(state, { id });
    if (experiment?.deletedMs !== undefined)
      throw new AppError("conflict", `Experiment "${experiment.name}" is archived; its runs cannot be restored by themselves.`, {
        hint: "Restore the experiment.",
      });
  }
}
