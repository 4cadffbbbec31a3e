export { type AdoptedModel, type AdoptedVersion, adoptModel } from "./adopt.ts";
export { registryBlobs } from "./blob-references.ts";
export { createModel, deleteModel, getModel, namesBefore, renameModel, updateModel } from "./change-model.ts";
export { deleteVersion, getVersion, listVersions, touchVersion, updateVersion } from "./change-version.ts";
export { listModels, type ModelCondition, type ModelFacts, modelNames, searchModels } from "./search-models.ts";
export { type KnownElsewhere, searchVersions, type VersionCondition } from "./search-versions.ts";
export { type VersionFacts, versionFacts, type VersionHead, versionHeads, versionNumbers, versionsHeld } from "./version-heads.ts";
export { aliasesHeld } from "./aliases-held.ts";
export { modelCard, writeSection } from "./card.ts";
export { type Evidence, type ModelCard } from "./card-model.ts";
export { noteStage, stageHistory } from "./stages.ts";
export { addNote, editNote, listNotes, noteHistory, removeNote } from "./notes.ts";
export { registryMigrations } from "./migrations.ts";
export {
  type AliasChange,
  type AliasMove,
  type AliasReturn,
  type DataVersion,
  type ModelFollower,
  modelNameSchema,
  type ModelVersion,
  type NewVersion,
  type RegisteredModel,
  type RegistryServices,
  type VersionChange,
  type VersionStatus,
} from "./model.ts";
export { registerVersion } from "./register-version.ts";
export { resolve } from "./resolve.ts";
export { aliasHistory, type AliasMoved, removeAlias, rollbackAlias, setAlias } from "./set-alias.ts";
export { registryRoutes } from "./routes.ts";
export { type RunVersion, versionsOfRuns } from "./versions-of-runs.ts";
