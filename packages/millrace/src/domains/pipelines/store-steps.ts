/** SQL of steps. `attempt` is the fencing token: only the latest attempt of a step may record its end. */
import { sql, sqlText } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import { jsonValue } from "./json-value.ts";
import { stepState, type Cost, type Failure, type Step, type StepRef } from "./model.ts";
import type { KeyPart, StepKey } from "./step-key.ts";
import type { Lease } from "./store-runs.ts";

interface StepRow {
  run_id: string;
  id: string;
  name: string;
  label: string;
  position: number;
  key: string;
  parts: string;
  state: string;
  attempt: number;
  worker: string;
  lease_until_ms: number | null;
  source_run_id: string | null;
  source_step_id: string | null;
  output: string | null;
  summary: string | null;
  error: string | null;
  progress_fraction: number | null;
  progress_text: string | null;
  started_ms: number;
  finished_ms: number | null;
  wall_ms: number | null;
  cpu_ms: number | null;
  peak_rss_bytes: number | null;
}

export interface StepCall {
  run: { id: string; attempt: number };
  id: string;
  name: string;
  label: string;
  index: number;
  key: StepKey;
  /** Takes no output from other steps. */
  fresh: boolean;
  /** Takes not even this step's own output of an earlier attempt of the run. */
  again: boolean;
}

export type Claim =
  /** The caller runs the step, as this attempt. */
  | { outcome: "claimed"; attempt: number }
  /** An output for the key exists; `recorded` says whether this call was the one that took it for this step. */
  | { outcome: "cached"; attempt: number; output: string | null; summary: string | null; from: StepRef; recorded: boolean }
  /** A step with the same key runs elsewhere. */
  | { outcome: "busy"; holder: StepRef }
  /** Another worker has taken the run over. */
  | { outcome: "superseded" };

/** The run's holder, what the step's row holds, and the best other step with the same key, if any. */
interface ClaimRow extends Pick<StepRow, "key" | "state" | "output" | "summary" | "source_run_id" | "source_step_id"> {
  run_attempt: number;
  attempt: number | null;
  other_run_id: string | null;
  other_id: string;
  other_state: string;
  other_output: string | null;
  other_summary: string | null;
}

/**
 * Decides what becomes of a call of a step, and records it: the output it finished with earlier in this run, the output of
 * another step with the same key, waiting for such a step, or running it.
 *
 * @param aliveFromMs leases that end before this time are those of dead workers
 */
export async function claimStep(
  transaction: Transaction,
  call: StepCall,
  lease: Lease,
  time: { nowMs: number; aliveFromMs: number },
): Promise<Claim> {
  const row = await selectClaim(transaction, call, lease, time.aliveFromMs);
  if (row === undefined || row.run_attempt !== call.run.attempt) return { outcome: "superseded" };
  if (row.key === call.key.digest && !call.again) {
    const kept = await keptOutput(transaction, call, row);
    if (kept) return kept;
  }
  if (row.other_run_id !== null) {
    const from = { runId: row.other_run_id, stepId: row.other_id };
    if (row.other_state === "running") return { outcome: "busy", holder: from };
    const attempt = row.attempt ?? 1;
    const summary = row.other_summary;
    await putStep(transaction, call, { state: "cached", attempt, lease, leaseUntilMs: null, from, summary, nowMs: time.nowMs });
    return { outcome: "cached", attempt, output: row.other_output, summary, from, recorded: true };
  }
  const attempt = (row.attempt ?? 0) + 1;
  await putStep(transaction, call, { state: "running", attempt, lease, leaseUntilMs: lease.untilMs, from: null, summary: null, nowMs: time.nowMs });
  return { outcome: "claimed", attempt };
}

/** All that a claim depends on, in one question: on a server each question costs a way there and back. */
function selectClaim(transaction: Transaction, call: StepCall, lease: Lease, aliveFromMs: number): Promise<ClaimRow | undefined> {
  const usable =
    call.fresh || call.again
      ? sqlText("1 = 0")
      : sql`(o.state = 'succeeded' or (o.state = 'running' and o.worker <> ${lease.worker} and o.lease_until_ms >= ${aliveFromMs}))`;
  return transaction.get<ClaimRow>(sql`
    select r.attempt as run_attempt, s.key, s.state, s.attempt, s.output, s.summary, s.source_run_id, s.source_step_id,
      o.run_id as other_run_id, o.id as other_id, o.state as other_state, o.output as other_output, o.summary as other_summary
    from pipeline_run r
    left join pipeline_step s on s.run_id = r.id and s.id = ${call.id}
    left join pipeline_step o on o.key = ${call.key.digest} and ${usable}
    where r.id = ${call.run.id}
    order by case when o.state = 'succeeded' then 0 else 1 end, o.finished_ms desc limit 1`);
}

async function keptOutput(transaction: Transaction, call: StepCall, own: ClaimRow): Promise<Claim | undefined> {
  const attempt = own.attempt ?? 1;
  if (own.state === "succeeded") {
    const from = { runId: call.run.id, stepId: call.id };
    return { outcome: "cached", attempt, output: own.output, summary: own.summary, from, recorded: false };
  }
  if (own.state !== "cached" || !own.source_run_id || !own.source_step_id) return undefined;
  const from = { runId: own.source_run_id, stepId: own.source_step_id };
  const source = await transaction.get<StepRow>(sql`
    select output, summary from pipeline_step
    where run_id = ${from.runId} and id = ${from.stepId} and state = 'succeeded' and key = ${call.key.digest}`);
  return source && { outcome: "cached", attempt, output: source.output, summary: source.summary, from, recorded: false };
}

async function putStep(
  transaction: Transaction,
  call: StepCall,
  to: {
    state: "running" | "cached";
    attempt: number;
    lease: Lease;
    leaseUntilMs: number | null;
    from: StepRef | null;
    summary: string | null;
    nowMs: number;
  },
): Promise<void> {
  const finishedMs = to.state === "cached" ? to.nowMs : null;
  const zeroCost = to.state === "cached" ? 0 : null;
  await transaction.run(sql`
    insert into pipeline_step (run_id, id, name, label, position, key, parts, state, attempt, worker, lease_until_ms, source_run_id, source_step_id,
      summary, started_ms, finished_ms, wall_ms, cpu_ms, peak_rss_bytes)
    values (${call.run.id}, ${call.id}, ${call.name}, ${call.label}, ${call.index}, ${call.key.digest}, ${JSON.stringify(call.key.parts)}, ${to.state},
      ${to.attempt}, ${to.lease.worker}, ${to.leaseUntilMs}, ${to.from?.runId}, ${to.from?.stepId}, ${to.summary}, ${to.nowMs}, ${finishedMs},
      ${zeroCost}, ${zeroCost}, ${zeroCost})
    on conflict (run_id, id) do update set name = excluded.name, label = excluded.label, position = excluded.position, key = excluded.key,
      parts = excluded.parts, state = excluded.state, attempt = excluded.attempt, worker = excluded.worker, lease_until_ms = excluded.lease_until_ms,
      source_run_id = excluded.source_run_id, source_step_id = excluded.source_step_id, output = null, summary = excluded.summary, error = null,
      progress_fraction = null, progress_text = null, started_ms = excluded.started_ms, finished_ms = excluded.finished_ms,
      wall_ms = excluded.wall_ms, cpu_ms = excluded.cpu_ms, peak_rss_bytes = excluded.peak_rss_bytes`);
}

export interface StepEnd {
  runId: string;
  id: string;
  attempt: number;
  state: "succeeded" | "failed" | "cancelled";
  output: string | null;
  summary: string | null;
  error: Failure | null;
  cost: Cost;
  nowMs: number;
}

/** Records the end of an attempt. False, changing nothing, when a later attempt has begun. */
export async function finishStep(transaction: Transaction, end: StepEnd): Promise<boolean> {
  const changed = await transaction.run(sql`
    update pipeline_step set state = ${end.state}, output = ${end.output}, summary = ${end.summary}, error = ${end.error && JSON.stringify(end.error)},
      lease_until_ms = null, finished_ms = ${end.nowMs}, wall_ms = ${end.cost.wallMs}, cpu_ms = ${end.cost.cpuMs},
      peak_rss_bytes = ${Math.round(end.cost.peakRssBytes)}
    where run_id = ${end.runId} and id = ${end.id} and attempt = ${end.attempt} and state in ('running', 'interrupted')`);
  return changed === 1;
}

export async function saveProgress(
  transaction: Transaction,
  step: { runId: string; id: string; attempt: number; fraction: number | null; text: string | null },
): Promise<void> {
  await transaction.run(sql`
    update pipeline_step set progress_fraction = ${step.fraction}, progress_text = ${step.text}
    where run_id = ${step.runId} and id = ${step.id} and attempt = ${step.attempt} and state = 'running'`);
}

/** What earlier attempts of a run left, to give its steps their ids again. */
export function selectStepIds(reader: Reader, runId: string): Promise<{ id: string; name: string; key: string; state: string }[]> {
  return reader.all(sql`select id, name, key, state from pipeline_step where run_id = ${runId} order by position`);
}

/** The steps of a run in the order of their calls; a cached one has the output of the step it was taken from. */
export async function selectSteps(reader: Reader, runId: string, nowMs: number): Promise<Step[]> {
  const rows = await reader.all<StepRow & { source_output: string | null }>(sql`
    select s.*, source.output as source_output from pipeline_step s
    left join pipeline_step source on source.run_id = s.source_run_id and source.id = s.source_step_id
    where s.run_id = ${runId} order by s.position, s.id`);
  return rows.map((row) => stepOf(row, nowMs));
}

function stepOf(row: StepRow & { source_output: string | null }, nowMs: number): Step {
  const state = stepState.parse(row.state);
  const cached = row.source_run_id !== null && row.source_step_id !== null;
  return {
    id: row.id,
    name: row.name,
    label: row.label,
    index: row.position,
    key: row.key,
    state: state === "running" && (row.lease_until_ms ?? 0) < nowMs ? "interrupted" : state,
    attempt: row.attempt,
    worker: row.worker,
    cachedFrom: cached ? { runId: row.source_run_id!, stepId: row.source_step_id! } : null,
    output: jsonValue(cached ? row.source_output : row.output),
    summary: row.summary,
    error: row.error === null ? null : (JSON.parse(row.error) as Failure), // written by finishStep
    progress: { fraction: row.progress_fraction, text: row.progress_text },
    startedMs: row.started_ms,
    finishedMs: row.finished_ms,
    cost: row.wall_ms === null ? null : { wallMs: row.wall_ms, cpuMs: row.cpu_ms ?? 0, peakRssBytes: row.peak_rss_bytes ?? 0 },
  };
}

/** A step with the parts of its key. */
export interface KeyedStep {
  runId: string;
  stepId: string;
  name: string;
  state: string;
  key: string;
  parts: Record<string, KeyPart>;
  attempt: number;
  startedMs: number;
  cachedFrom: StepRef | null;
}

export async function selectKeyedStep(reader: Reader, { runId, stepId }: StepRef): Promise<KeyedStep | undefined> {
  const row = await reader.get<StepRow>(sql`select * from pipeline_step where run_id = ${runId} and id = ${stepId}`);
  return row && keyedStepOf(row);
}

/** Steps of the same kind that were started before, newest first, at most 100; those that were cached did not run and are left out. */
export async function selectEarlierSteps(reader: Reader, step: KeyedStep): Promise<KeyedStep[]> {
  const rows = await reader.all<StepRow>(sql`
    select * from pipeline_step
    where name = ${step.name} and started_ms <= ${step.startedMs} and state <> 'cached' and not (run_id = ${step.runId} and id = ${step.stepId})
    order by started_ms desc, run_id desc, position desc limit 100`);
  return rows.map(keyedStepOf);
}

function keyedStepOf(row: StepRow): KeyedStep {
  return {
    runId: row.run_id,
    stepId: row.id,
    name: row.name,
    state: row.state,
    key: row.key,
    parts: JSON.parse(row.parts) as Record<string, KeyPart>, // written by putStep
    attempt: row.attempt,
    startedMs: row.started_ms,
    cachedFrom: row.source_run_id && row.source_step_id ? { runId: row.source_run_id, stepId: row.source_step_id } : null,
  };
}
