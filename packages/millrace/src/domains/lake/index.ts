/** Versioned tables: Delta Lake, read and written by the warehouse over a blob store. */
export { openLake } from "./open-lake.ts";
export type {
  AppendOptions,
  FileStatistics,
  Lake,
  LakeChanges,
  LakeFile,
  LakeSnapshot,
  LakeVersion,
  Rows,
  VersionChoice,
  WriteOptions,
  WriteResult,
} from "./model.ts";
export { lakeRoutes } from "./routes.ts";
