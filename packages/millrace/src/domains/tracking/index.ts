export { adoptArtifact } from "./adopt-artifact.ts";
export { adoptExperiment } from "./adopt-experiment.ts";
export { type AdoptedPoints, type AdoptedRun, adoptPoints, adoptRun } from "./adopt-run.ts";
export { artifactRoutes } from "./artifact-routes.ts";
export { artifactKey, checkArtifactPath, isUpload, uploadFolder } from "./artifact-path.ts";
export { archive, restore } from "./archive.ts";
export { artifactPlace, digestOfKey, trackingBlobs } from "./blob-references.ts";
export { deleteExperiment, getExperiment, listExperiments, restoreExperiment, updateExperiment } from "./change-experiment.ts";
export { deleteRun, finishRun, restoreRun, updateRun } from "./change-run.ts";
export { createExperiment, ensureExperiment } from "./create-experiment.ts";
export { cleanUploads, type StaleUpload } from "./clean-uploads.ts";
export { experimentRoutes } from "./experiment-routes.ts";
export { deleteArtifact } from "./delete-artifact.ts";
export { digestUpload, digestUploads, type RenameElsewhere } from "./digest-upload.ts";
export { type HousekeepingOptions, type HousekeepingReport, type RunKeepers, type Selection } from "./housekeeping.ts";
export { housekeepingRoutes } from "./housekeeping-routes.ts";
export { getRun, inputsOf, outputsOf, runData } from "./get-run.ts";
export { type ArtifactData, logArtifact, type NewArtifact, storeBytes, storedContent, type StoredContent } from "./log-artifact.ts";
export { type Batch, deleteTag, logBatch, logMetrics, logParams, setTags } from "./log-batch.ts";
export { logInputs, logOutputs } from "./log-data.ts";
export { logModel, modelDigest, type NewModel } from "./log-model.ts";
export { type MetricBucket, metricColumns, metricHistory, type MetricPage, sampleMetric } from "./metric-history.ts";
export { metricRoutes } from "./metric-routes.ts";
export { trackingMigrations } from "./migrations.ts";
export {
  type Artifact,
  type Experiment,
  type MetricPoint,
  type MetricValue,
  type ModelFolder,
  type ModelSignature,
  type NewExperiment,
  type NewRun,
  type Run,
  type RunDetail,
  type RunInput,
  type RunOutput,
  type RunSource,
  type RunStatus,
  signatureSchema,
  trackingLimits,
  type TrackingServices,
} from "./model.ts";
export { type MetricColumns } from "./metric-columns.ts";
export { moveExperiments } from "./move-experiments.ts";
export { purge, type PurgeOptions } from "./purge.ts";
export { applyRetention, type RetentionPolicy, type RetentionReport } from "./retention.ts";
export { getArtifact, listArtifacts, readArtifact } from "./read-artifact.ts";
export { receiveStream } from "./receive-stream.ts";
export { type RunFilter } from "./run-filter.ts";
export { runRoutes } from "./run-routes.ts";
export { runSearchRoutes } from "./run-search-routes.ts";
export { findRuns, readRuns, type RunPage, type RunSearch, searchRuns } from "./search-runs.ts";
export { runPoints } from "./run-points.ts";
export { startRun } from "./start-run.ts";
export { abortUpload, type BegunUpload, beginUpload, contentUrl, finishUpload } from "./upload.ts";
export { currentContent } from "./upload-store.ts";
