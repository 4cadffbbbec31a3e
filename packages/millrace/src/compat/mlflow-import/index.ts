/** Moving in from MLflow's stores and servers, and out to them. */
export { exportMlflow } from "./export-mlflow.ts";
export { openFileSource } from "./file-source.ts";
export { importMlflow, type ImportOptions } from "./import-mlflow.ts";
export { mlflowImportMigrations } from "./migrations.ts";
export { reportKinds, type TransferReport } from "./report.ts";
export { openRestSource } from "./rest-source.ts";
export { type MlflowSource } from "./source.ts";
export { openSqlSource } from "./sql-source.ts";
