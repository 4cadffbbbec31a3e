/** SQL of housekeeping: many runs at a time. Callers cut what they have into batches. */
import { sql, sqlIn } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";

/** How many runs a transaction changes, and a question asks for. */
export const runsAtOnce = 50;

export interface KeptRun {
  id: string;
  experiment: string;
  parent: string | null;
  deleted_ms: number | null;
  /** When its experiment was archived, and it with it. */
  experiment_deleted_ms: number | null;
}

/** Since when a run is archived, by itself or with its experiment; null where it is not. */
export function archivedSince({ deleted_ms: own, experiment_deleted_ms: ofExperiment }: KeptRun): number | null {
  return own ?? ofExperiment;
}

const columns = sql`r.id, r.experiment, r.parent, r.deleted_ms, e.deleted_ms as experiment_deleted_ms`;
const tables = sql`tracking_run r join tracking_experiment e on e.id = r.experiment`;

/** What runs hold beside themselves. `bytes` counts artifacts as often as runs have them. */
export interface Holdings {
  runs: number;
  points: number;
  artifacts: number;
  bytes: number;
}

export function keptRuns(reader: Reader, ids: string[]): Promise<KeptRun[]> {
  return reader.all<KeptRun>(sql`select ${columns} from ${tables} where r.id in ${sqlIn(ids)}`);
}

/** Runs directly below others. */
export function childrenOf(reader: Reader, ids: string[]): Promise<KeptRun[]> {
  return reader.all<KeptRun>(sql`select ${columns} from ${tables} where r.parent in ${sqlIn(ids)} order by r.id`);
}

/** The next runs of an experiment in order of their ids. */
export function runsOfExperiment(reader: Reader, experiment: string, afterId: string, limit: number): Promise<KeptRun[]> {
  return reader.all<KeptRun>(sql`select ${columns} from ${tables}
    where r.experiment = ${experiment} and r.id > ${afterId} order by r.id limit ${limit}`);
}

/** The next runs that were archived at or before a time, by themselves or with their experiment, in order of their ids. */
export function archivedRuns(reader: Reader, untilMs: number, afterId: string, limit: number): Promise<KeptRun[]> {
  return reader.all<KeptRun>(sql`select ${columns} from ${tables}
    where coalesce(r.deleted_ms, e.deleted_ms) <= ${untilMs} and r.id > ${afterId} order by r.id limit ${limit}`);
}

/** Archives runs that are not, or takes the archiving back. Tells which changed. */
export async function markRuns(transaction: Transaction, ids: string[], deletedMs: number | null, nowMs: number): Promise<string[]> {
  // The first statement, as `beginChange` has it: the runs stand still from here on.
  await transaction.run(sql`update tracking_run_metrics set revision = revision + 1, changed_ms = ${nowMs} where run in ${sqlIn(ids)}`);
  const changed = (await keptRuns(transaction, ids)).filter((run) => (run.deleted_ms === null) === (deletedMs !== null)).map(({ id }) => id);
  await transaction.run(sql`update tracking_run set deleted_ms = ${deletedMs} where id in ${sqlIn(changed)}`);
  return changed;
}

// A stored point is 24 bytes, one in a tail 28, after 8 bytes of a header: see `metric-columns.ts`.
export async function holdingsOf(reader: Reader, ids: string[]): Promise<Holdings> {
  const found = await reader.get<Holdings>(sql`select
    (select count(*) from tracking_run where id in ${sqlIn(ids)}) as runs,
    (select cast(coalesce(sum((length(body) - 8) / 24), 0) as bigint) from tracking_metric_segment where run in ${sqlIn(ids)})
      + (select cast(coalesce(sum((length(body) - 8) / 28), 0) as bigint) from tracking_metric_tail where run in ${sqlIn(ids)}) as points,
    (select count(*) from tracking_artifact where digest is not null and run in ${sqlIn(ids)}) as artifacts,
    (select cast(coalesce(sum(size_bytes), 0) as bigint) from tracking_artifact where run in ${sqlIn(ids)}) as bytes`);
  return found!; // an aggregate has one row
}

/** Takes runs away with everything this domain has of them. */
export async function deleteRuns(transaction: Transaction, ids: string[]): Promise<void> {
  for (const table of [
    sql`tracking_metric_tail`,
    sql`tracking_metric_segment`,
    sql`tracking_run_metrics`,
    sql`tracking_artifact`,
    sql`tracking_run_context`,
  ])
    await transaction.run(sql`delete from ${table} where run in ${sqlIn(ids)}`);
  await transaction.run(sql`delete from tracking_run where id in ${sqlIn(ids)}`);
}

export async function hasRuns(reader: Reader, experiment: string): Promise<boolean> {
  return (await reader.get(sql`select id from tracking_run where experiment = ${experiment} limit 1`)) !== undefined;
}

/** Takes an archived experiment away that has no runs. False where it has some, or is not archived. */
export async function deleteEmptyExperiment(transaction: Transaction, id: string): Promise<boolean> {
  if (await hasRuns(transaction, id)) return false;
  return (await transaction.run(sql`delete from tracking_experiment where id = ${id} and deleted_ms is not null`)) === 1;
}
