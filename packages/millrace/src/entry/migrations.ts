import { mlflowMigrations } from "#compat/mlflow";
import { mlflowImportMigrations } from "#compat/mlflow-import";
import { accessMigrations } from "#domains/access";
import { ingestMigrations } from "#domains/ingest";
import { lineageMigrations } from "#domains/lineage";
import { projectMigrations } from "#domains/project";
import { pipelinesMigrations } from "#domains/pipelines";
import { transformMigrations } from "#domains/transform";
import { trackingMigrations } from "#domains/tracking";
import { tracesMigrations } from "#domains/traces";
import { registryMigrations } from "#domains/registry";
import { servingMigrations } from "#domains/serving";
import { monitoringMigrations } from "#domains/monitoring";
import { retrainingMigrations } from "#domains/retraining";
import { webhookMigrations } from "#domains/webhooks";
import type { Migration } from "#ports/database";

/** Every domain's tables, in the order of the domains. */
export const migrations: Migration[] = [
  ...accessMigrations,
  ...webhookMigrations,
  ...lineageMigrations,
  ...projectMigrations,
  ...ingestMigrations,
  ...transformMigrations,
  ...pipelinesMigrations,
  ...trackingMigrations,
  ...tracesMigrations,
  ...registryMigrations,
  ...servingMigrations,
  ...monitoringMigrations,
  ...retrainingMigrations,
  ...mlflowMigrations,
  ...mlflowImportMigrations,
];
