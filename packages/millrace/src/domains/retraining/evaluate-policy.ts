import { lastClose, liveAuc, windowProfile, windowStart, type MonitorReference } from "#domains/monitoring";
import { evaluateDecay, evaluateDrift, type CheckResult, type DecayPolicy, type DriftPolicy, type PolicyTrigger } from "#domains/quality";
import type { Endpoint, Retraining } from "#domains/serving";
import { newId } from "#kit/id";
import type { Transaction } from "#ports/database";
import type { Decision, PolicyEvaluation, RetrainingServices } from "./model.ts";
import { findEvaluation, insertDecision, insertEvaluation, selectDecisions } from "./store.ts";

/**
 * Asks an endpoint's triggers at the end of a closed day. Where one fires, and the endpoint has rested long enough since it last
 * learnt (counting decisions that failed), a decision to learn again is written down. A day is asked once: later calls give back
 * what was found. Resolves to undefined for an endpoint that never learns again or has no closed day by then.
 */
export async function evaluatePolicy(
  services: RetrainingServices,
  { endpoint, dayEndMs }: { endpoint: Pick<Endpoint, "name" | "retrain">; dayEndMs: number },
): Promise<PolicyEvaluation | undefined> {
  const { state, clock, log } = services;
  const { name, retrain } = endpoint;
  if (!retrain) return undefined;
  const before = await findEvaluation(state, name, dayEndMs);
  if (before) return before;
  const close = await lastClose(state, name, dayEndMs);
  const version = close?.servingVersion;
  if (version === undefined) return undefined;
  const reference = await services.reference(version);
  const results: CheckResult[] = [];
  for (const trigger of retrain.when) results.push(await judge(services, name, trigger, reference, dayEndMs));
  const begun = await windowStart(services, name);
  const evaluation = await state.write(async (transaction) => {
    const other = await findEvaluation(transaction, name, dayEndMs); // another process may have been faster
    if (other) return other;
    const restUntilMs = await restUntil(transaction, name, retrain, reference.trainedUntilMs ?? begun);
    const fired = results.filter(({ status }) => status === "failed");
    const decide = fired.length > 0 && (restUntilMs === undefined || dayEndMs >= restUntilMs);
    const decision = decide ? newDecision(name, retrain, version, dayEndMs, fired, clock.now()) : undefined;
    const made: PolicyEvaluation = { endpoint: name, dayEndMs, version, results, decision, restUntilMs };
    if (decision) await insertDecision(transaction, decision);
    await insertEvaluation(transaction, made, clock.now());
    return made;
  });
  if (evaluation.decision) log.info("a retraining was decided", { endpoint: name, reasons: evaluation.decision.reasons.map(({ reason }) => reason) });
  return evaluation;
}

function newDecision(endpoint: string, retrain: Retraining, version: number, atMs: number, reasons: CheckResult[], nowMs: number): Decision {
  return {
    id: newId(nowMs),
    ...{ endpoint, atMs, version, reasons },
    state: "pending",
    flow: retrain.with.name,
    ...{ runId: null, outcome: null, error: null },
    ...{ createdMs: nowMs, updatedMs: nowMs },
  };
}

/** The end of the rest after the endpoint last learnt: at its last decision, or when its present model was made. */
async function restUntil(transaction: Transaction, endpoint: string, retrain: Retraining, learntMs: number | undefined): Promise<number | undefined> {
  const [last] = await selectDecisions(transaction, endpoint);
  const latest = Math.max(last?.atMs ?? -Infinity, learntMs ?? -Infinity);
  return Number.isFinite(latest) ? latest + retrain.atMostEveryMs : undefined;
}

function judge(
  services: RetrainingServices,
  endpoint: string,
  trigger: PolicyTrigger,
  reference: MonitorReference,
  untilMs: number,
): Promise<CheckResult> {
  return trigger.kind === "drift"
    ? judgeDrift(services, endpoint, trigger, reference, untilMs)
    : judgeDecay(services, endpoint, trigger, reference, untilMs);
}

async function judgeDrift(
  services: RetrainingServices,
  endpoint: string,
  policy: DriftPolicy,
  { version, profile }: MonitorReference,
  untilMs: number,
): Promise<CheckResult> {
  const unjudged = (reason: string): CheckResult => ({
    ...{ name: `${policy.measure} over ${policy.over}`, kind: "drift", status: "inconclusive", severity: "error" },
    ...{ expected: `≤ ${policy.above}`, actual: null, reason, details: {} },
  });
  if (!profile) return unjudged(`Version ${version} came without a profile of its training rows.`);
  const begun = await windowStart(services, endpoint, version);
  if (begun === undefined || begun > untilMs - policy.overMs) return unjudged(`Version ${version} has not answered for ${policy.over} yet.`);
  const current = await windowProfile(services, endpoint, { version, overMs: policy.overMs, untilMs }, profile);
  if (!current) return unjudged(`Nothing was predicted in the last ${policy.over}.`);
  // A feature may be named as it is written in the flow: from_origin.late_rate_1h.
  const features = policy.features?.map((feature) => (feature in profile.columns ? feature : feature.replace(".", "__")));
  return evaluateDrift({ ...policy, ...(features && { features }) }, profile, current);
}

async function judgeDecay(
  services: RetrainingServices,
  endpoint: string,
  policy: DecayPolicy,
  { version, testAuc }: MonitorReference,
  untilMs: number,
): Promise<CheckResult> {
  const live = await liveAuc(services, endpoint, { version, overMs: policy.overMs, untilMs });
  const unjudged = (reason: string): CheckResult => ({
    ...{ name: `live AUC over ${policy.over}`, kind: "decay", status: "inconclusive", severity: "error" },
    ...{ expected: policy.below === "champion" ? "the champion's AUC" : `≥ ${policy.below}`, actual: live.auc ?? null, reason, details: {} },
  });
  if (policy.below === "champion" && testAuc === undefined) return unjudged(`No AUC on test rows is known of version ${version}.`);
  if (!live.full) return unjudged(`Version ${version} has not answered for ${policy.over} yet.`);
  const { auc, positives, negatives, standardError } = live;
  return evaluateDecay(policy, { auc, positives, negatives, ...(standardError !== undefined && { standardError }) }, testAuc);
}
