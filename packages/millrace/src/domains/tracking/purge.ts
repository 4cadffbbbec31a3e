import { AppError } from "#kit/app-error";
import type { Reader, Transaction } from "#ports/database";
import { matching, named, runsIn, withNested } from "./archive.ts";
import {
  add,
  batches,
  countRuns,
  type HousekeepingOptions,
  type HousekeepingReport,
  leave,
  mustStop,
  newReport,
  parseSelection,
  type RunKeepers,
  type Selection,
  selectedExperiments,
} from "./housekeeping.ts";
import {
  archivedRuns,
  archivedSince,
  childrenOf,
  deleteEmptyExperiment,
  deleteRuns,
  hasRuns,
  type Holdings,
  holdingsOf,
  keptRuns,
  type KeptRun,
} from "./housekeeping-store.ts";
import type { Experiment, TrackingServices } from "./model.ts";
import { notePurge } from "./purged-runs.ts";
import { noteChange } from "./run-index.ts";
import { allExperiments } from "./store.ts";

export interface PurgeOptions extends HousekeepingOptions {
  /**
   * What to do about runs to which versions of models still refer: `refuse` to purge anything, `leave` those runs, or purge them
   * `anyway`: the versions keep their files, and know the run by its id alone.
   */
  registered?: "refuse" | "leave" | "anyway";
}

const runsPerRead = 1_000;
const namedAtMost = 10;

/**
 * Removes archived experiments and runs for ever, with points, params and artifacts; their bytes go when blobs are collected. Each run
 * goes in one transaction with everything there is of it, nested ones before their parents, experiments last: broken off at any
 * moment it leaves only what was archived and is still whole, and the same call goes on.
 *
 * Throws `conflict` for what is named and not archived, and for runs that registered versions refer to (see `registered`).
 */
export async function purge(
  services: TrackingServices,
  keepers: RunKeepers,
  selection: Selection,
  options: PurgeOptions = {},
): Promise<HousekeepingReport> {
  const { state } = services;
  const report = newReport(options.dryRun === true);
  const { experiments, roots } = await selected(services, selection);
  const all = await withNested(services, roots, () => true);
  const purged = await withoutKept(state, keepers, all, options.registered ?? "refuse", report, explicitly(selection));
  if (report.dryRun) {
    await countRuns(
      state,
      report,
      purged.map(({ id }) => id),
    );
    const going = new Set(purged.map(({ id }) => id));
    for (const { id } of experiments) if ((await runsIn(services, id, (run) => !going.has(run.id))).length === 0) report.experiments++;
    return report;
  }
  for (const batch of batches(purged.toReversed().map(({ id }) => id))) {
    if (mustStop(services, options)) return { ...report, done: false };
    await purgeRuns(services, keepers, batch, options, report);
    options.onProgress?.(report);
  }
  for (const { id } of experiments) {
    if (mustStop(services, options)) return { ...report, done: false };
    if (await hasRuns(state, id)) continue;
    await keepers.emptyExperiment(id, () => mustStop(services, options));
    if (mustStop(services, options)) return { ...report, done: false };
    const gone = await state.write(async (transaction) => {
      if (!(await deleteEmptyExperiment(transaction, id))) return false;
      await keepers.forgetExperiments(transaction, [id]);
      return true;
    });
    if (gone) report.experiments++;
  }
  options.onProgress?.(report);
  return report;
}

/** One transaction: what came to need a run since it was looked at keeps it. */
async function purgeRuns(
  { state, clock }: TrackingServices,
  keepers: RunKeepers,
  batch: string[],
  options: PurgeOptions,
  report: HousekeepingReport,
): Promise<void> {
  const done = await state.write(async (transaction): Promise<{ gone: string[]; held: Holdings; left: string[] }> => {
    const archived = (await keptRuns(transaction, batch)).filter((run) => archivedSince(run) !== null);
    const reasons = await reasonsToKeep(transaction, keepers, archived, options.registered ?? "refuse");
    const going = archived.filter(({ id }) => !reasons.has(id));
    const gone = going.map(({ id }) => id);
    const held = await holdingsOf(transaction, gone);
    if (gone.length > 0) {
      await keepers.forgetRuns(transaction, going);
      await deleteRuns(transaction, gone);
      await notePurge(transaction, gone, clock.now());
    }
    return { gone, held, left: [...reasons.values()] };
  });
  add(report, done.held);
  for (const why of done.left) leave(report, why);
  for (const run of done.gone) noteChange(state, run);
}

/** Why runs of a batch must stay now: runs nested in them that are not of the batch, and versions. */
async function reasonsToKeep(
  transaction: Transaction,
  keepers: RunKeepers,
  runs: KeptRun[],
  registered: NonNullable<PurgeOptions["registered"]>,
): Promise<Map<string, string>> {
  const ids = runs.map(({ id }) => id);
  const reasons = new Map<string, string>();
  if (registered !== "anyway") for (const [run, holders] of await keepers.holders(transaction, ids)) reasons.set(run, heldText(run, holders));
  const parentOf = new Map<string, string>();
  for (const child of await childrenOf(transaction, ids)) {
    parentOf.set(child.id, child.parent!); // asked for by its parent
    if (!ids.includes(child.id)) reasons.set(child.parent!, `run ${child.parent} has the run ${child.id} nested in it`);
  }
  // What is above a run that stays, stays.
  for (let grown = true; grown;) {
    grown = false;
    for (const [child, parent] of parentOf) {
      if (!reasons.has(child) || reasons.has(parent)) continue;
      reasons.set(parent, `run ${parent} has the run ${child} nested in it`);
      grown = true;
    }
  }
  return reasons;
}

/** The runs of a selection, and its archived experiments. */
async function selected(services: TrackingServices, selection: Selection): Promise<{ experiments: Experiment[]; roots: KeptRun[] }> {
  const { folder, experiments, runs, filter, archivedForMs } = parseSelection(selection);
  const untilMs = services.clock.now() - (archivedForMs ?? 0);
  const isOld = (run: KeptRun) => (archivedSince(run) ?? Number.POSITIVE_INFINITY) <= untilMs;
  if (runs !== undefined) return { experiments: [], roots: (await named(services, runs)).filter((run) => archivedOnly(run, isOld, archivedForMs)) };
  if (filter !== undefined) return { experiments: [], roots: (await matching(services, selection, "all")).filter(isOld) };
  if (folder === undefined && experiments === undefined) {
    if (archivedForMs === undefined)
      throw new AppError(
        "invalid_argument",
        "There is nothing to purge: name a folder, experiments, runs, a filter, or for how long things have been archived.",
      );
    const old = (await allExperiments(services.state)).filter(({ deletedMs }) => deletedMs !== undefined && deletedMs <= untilMs);
    return { experiments: old, roots: await allArchived(services, untilMs) };
  }
  const found = await selectedExperiments(services, { folder, experiments });
  const active = found.find(({ deletedMs }) => deletedMs === undefined);
  if (experiments !== undefined && active !== undefined)
    throw new AppError("conflict", `Experiment "${active.name}" is not archived.`, { hint: "Archive it first; what is archived can be purged." });
  const roots: KeptRun[] = [];
  for (const { id } of found) roots.push(...(await runsIn(services, id, isOld)));
  return { experiments: found.filter(({ deletedMs }) => deletedMs !== undefined && deletedMs <= untilMs), roots };
}

function archivedOnly(run: KeptRun, isOld: (run: KeptRun) => boolean, archivedForMs: number | undefined): boolean {
  if (archivedSince(run) === null)
    throw new AppError("conflict", `Run "${run.id}" is not archived.`, { hint: "Archive it first; what is archived can be purged." });
  return archivedForMs === undefined || isOld(run);
}

async function allArchived({ state }: TrackingServices, untilMs: number): Promise<KeptRun[]> {
  const found: KeptRun[] = [];
  for (let after = ""; ;) {
    const page = await archivedRuns(state, untilMs, after, runsPerRead);
    found.push(...page);
    if (page.length < runsPerRead) return found;
    after = page.at(-1)!.id; // a full page has a last one
  }
}

/** Leaves out runs that must stay, and those above them. Throws `conflict` where that is not wanted. */
async function withoutKept(
  state: Reader,
  keepers: RunKeepers,
  runs: KeptRun[],
  registered: NonNullable<PurgeOptions["registered"]>,
  report: HousekeepingReport,
  explicit: boolean,
): Promise<KeptRun[]> {
  const kept = new Set<string>();
  const active = runs.filter((run) => archivedSince(run) === null);
  if (explicit && active.length > 0)
    throw new AppError("conflict", `Run "${active[0]!.id}" is nested in a run that was to be purged, and is not archived.`, {
      hint: `Archive it first, or purge its parent "${active[0]!.parent}" later.`,
    });
  for (const { id, parent } of active) {
    kept.add(id);
    leave(report, `run ${id}, nested in ${parent}, is not archived`);
  }
  if (registered !== "anyway") {
    const held: [string, string[]][] = [];
    for (const batch of batches(runs.map(({ id }) => id))) held.push(...(await keepers.holders(state, batch)));
    if (registered === "refuse" && held.length > 0) throw registeredError(held);
    for (const [run, holders] of held) {
      kept.add(run);
      leave(report, heldText(run, holders));
    }
  }
  // Parents come first in the list: backwards, each child is known before its parent.
  for (const run of runs.toReversed()) if (kept.has(run.id) && run.parent !== null) kept.add(run.parent);
  return runs.filter(({ id }) => !kept.has(id));
}

function registeredError(held: [string, string[]][]): AppError {
  const versions = [...new Set(held.flatMap(([, holders]) => holders))];
  const more = versions.length > namedAtMost ? ` and ${versions.length - namedAtMost} more` : "";
  return new AppError(
    "conflict",
    `${held.length === 1 ? `Run "${held[0]![0]}" made` : `${held.length} of the runs made`} what is registered: ${versions.slice(0, namedAtMost).join(", ")}${more}. Nothing was purged.`,
    {
      hint: "Delete the versions first, or leave these runs out; or purge the runs anyway (--even-registered): the versions keep their files.",
      details: { runs: held.map(([run]) => run).slice(0, 1_000), versions: versions.slice(0, 1_000) },
    },
  );
}

function heldText(run: string, holders: string[]): string {
  return `run ${run} made ${holders.join(", ")}`;
}

function explicitly({ runs }: Selection): boolean {
  return runs !== undefined;
}
