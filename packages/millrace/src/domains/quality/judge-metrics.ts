import { AppError } from "#kit/app-error";
import { calibrationCurve, gapOf } from "./calibration-curve.ts";
import type { CheckResult } from "./check-result.ts";
import type { ChampionCheck, MetricCheck, SlicesCheck } from "./define.ts";
import type { Floats } from "./metric-input.ts";
import { metrics } from "./metrics.ts";
import { counted, listed, whole, words } from "./plain-words.ts";
import { compareLogLoss } from "./probability-metrics.ts";
import { aucEstimate, compareAuc } from "./roc-auc.ts";
import { gather, sliceRows } from "./slice-rows.ts";
import type { TestRows } from "./test-rows.ts";

type Judgement = Pick<CheckResult, "status" | "actual" | "reason" | "details">;

/** Judges a metric on all test rows against its limit. */
export function judgeMetric(check: MetricCheck, { labels, scores }: Pick<TestRows, "labels" | "scores">): CheckResult {
  const { label } = metrics[check.metric];
  const value = metrics[check.metric].measure(labels, scores, check.threshold);
  if (value === undefined) {
    const reason = `The ${label} cannot be measured on these ${counted(labels.length, "row")}, for example because all have the same label.`;
    return result(check, limitText(check), { status: "inconclusive", actual: null, reason, details: { rows: labels.length } });
  }
  const passed = reaches(check, value);
  return result(check, limitText(check), {
    status: passed ? "passed" : "failed",
    actual: value,
    reason: `The ${label} is ${words(value)}, ${against(check, passed)}.${check.metric === "calibration" ? ` ${calibrationWords(labels, scores)}` : ""}`,
    details: { rows: labels.length, limit: check.limit, ...detailsOf(check, labels, scores) },
  });
}

/** Judges a metric against the champion's on the same rows. The margin decides; the paired error in the details says how sure the difference is. */
export function judgeChampion(
  check: ChampionCheck,
  { labels, scores }: Pick<TestRows, "labels" | "scores">,
  champion: Floats | undefined,
): CheckResult {
  const { label, better, measure } = metrics[check.metric];
  const expected = `at most ${words(check.by)} worse than the champion`;
  const value = measure(labels, scores, check.threshold);
  if (value === undefined) {
    const reason = `The ${label} cannot be measured on these ${counted(labels.length, "row")}, for example because all have the same label.`;
    return result(check, expected, { status: "inconclusive", actual: null, reason, details: { rows: labels.length } });
  }
  if (!champion) {
    const reason = "There is no champion yet, so there is none to be worse than.";
    return result(check, expected, { status: "passed", actual: value, reason, details: { rows: labels.length, champion: null } });
  }
  const other = measure(labels, champion, check.threshold)!; // defined on the same labels
  const worse = better === "higher" ? other - value : value - other;
  const passed = worse <= check.by;
  const side = worse > 0 ? `${words(worse)} worse than` : worse < 0 ? `${words(-worse)} better than` : "the same as";
  const verdict = passed ? "" : `, and only ${words(check.by)} is accepted`;
  return result(check, expected, {
    status: passed ? "passed" : "failed",
    actual: value,
    reason: `The ${label} is ${words(value)}, ${side} the champion's ${words(other)} on the same ${counted(labels.length, "row")}${verdict}.`,
    details: { rows: labels.length, champion: other, worse, margin: check.by, ...pairedError(check, labels, scores, champion) },
  });
}

/** Judges a metric in each slice of a column. Names the worst slice, and which ones were not judged and why. */
export function judgeSlices(check: SlicesCheck, test: TestRows): CheckResult {
  const column = test.columns.find((one) => one.name === check.column);
  if (!column) {
    const known = test.columns.map((one) => one.name).join(", ");
    throw new AppError(
      "invalid_definition",
      `The check "${check.name}" slices by "${check.column}", which the test rows lack (they have: ${known}).`,
      {
        hint: "Name a column of the training set's rows.",
      },
    );
  }
  const { label, better, measure } = metrics[check.each.metric];
  const all = sliceRows(column);
  const large = all.filter((slice) => slice.rows.length >= check.support);
  const judged: { level: string; rows: number; value: number }[] = [];
  const undecided: string[] = [];
  for (const { level, rows } of large) {
    const value = measure(gather(test.labels, rows), gather(test.scores, rows), check.each.threshold);
    if (value === undefined) undecided.push(level);
    else judged.push({ level, rows: rows.length, value });
  }
  judged.sort((a, b) => (better === "higher" ? a.value - b.value : b.value - a.value));
  const small = all.filter((slice) => slice.rows.length < check.support).map((slice) => slice.level);
  const failed = judged.filter((slice) => !reaches(check.each, slice.value));
  const worst = judged[0];
  const unjudged = notJudged(small, undecided, check.support);
  const expected = `${limitText(check.each)} in every slice of ${check.column} with ${whole(check.support)} rows or more`;
  const details = {
    column: check.column,
    support: check.support,
    judged: judged.length,
    failed: failed.length,
    worst: judged.slice(0, 20),
    tooSmall: { count: small.length, levels: small.slice(0, 50) },
    undefined: { count: undecided.length, levels: undecided.slice(0, 50) },
  };
  if (!worst) {
    const reason = `No slice of ${check.column} can be judged: ${unjudged}.`;
    return result(check, expected, { status: "inconclusive", actual: null, reason, details });
  }
  const extreme = `the ${better === "higher" ? "lowest" : "highest"} ${label} is ${words(worst.value)}, for ${check.column} ${worst.level} (${counted(worst.rows, "row")})`;
  const count =
    failed.length > 0
      ? `${failed.length} of ${counted(judged.length, "slice")} of ${check.column} fail`
      : `All ${counted(judged.length, "slice")} of ${check.column} pass`;
  return result(check, expected, {
    status: failed.length > 0 ? "failed" : "passed",
    actual: worst.value,
    reason: `${count}: ${extreme}, ${against(check.each, failed.length === 0)}${unjudged === "" ? "" : `; not judged: ${unjudged}`}.`,
    details,
  });
}

function notJudged(small: string[], undecided: string[], support: number): string {
  const parts = [];
  if (small.length > 0) parts.push(`${whole(small.length)} with fewer than ${counted(support, "row")} (${listed(small)})`);
  if (undecided.length > 0) parts.push(`${whole(undecided.length)} where the labels do not allow it (${listed(undecided)})`);
  return parts.join(", ");
}

function reaches(check: MetricCheck, value: number): boolean {
  return metrics[check.metric].better === "higher" ? value >= check.limit : value <= check.limit;
}

function against(check: MetricCheck, passed: boolean): string {
  const higher = metrics[check.metric].better === "higher";
  if (passed) return `which is ${higher ? "at least" : "at most"} ${check.limit}`;
  return `${higher ? "below" : "above"} the limit of ${check.limit}`;
}

function limitText(check: MetricCheck): string {
  return `${metrics[check.metric].label} ${metrics[check.metric].better === "higher" ? "≥" : "≤"} ${check.limit}`;
}

function calibrationWords(labels: Floats, scores: Floats): string {
  const curve = calibrationCurve(labels, scores);
  const worst = curve.bins.reduce((a, b) => (gapOf(b) > gapOf(a) ? b : a));
  const overall = `The mean score is ${words(curve.meanScore)} where ${words(curve.observed)} are positive`;
  return `${overall}; the worst bin (scores ${words(worst.low)} to ${words(worst.high)}) is off by ${words(gapOf(worst))}.`;
}

function detailsOf(check: MetricCheck, labels: Floats, scores: Floats): CheckResult["details"] {
  if (check.metric === "auc") {
    const estimate = aucEstimate(labels, scores);
    return estimate ? { standardError: estimate.standardError, low: estimate.low, high: estimate.high, errorBy: "DeLong" } : {};
  }
  if (check.metric === "calibration") {
    const { bins, maxError, inTheLarge } = calibrationCurve(labels, scores);
    return { maxError, inTheLarge, bins: bins.map((bin) => ({ ...bin })) };
  }
  if (check.metric === "accuracy" || check.metric === "precision" || check.metric === "recall") return { threshold: check.threshold };
  return {};
}

function pairedError(check: ChampionCheck, labels: Floats, scores: Floats, champion: Floats): CheckResult["details"] {
  if (check.metric === "auc") {
    const comparison = compareAuc(labels, scores, champion);
    return comparison ? { standardError: comparison.standardError, pValue: comparison.pValue, errorBy: "DeLong, paired" } : {};
  }
  if (check.metric === "logLoss") return { standardError: compareLogLoss(labels, scores, champion).standardError, errorBy: "paired differences" };
  return {};
}

function result(
  check: { name: string; kind: CheckResult["kind"]; severity: CheckResult["severity"] },
  expected: string,
  judgement: Judgement,
): CheckResult {
  return { name: check.name, kind: check.kind, severity: check.severity, expected, ...judgement };
}
