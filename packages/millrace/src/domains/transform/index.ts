/** SQL transforms: a project's models as dbt writes them, built into the lake in dependency order, tested, and followed column by column. */
export type { BuildAction } from "./build-decision.ts";
export { assertBuilt, buildModels, type BuildOptions, type BuildProgress, type BuildStatus, type ModelResult } from "./build-models.ts";
export type { LineageFacts } from "./build-session.ts";
export { columnLineage, type ColumnLineage } from "./column-lineage.ts";
export { describeModels } from "./describe-models.ts";
export { generateHandles, writeHandles } from "./generate-handles.ts";
export { loadModels, type LoadOptions } from "./load-models.ts";
export { memoryBuildStore } from "./memory-build-store.ts";
export { transformMigrations } from "./migrations.ts";
export { modelRelation, modelRelationOver, type ModelRelation } from "./model-relation.ts";
export {
  buildRecordSchema,
  modelSchema,
  type BuildRecord,
  type BuildStore,
  type ColumnOrigin,
  type DataTest,
  type Model,
  type ModelConfig,
  type ProjectGraph,
  type RecordedColumn,
  type SingularTest,
  type TestResult,
} from "./model.ts";
export { planBuild, type PlannedModel } from "./plan-build.ts";
export { selectModels } from "./select-models.ts";
export { stateBuildStore } from "./state-build-store.ts";
