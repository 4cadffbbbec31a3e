/** MLflow's REST protocol over tracking, registry and artifacts: its clients of 2.x and 3.x, unchanged. */
export { ensureStandard } from "./experiments.ts";
export { mlflowBlobs } from "./blob-references.ts";
export { renameFileContent } from "./files.ts";
export { forgetExperiments, forgetRuns } from "./forget.ts";
export { isFromMlflow, onnxVersion } from "./onnx-version.ts";
export { mlflowMigrations } from "./migrations.ts";
export { mlflowRoutes } from "./routes.ts";
export { mlflowProbeRoutes } from "./server.ts";
export { mlflowWebhookFormat } from "./webhook-format.ts";
// What moving in and out of other stores needs of the tables that only the protocol has.
export { adoptLoggedModel, adoptVersionRow, anyLoggedModel, forgetExperimentLocation, loggedModelsAfter } from "./adopt-rows.ts";
export { filesBelow, getFile, putFile, rootPath } from "./artifact-tree.ts";
export { metricsOf, type ModelMetric } from "./logged-model-metrics.ts";
export { type LoggedModel } from "./logged-model-reads.ts";
export { experimentLocation, runRoot, saveExperimentLocation } from "./places.ts";
export { folderAt } from "./version-source.ts";
export { mlflowFollower, type VersionRow, versionRows } from "./version-rows.ts";
export { knownVersions } from "./wire-model.ts";
export { type AdoptedTrace, adoptedAssessment, adoptedTrace, adoptTrace, holdsTrace, traceDigest, traceFolder } from "./adopt-trace.ts";
export { givenTrace } from "./give-trace.ts";
export { wireId as wireTraceId } from "./trace-wire.ts";
