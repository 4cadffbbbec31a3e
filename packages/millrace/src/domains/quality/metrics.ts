import { calibrationCurve } from "./calibration-curve.ts";
import type { Floats } from "./metric-input.ts";
import { averagePrecision, brierScore, meanLogLoss, thresholdMetrics } from "./probability-metrics.ts";
import { regressionMetrics } from "./regression-metrics.ts";
import { rocAuc } from "./roc-auc.ts";

interface MetricFacts {
  /** As a sentence calls it. */
  label: string;
  better: "higher" | "lower";
  /** The values that the metric can have at all. */
  range: readonly [number, number];
  /** Undefined where the rows do not define it, such as the AUC of one class. */
  measure(labels: Floats, scores: Floats, threshold: number): number | undefined;
}

const share = [0, 1] as const;
const size = [0, Infinity] as const;

/** The metrics that checks can be written for. */
export const metrics = {
  auc: { label: "AUC", better: "higher", range: share, measure: (y, s) => rocAuc(y, s) },
  prAuc: { label: "area under the precision-recall curve", better: "higher", range: share, measure: (y, s) => averagePrecision(y, s) },
  logLoss: { label: "log loss", better: "lower", range: size, measure: (y, s) => meanLogLoss(y, s) },
  brier: { label: "Brier score", better: "lower", range: share, measure: (y, s) => brierScore(y, s) },
  calibration: { label: "calibration error", better: "lower", range: share, measure: (y, s) => calibrationCurve(y, s).error },
  accuracy: { label: "accuracy", better: "higher", range: share, measure: (y, s, at) => thresholdMetrics(y, s, at).accuracy },
  precision: { label: "precision", better: "higher", range: share, measure: (y, s, at) => thresholdMetrics(y, s, at).precision },
  recall: { label: "recall", better: "higher", range: share, measure: (y, s, at) => thresholdMetrics(y, s, at).recall },
  mae: { label: "mean absolute error", better: "lower", range: size, measure: (y, s) => regressionMetrics(y, s).mae },
  rmse: { label: "root mean squared error", better: "lower", range: size, measure: (y, s) => regressionMetrics(y, s).rmse },
  r2: { label: "R²", better: "higher", range: [-Infinity, 1], measure: (y, s) => regressionMetrics(y, s).r2 },
} as const satisfies Record<string, MetricFacts>;

export type MetricName = keyof typeof metrics;
