/** SQL of runs. A run belongs to the worker of its latest attempt; statements of an earlier attempt change nothing. */
import { sql, sqlJoin, sqlText, type Sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import { jsonValue } from "./json-value.ts";
import { runStatus, type CodeFacts, type Failure, type Run, type RunStatus } from "./model.ts";

export interface RunRow {
  id: string;
  flow: string;
  params: string;
  identity: string;
  status: string;
  cause: string | null;
  attempt: number;
  worker: string;
  lease_until_ms: number;
  started_ms: number;
  finished_ms: number | null;
  code_commit: string | null;
  code_dirty: number | null;
  code_branch: string | null;
  code_digest: string;
  result: string | null;
  error: string | null;
}

export interface Lease {
  worker: string;
  untilMs: number;
}

export async function insertRun(
  transaction: Transaction,
  run: { id: string; flow: string; params: string; identity: string; cause: string | null; code: CodeFacts; lease: Lease; nowMs: number },
): Promise<void> {
  const dirty = run.code.dirty === null ? null : Number(run.code.dirty);
  await transaction.run(sql`
    insert into pipeline_run (id, flow, params, identity, status, cause, attempt, worker, lease_until_ms, started_ms, code_commit, code_dirty, code_branch, code_digest)
    values (${run.id}, ${run.flow}, ${run.params}, ${run.identity}, 'running', ${run.cause}, 1, ${run.lease.worker}, ${run.lease.untilMs}, ${run.nowMs},
      ${run.code.commit}, ${dirty}, ${run.code.branch}, ${run.code.digest})`);
}

/** Gives a run to a worker: from now on earlier attempts of the run cannot start steps or finish it. */
export async function takeRun(transaction: Transaction, id: string, attempt: number, lease: Lease): Promise<void> {
  await transaction.run(sql`
    update pipeline_run set status = 'running', attempt = ${attempt}, worker = ${lease.worker}, lease_until_ms = ${lease.untilMs},
      finished_ms = null, result = null, error = null where id = ${id}`);
  await transaction.run(sql`update pipeline_step set state = 'interrupted', lease_until_ms = null where run_id = ${id} and state = 'running'`);
}

export function findRun(reader: Reader, id: string): Promise<RunRow | undefined> {
  return reader.get<RunRow>(sql`select * from pipeline_run where id = ${id}`);
}

/** The newest run with the same flow, parameters and code. */
export function findLastRun(reader: Reader, identity: string): Promise<RunRow | undefined> {
  return reader.get<RunRow>(sql`select * from pipeline_run where identity = ${identity} order by id desc limit 1`);
}

/** Records the end of a run. False, changing nothing, when another worker has taken it over. */
export async function finishRun(
  transaction: Transaction,
  end: {
    id: string;
    attempt: number;
    status: Exclude<RunStatus, "running" | "interrupted">;
    result: string | null;
    error: Failure | null;
    nowMs: number;
  },
): Promise<boolean> {
  const changed = await transaction.run(sql`
    update pipeline_run set status = ${end.status}, finished_ms = ${end.nowMs}, result = ${end.result}, error = ${end.error && JSON.stringify(end.error)}
    where id = ${end.id} and attempt = ${end.attempt} and status in ('running', 'interrupted')`);
  return changed === 1;
}

/** Extends a worker's hold on a run and its running steps. False when another worker has taken the run over. */
export async function renewLease(transaction: Transaction, run: { id: string; attempt: number }, lease: Lease): Promise<boolean> {
  const held = await transaction.run(sql`
    update pipeline_run set status = 'running', lease_until_ms = ${lease.untilMs}
    where id = ${run.id} and attempt = ${run.attempt} and status in ('running', 'interrupted')`);
  if (held === 0) return false;
  // A lease that had run out without anybody taking over is renewed as well.
  await transaction.run(sql`
    update pipeline_step set state = 'running', lease_until_ms = ${lease.untilMs}
    where run_id = ${run.id} and worker = ${lease.worker} and state in ('running', 'interrupted')`);
  return true;
}

/** Marks what dead workers left as interrupted: leases that ran out and, if `except` is given, those of all other workers. */
export async function interruptRuns(transaction: Transaction, nowMs: number, except?: string): Promise<{ runs: number; steps: number }> {
  const dead = except === undefined ? sql`lease_until_ms < ${nowMs}` : sql`(lease_until_ms < ${nowMs} or worker <> ${except})`;
  const steps = await transaction.run(sql`update pipeline_step set state = 'interrupted' where state = 'running' and ${dead}`);
  const runs = await transaction.run(sql`update pipeline_run set status = 'interrupted' where status = 'running' and ${dead}`);
  return { runs, steps };
}

export interface RunFilter {
  flow?: string;
  status?: RunStatus;
  /** Only runs older than the run with this id. */
  before?: string;
  /** At most so many; 50 when not given. */
  limit?: number;
}

/** Runs, newest first. */
export async function selectRuns(reader: Reader, { flow, status, before, limit = 50 }: RunFilter, nowMs: number): Promise<Run[]> {
  const conditions: Sql[] = [sqlText("1 = 1")];
  if (flow !== undefined) conditions.push(sql`flow = ${flow}`);
  if (before !== undefined) conditions.push(sql`id < ${before}`);
  if (status === "running") conditions.push(sql`status = 'running' and lease_until_ms >= ${nowMs}`);
  else if (status === "interrupted") conditions.push(sql`(status = 'interrupted' or (status = 'running' and lease_until_ms < ${nowMs}))`);
  else if (status !== undefined) conditions.push(sql`status = ${status}`);
  const rows = await reader.all<RunRow>(sql`select * from pipeline_run where ${sqlJoin(conditions, " and ")} order by id desc limit ${limit}`);
  return rows.map((row) => runOf(row, nowMs));
}

/** A row as it is told: a run whose worker has not been heard of for a lease counts as interrupted. */
export function runOf(row: RunRow, nowMs: number): Run {
  const status = runStatus.parse(row.status);
  return {
    id: row.id,
    flow: row.flow,
    params: JSON.parse(row.params) as Run["params"], // written from an object by insertRun
    status: status === "running" && row.lease_until_ms < nowMs ? "interrupted" : status,
    cause: row.cause,
    attempt: row.attempt,
    worker: row.worker,
    startedMs: row.started_ms,
    finishedMs: row.finished_ms,
    code: { commit: row.code_commit, dirty: row.code_dirty === null ? null : row.code_dirty === 1, branch: row.code_branch, digest: row.code_digest },
    result: jsonValue(row.result),
    error: row.error === null ? null : (JSON.parse(row.error) as Failure), // written by finishRun
  };
}
