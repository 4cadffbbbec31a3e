import { archive, runsIn } from "./archive.ts";
import { type HousekeepingOptions, type HousekeepingReport, isInFolder, mustStop, type RunKeepers } from "./housekeeping.ts";
import { purge } from "./purge.ts";
import { isEnded, type TrackingServices } from "./model.ts";
import { allExperiments, runRows, parseRun } from "./store.ts";

/** How long runs are kept; see the project's configuration. */
export interface RetentionPolicy {
  /** Archived runs and experiments are purged after this. */
  purgeArchivedAfterMs: number | undefined;
  /** Runs of experiments in these folders are archived this long after they ended. */
  archive: { folder: string; afterMs: number }[];
}

export interface RetentionReport {
  archived: HousekeepingReport[];
  purged: HousekeepingReport | undefined;
  done: boolean;
}

/** A run with this tag is archived by nobody but people. */
const keepTag = "keep";
const runsPerRead = 500;

/**
 * Does what a policy asks for: archives runs that ended long ago, unless they have the tag `keep`, still go on, or a registered
 * version was made by them or by a run nested in them; then purges what has been archived for long, leaving what versions refer to.
 */
export async function applyRetention(
  services: TrackingServices,
  keepers: RunKeepers,
  policy: RetentionPolicy,
  options: HousekeepingOptions = {},
): Promise<RetentionReport> {
  const report: RetentionReport = { archived: [], purged: undefined, done: true };
  for (const rule of policy.archive) {
    const runs = await expired(services, keepers, rule);
    if (runs.length === 0) continue;
    const archived = await archive(services, { runs }, options);
    report.archived.push(archived);
    if (!archived.done) return { ...report, done: false };
  }
  if (policy.purgeArchivedAfterMs === undefined) return report;
  if (mustStop(services, options)) return { ...report, done: false };
  report.purged = await purge(services, keepers, { archivedForMs: policy.purgeArchivedAfterMs }, { ...options, registered: "leave" });
  return { ...report, done: report.purged.done };
}

/** Runs at the top of a folder's experiments that a rule archives. A nested run shares its parent's fate. */
async function expired(services: TrackingServices, keepers: RunKeepers, { folder, afterMs }: RetentionPolicy["archive"][number]): Promise<string[]> {
  const { state, clock } = services;
  const untilMs = clock.now() - afterMs;
  const found: string[] = [];
  for (const { id, name, deletedMs } of await allExperiments(state)) {
    if (deletedMs !== undefined || !isInFolder(name, folder)) continue;
    const active = await runsIn(services, id, (run) => run.deleted_ms === null);
    const needed = new Set<string>();
    const old = new Set<string>();
    for (let i = 0; i < active.length; i += runsPerRead) {
      const ids = active.slice(i, i + runsPerRead).map((run) => run.id);
      for (const run of (await runRows(state, ids)).map(parseRun)) {
        const ended = isEnded(run.status) && (run.endedMs ?? run.startedMs) <= untilMs;
        if (!ended || Object.hasOwn(run.tags, keepTag)) needed.add(run.id);
        else old.add(run.id);
      }
      for (const run of (await keepers.holders(state, ids)).keys()) needed.add(run);
    }
    const parents = new Map(active.map((run) => [run.id, run.parent]));
    for (const run of [...needed])
      for (let above = parents.get(run); above != null && !needed.has(above); above = parents.get(above)) needed.add(above);
    found.push(...[...old].filter((run) => !needed.has(run) && isTop(run, parents, needed)));
  }
  return found;
}

/** Whether no run above it stays: archiving the topmost takes those nested in it along. */
function isTop(run: string, parents: Map<string, string | null>, needed: Set<string>): boolean {
  const parent = parents.get(run);
  return parent == null || !parents.has(parent) || needed.has(parent);
}
