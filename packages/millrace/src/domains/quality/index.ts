export {
  accuracy,
  auc,
  brier,
  calibration,
  directional,
  gate,
  invariant,
  logLoss,
  mae,
  minimumFunctionality,
  prAuc,
  precision,
  r2,
  recall,
  rmse,
  slices,
  warn,
  type Gate,
  type GateCheck,
} from "./define.ts";
export { decay, drift, type DecayPolicy, type DriftPolicy, type PolicyTrigger } from "./define-policy.ts";
export { evaluateDecay, evaluateDrift, type LiveAuc } from "./evaluate-policy.ts";
export { checkResultSchema, verdictOf, type CheckResult, type CheckStatus } from "./check-result.ts";
export { evaluateGate, type GateReport, type GateRequest } from "./evaluate-gate.ts";
export type { RowModel, TestRows } from "./test-rows.ts";
export { rowAt, type Row, type RowValue } from "./table-rows.ts";
export type { RandomSource } from "./seeded-random.ts";
export { evaluateModel, type EvaluationRequest, type GroupMetrics, type ModelEvaluation } from "./evaluate-model.ts";
export { checkData, type DataLimits } from "./check-data.ts";
export {
  parseProfile,
  tableProfileSchema,
  type CategoryProfile,
  type ColumnProfile,
  type NumberProfile,
  type TableProfile,
} from "./column-profile.ts";
export { profileOf, type ProfileOptions, type TableColumn } from "./profile-columns.ts";
export { mergeProfiles } from "./merge-profiles.ts";
export { compareProfiles, type ColumnDrift, type CompareOptions, type DriftBin } from "./compare-profiles.ts";
export {
  addScores,
  emptyScoreHistogram,
  histogramMetrics,
  mergeScores,
  scoreHistogramSchema,
  type HistogramMetrics,
  type ScoreHistogram,
} from "./score-histogram.ts";
export { aucEstimate, compareAuc, rocAuc, type AucComparison, type AucEstimate } from "./roc-auc.ts";
export { averagePrecision, brierScore, compareLogLoss, meanLogLoss, thresholdMetrics, type ThresholdMetrics } from "./probability-metrics.ts";
export { calibrationCurve, type CalibrationBin, type CalibrationCurve } from "./calibration-curve.ts";
export { regressionMetrics, type RegressionMetrics } from "./regression-metrics.ts";
export { evidentlyDatasetDrift, evidentlyDrift, type DialectDrift, type EvidentlyTest } from "./evidently-dialect.ts";
export { nannymlDrift, nannymlThresholds, type NannymlMethod } from "./nannyml-dialect.ts";
export type { RawColumn } from "./raw-column.ts";
export {
  modelBlob,
  qualitySteps,
  readSignature,
  readTraining,
  type ChosenParams,
  type RegisterOptions,
  type RegisterServices,
  type Registered,
} from "./register-step.ts";
