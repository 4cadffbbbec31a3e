import { AppError } from "#kit/app-error";
import type { CheckResult } from "./check-result.ts";
import type { TableProfile } from "./column-profile.ts";
import { compareProfiles, type ColumnDrift } from "./compare-profiles.ts";
import type { DecayPolicy, DriftPolicy } from "./define-policy.ts";
import { counted, listed, words } from "./plain-words.ts";

/**
 * Compares a window's profile with the reference under a policy. `failed` means that the policy fires. A feature whose window is
 * so small that PSI or KS would reach the limit (PSI: half of it) by chance alone is not judged.
 */
export function evaluateDrift(policy: DriftPolicy, reference: TableProfile, current: TableProfile): CheckResult {
  const drifts = compareProfiles(reference, current, policy.features ? { features: policy.features } : {});
  const found = drifts.map((drift) => ({
    column: drift.column,
    value: policy.measure === "psi" ? drift.psi : drift.ks,
    chance: byChance(policy, drift),
  }));
  const judged = found.filter((one) => one.value !== null && !one.chance).map((one) => ({ column: one.column, value: one.value! }));
  judged.sort((a, b) => b.value - a.value);
  const drifted = judged.filter((one) => one.value > policy.above);
  const tooSmall = found.filter((one) => one.value !== null && one.chance).map((one) => one.column);
  const label = policy.measure === "psi" ? "PSI" : "KS statistic";
  const worst = judged[0];
  const small = tooSmall.length > 0 ? `; the window is too small to judge ${listed(tooSmall)}` : "";
  const base = {
    name: `${label} of ${policy.features ? listed(policy.features) : "every feature"} at most ${policy.above} over ${policy.over}`,
    kind: "drift" as const,
    severity: "error" as const,
    expected: `${label} ≤ ${policy.above}`,
    details: {
      measure: policy.measure,
      limit: policy.above,
      rows: current.rows,
      judged: judged.length,
      drifted: drifted.map(({ column, value }) => ({ column, value })),
      worst: judged.slice(0, 10).map(({ column, value }) => ({ column, value })),
      tooSmall: tooSmall.slice(0, 50),
    },
  };
  if (!worst) {
    const reason = `No feature can be judged: the window has ${counted(current.rows, "row")}${small}.`;
    return { ...base, status: "inconclusive", actual: null, reason };
  }
  const fires = drifted.length > 0;
  return {
    ...base,
    status: fires ? "failed" : "passed",
    actual: worst.value,
    reason: fires
      ? `${counted(drifted.length, "feature")} drifted: the ${label} of ${worst.column} is ${words(worst.value)}, above ${policy.above}${small}.`
      : `No feature drifted: the largest ${label} is ${words(worst.value)}, of ${worst.column}${small}.`,
  };
}

/** Whether samples of this size could show the limit without any drift: twice the mean PSI, or the 95 % point of KS. */
function byChance(policy: DriftPolicy, drift: ColumnDrift): boolean {
  if (policy.measure === "psi") return (drift.psiWithoutDrift ?? 0) >= policy.above / 2;
  const [n, m] = [drift.referenceRows * (1 - drift.missing.reference), drift.currentRows * (1 - drift.missing.current)];
  return 1.358 * Math.sqrt(1 / n + 1 / m) >= policy.above;
}

/** The live AUC over a policy's window, and how many labelled rows stand behind it. */
export interface LiveAuc {
  auc: number | undefined;
  positives: number;
  negatives: number;
  standardError?: number;
}

const fewestPerClass = 50;

/**
 * Compares the live AUC with a policy's limit. `failed` means that the policy fires; fewer than 50 outcomes of either class are
 * inconclusive. Throws `invalid_argument` when the policy says "champion" and no champion's AUC is given.
 */
export function evaluateDecay(policy: DecayPolicy, live: LiveAuc, championAuc?: number): CheckResult {
  const from = policy.below === "champion" ? championAuc : policy.below;
  if (from === undefined) throw new AppError("invalid_argument", "The decay policy compares with the champion, but the champion's AUC is not known.");
  const limit = from - policy.by;
  const than = policy.below === "champion" ? `the champion's ${words(from)}${policy.by > 0 ? ` - ${policy.by}` : ""}` : words(limit);
  const rows = live.positives + live.negatives;
  const base = {
    name: `live AUC over ${policy.over} at least ${policy.below === "champion" ? `the champion's${policy.by > 0 ? ` - ${policy.by}` : ""}` : words(limit)}`,
    kind: "decay" as const,
    severity: "error" as const,
    expected: `AUC ≥ ${words(limit)}`,
    details: { limit, positives: live.positives, negatives: live.negatives, standardError: live.standardError ?? null },
  };
  if (live.auc === undefined || Math.min(live.positives, live.negatives) < fewestPerClass) {
    const reason = `Only ${counted(live.positives, "positive")} and ${counted(live.negatives, "negative")} are known so far; ${fewestPerClass} of each are needed.`;
    return { ...base, status: "inconclusive", actual: live.auc ?? null, reason };
  }
  const fires = live.auc < limit;
  const reason = `The live AUC over ${policy.over} is ${words(live.auc)} (${counted(rows, "row")}), ${fires ? "below" : "not below"} ${than}.`;
  return { ...base, status: fires ? "failed" : "passed", actual: live.auc, reason };
}
