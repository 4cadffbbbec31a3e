export { lineageMigrations } from "./migrations.ts";
export {
  nodeKinds,
  type ColumnSource,
  type EndpointRecord,
  type FeatureViewRecord,
  type LineageEdge,
  type LineageGraph,
  type LineageNode,
  type LineageServices,
  type ModelVersionRecord,
  type NodeKind,
  type TableRecord,
  type TrainingSetRecord,
  type WalkOptions,
} from "./model.ts";
export { recordEndpoint } from "./record-endpoint.ts";
export { recordFeatureView } from "./record-feature-view.ts";
export { recordModelVersion } from "./record-model-version.ts";
export { recordTable } from "./record-table.ts";
export { recordTrainingSet } from "./record-training-set.ts";
export { renameModelVersions } from "./rename-model.ts";
export { downstream, upstream } from "./walk.ts";
export { lineageRoutes } from "./routes.ts";
