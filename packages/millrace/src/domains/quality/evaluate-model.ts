import { calibrationCurve, type CalibrationBin, type CalibrationCurve } from "./calibration-curve.ts";
import type { Floats } from "./metric-input.ts";
import { averagePrecision, brierScore, meanLogLoss, thresholdMetrics } from "./probability-metrics.ts";
import type { TableColumn } from "./profile-columns.ts";
import { regressionMetrics } from "./regression-metrics.ts";
import { aucEstimate, rocAuc } from "./roc-auc.ts";
import { gather, sliceRows } from "./slice-rows.ts";

export interface EvaluationRequest {
  task: "binary" | "regression";
  labels: Floats;
  scores: Floats;
  weights?: Floats;
  /** Score at or above which the answer counts as yes. */
  threshold?: number;
  /** Columns to slice by, and the fewest rows a slice must have. */
  slices?: { columns: readonly TableColumn[]; support?: number };
  /** Epoch milliseconds of each row, for metrics by UTC day. */
  timeMs?: Float64Array;
}

/** A model's quality on a group of rows; metrics that the rows do not define are left out. */
export interface GroupMetrics {
  rows: number;
  /** Share of positives, or mean label. */
  meanLabel: number;
  meanScore: number;
  metrics: Record<string, number>;
}

export interface ModelEvaluation {
  task: "binary" | "regression";
  rows: number;
  /**
   * By name, ready for tracking. Binary: `auc`, `auc_standard_error` (DeLong), `auc_low`, `auc_high`, `pr_auc`, `log_loss`, `brier`, `calibration_error`,
   * `calibration_in_the_large`, `accuracy`, `precision`, `recall`, `f1`, `base_rate`. Regression: `mae`, `rmse`, `r2`, `bias`.
   */
  metrics: Record<string, number>;
  calibration: CalibrationBin[];
  slices: (GroupMetrics & { column: string; level: string })[];
  /** Slices left out because they have fewer rows than the support, by column. */
  smallSlices: Record<string, number>;
  byDay: (GroupMetrics & { day: string })[];
}

const dayMs = 86_400_000;

/** Measures a model on held-out rows: all metrics, calibration, slices from worst to best, and days in order. */
export function evaluateModel(request: EvaluationRequest): ModelEvaluation {
  const { task, labels, scores, weights, timeMs } = request;
  const calibration = task === "binary" ? calibrationCurve(labels, scores, weights && { weights }) : undefined;
  const support = request.slices?.support ?? 100;
  const slices: ModelEvaluation["slices"] = [];
  const smallSlices: Record<string, number> = {};
  for (const column of request.slices?.columns ?? []) {
    const all = sliceRows(column);
    const large = all.filter((slice) => slice.rows.length >= support);
    smallSlices[column.name] = all.length - large.length;
    const measured = large.map(({ level, rows }) => ({ column: column.name, level, ...groupOf(request, rows) }));
    slices.push(...measured.sort((a, b) => badness(b) - badness(a)));
  }
  return {
    task,
    rows: labels.length,
    metrics: defined(calibration ? binaryMetrics(request, calibration) : { ...regressionMetrics(labels, scores, weights) }),
    calibration: calibration?.bins ?? [],
    slices,
    smallSlices,
    byDay: timeMs ? byDay(request, timeMs) : [],
  };
}

function binaryMetrics({ labels, scores, weights, threshold }: EvaluationRequest, calibration: CalibrationCurve): Record<string, number | undefined> {
  const at = thresholdMetrics(labels, scores, threshold, weights);
  const estimate = weights ? undefined : aucEstimate(labels, scores); // DeLong's error knows no weights
  return {
    auc: rocAuc(labels, scores, weights),
    auc_standard_error: estimate?.standardError,
    auc_low: estimate?.low,
    auc_high: estimate?.high,
    pr_auc: averagePrecision(labels, scores, weights),
    log_loss: meanLogLoss(labels, scores, weights),
    brier: brierScore(labels, scores, weights),
    calibration_error: calibration.error,
    calibration_in_the_large: calibration.inTheLarge,
    accuracy: at.accuracy,
    precision: at.precision,
    recall: at.recall,
    f1: at.f1,
    base_rate: calibration.observed,
  };
}

function byDay(request: EvaluationRequest, timeMs: Float64Array): ModelEvaluation["byDay"] {
  const days = timeMs.map((time) => Math.floor(time / dayMs));
  const levels = [...new Set(days)].sort((a, b) => a - b);
  const codeOf = new Map(levels.map((day, code) => [day, code]));
  const names = levels.map((day) => new Date(day * dayMs).toISOString().slice(0, 10));
  const groups = sliceRows({ name: "day", kind: "category", codes: Int32Array.from(days, (day) => codeOf.get(day)!), levels: names });
  return groups.map(({ level, rows }) => ({ day: level, ...groupOf(request, rows) }));
}

/** The metrics that stand beside each other in a table of slices or days. Unweighted. */
function groupOf({ task, labels, scores }: EvaluationRequest, rows: Uint32Array): GroupMetrics {
  const [y, s] = [gather(labels, rows), gather(scores, rows)];
  const binary = () => ({ auc: rocAuc(y, s), log_loss: meanLogLoss(y, s) });
  const metrics: Record<string, number | undefined> = task === "binary" ? binary() : { ...regressionMetrics(y, s) };
  return { rows: rows.length, meanLabel: mean(y), meanScore: mean(s), metrics: defined(metrics) };
}

function badness({ metrics }: GroupMetrics): number {
  return metrics["auc"] !== undefined ? -metrics["auc"] : (metrics["rmse"] ?? -Infinity);
}

function mean(values: Floats): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function defined(metrics: Record<string, number | undefined>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter((entry): entry is [string, number] => entry[1] !== undefined));
}
