import { checkResultSchema } from "#domains/quality";
import { sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import { decisionSchema, outcomeSchema, type Decision, type PolicyEvaluation, type RetrainingOutcome } from "./model.ts";

interface DecisionRow {
  id: string;
  endpoint: string;
  at_ms: number;
  version: number;
  reasons: string;
  state: string;
  flow: string;
  run_id: string | null;
  outcome: string | null;
  error: string | null;
  created_ms: number;
  updated_ms: number;
}

export async function insertDecision(transaction: Transaction, decision: Decision): Promise<void> {
  await transaction.run(sql`
    insert into retraining_decision (id, endpoint, at_ms, version, reasons, state, flow, created_ms, updated_ms)
    values (${decision.id}, ${decision.endpoint}, ${decision.atMs}, ${decision.version}, ${JSON.stringify(decision.reasons)},
      ${decision.state}, ${decision.flow}, ${decision.createdMs}, ${decision.updatedMs})`);
}

export async function findDecision(reader: Reader, id: string): Promise<Decision | undefined> {
  const row = await reader.get<DecisionRow>(sql`select * from retraining_decision where id = ${id}`);
  return row && decisionOf(row);
}

/** Decisions of an endpoint, newest first. */
export async function selectDecisions(reader: Reader, endpoint: string): Promise<Decision[]> {
  const rows = await reader.all<DecisionRow>(sql`select * from retraining_decision where endpoint = ${endpoint} order by at_ms desc`);
  return rows.map(decisionOf);
}

/** The decision goes from `pending` to `running`, or keeps running; false where it is finished. */
export async function markRunning(transaction: Transaction, id: string, runId: string | null, nowMs: number): Promise<boolean> {
  const changed = await transaction.run(sql`
    update retraining_decision set state = 'running', run_id = coalesce(cast(${runId} as text), run_id), updated_ms = ${nowMs}
    where id = ${id} and state in ('pending', 'running')`);
  return changed === 1;
}

/** The end of a decision; false, changing nothing, where it is finished already. */
export async function markFinished(
  transaction: Transaction,
  id: string,
  end: { state: "done" | "failed"; runId: string | null; outcome: RetrainingOutcome | null; error: string | null },
  nowMs: number,
): Promise<boolean> {
  const changed = await transaction.run(sql`
    update retraining_decision set state = ${end.state}, run_id = coalesce(cast(${end.runId} as text), run_id),
      outcome = ${end.outcome && JSON.stringify(end.outcome)}, error = ${end.error}, updated_ms = ${nowMs}
    where id = ${id} and state in ('pending', 'running')`);
  return changed === 1;
}

export async function insertEvaluation(transaction: Transaction, evaluation: PolicyEvaluation, nowMs: number): Promise<void> {
  const { endpoint, dayEndMs, version, results, decision, restUntilMs } = evaluation;
  await transaction.run(sql`
    insert into retraining_evaluation (endpoint, day_end_ms, version, results, decision, rest_until_ms, evaluated_ms)
    values (${endpoint}, ${dayEndMs}, ${version}, ${JSON.stringify(results)}, ${decision?.id}, ${restUntilMs}, ${nowMs})`);
}

export async function findEvaluation(reader: Reader, endpoint: string, dayEndMs: number): Promise<PolicyEvaluation | undefined> {
  const row = await reader.get<{ version: number | null; results: string; decision: string | null; rest_until_ms: number | null }>(
    sql`select version, results, decision, rest_until_ms from retraining_evaluation where endpoint = ${endpoint} and day_end_ms = ${dayEndMs}`,
  );
  if (!row) return undefined;
  return {
    endpoint,
    dayEndMs,
    version: row.version ?? undefined,
    results: checkResultSchema.array().parse(JSON.parse(row.results)),
    decision: row.decision === null ? undefined : await findDecision(reader, row.decision),
    restUntilMs: row.rest_until_ms ?? undefined,
  };
}

/** How many decisions there are by endpoint, state and whether the new version was promoted. */
export async function countDecisions(reader: Reader): Promise<{ endpoint: string; trigger: string; result: string; count: number }[]> {
  const rows = await reader.all<DecisionRow>(sql`select * from retraining_decision`);
  const counts = new Map<string, { endpoint: string; trigger: string; result: string; count: number }>();
  for (const decision of rows.map(decisionOf)) {
    const trigger = [...new Set(decision.reasons.map(({ kind }) => kind))].sort().join("+");
    const result = decision.state !== "done" ? decision.state : decision.outcome?.promoted ? "promoted" : "rejected";
    const key = JSON.stringify([decision.endpoint, trigger, result]);
    const entry = counts.get(key) ?? { endpoint: decision.endpoint, trigger, result, count: 0 };
    entry.count++;
    counts.set(key, entry);
  }
  return [...counts.values()];
}

function decisionOf(row: DecisionRow): Decision {
  return decisionSchema.parse({
    id: row.id,
    endpoint: row.endpoint,
    atMs: row.at_ms,
    version: row.version,
    reasons: JSON.parse(row.reasons),
    state: row.state,
    flow: row.flow,
    runId: row.run_id,
    outcome: row.outcome === null ? null : outcomeSchema.parse(JSON.parse(row.outcome)),
    error: row.error,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  });
}
