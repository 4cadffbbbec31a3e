export { entity, featureView, count, mean, sum, last, min, max, type TableHandle, type ColumnOf, type DefinedFeatureView } from "./define.ts";
export { durationMs, durationName, type Duration } from "#kit/duration";
export {
  boundViewSchema,
  entitySchema,
  featureViewSchema,
  type Aggregate,
  type BoundView,
  type Entity,
  type FeatureView,
  type KeyValue,
} from "./model.ts";
export { joinFeatures, type JoinRequest, type JoinedFeatures } from "./join-features.ts";
export { featureNames } from "./window-layout.ts";
export { restoreWindowState, snapshotWindowState } from "./window-snapshot.ts";
export { createWindowState, type WindowState, type WindowStateOptions } from "./window-state.ts";
export { explainFeatures, type FeatureExplanation } from "./explain-features.ts";
export { createOnlineFeatures, type OnlineFeatures } from "./online-features.ts";
export { splitByTime, type TimeRange, type TimeSplit } from "./split-by-time.ts";
export { buildTrainingSet, labelledRows, type TrainingSet, type TrainingSetRequest } from "./training-set.ts";
export { readAsOf, type ReadServices } from "./read-as-of.ts";
export { featureRoutes } from "./routes.ts";
