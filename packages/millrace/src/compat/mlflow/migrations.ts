import type { Migration } from "#ports/database";

/** What MLflow knows of things and no domain has a word for. */
export const mlflowMigrations: Migration[] = [
  {
    id: "mlflow-001-places",
    statements: [
      // Where the runs of an experiment have their artifacts, for those that were not made with the default.
      `create table mlflow_experiment (experiment text primary key, location text not null)`,
      // Files that a client put where no run has its artifacts. Folders have rows too (digest null).
      `create table mlflow_file (
        folder text not null, name text not null, digest text, size_bytes bigint not null, created_ms bigint not null, primary key (folder, name)
      )`,
      `create index mlflow_file_digest on mlflow_file (digest)`,
    ],
  },
];
