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
  {
    id: "mlflow-002-versions",
    statements: [
      // Where a version's files were when it was made, and what only MLflow asks: its stage, and the model it was logged as.
      `create table mlflow_version (
        model text not null, version bigint not null, source text not null, location text not null, logged_model text, run_link text not null,
        stage text not null, updated_ms bigint not null, primary key (model, version)
      )`,
    ],
  },
  {
    id: "mlflow-003-logged-models",
    statements: [
      // A model as a run leaves it, before anybody registers it: what clients from 3.0 on log models as.
      `create table mlflow_logged_model (
        id text primary key, experiment text not null, name text not null, source_run text, type text not null, status text not null,
        params text not null, tags text not null, created_ms bigint not null, updated_ms bigint not null, deleted_ms bigint
      )`,
      `create index mlflow_logged_model_experiment on mlflow_logged_model (experiment)`,
      `create index mlflow_logged_model_run on mlflow_logged_model (source_run)`,
      // Metric points that were measured of such a model. The value is text: databases differ in what they keep of NaN and the infinities.
      `create table mlflow_model_metric (
        model text not null, run text not null, metric text not null, step bigint not null, time_ms bigint not null, value text not null,
        dataset_name text not null, dataset_digest text not null,
        primary key (model, run, metric, step, time_ms, value, dataset_name, dataset_digest)
      )`,
    ],
  },
  {
    id: "mlflow-004-updated",
    statements: [
      // The registry itself knows now when a version was changed.
      `update registry_version set updated_ms = coalesce((select w.updated_ms from registry_model m join mlflow_version w on w.model = m.name
        where m.id = registry_version.model and w.version = registry_version.version), updated_ms)`,
      `alter table mlflow_version drop column updated_ms`,
    ],
  },
  {
    id: "mlflow-005-sources",
    statements: [
      // A crash between two transactions may have left them; each row is of a version that stands.
      `delete from mlflow_version where not exists (select 1 from registry_model m join registry_version v on v.model = m.id
        where m.name = mlflow_version.model and v.version = mlflow_version.version and v.deleted_ms is null)`,
      // By where their files came from. Only so much of it: PostgreSQL takes no keys above 2,704 bytes.
      `create index mlflow_version_source on mlflow_version (substr(source, 1, 200), model, version)`,
    ],
  },
  {
    id: "mlflow-006-issues",
    statements: [
      // What somebody found wrong with traces of an experiment; assessments of traces name it by its id.
      `create table mlflow_issue (
        id text primary key, experiment text not null, name text not null, description text not null, status text not null, severity text,
        severity_rank bigint not null, root_causes text not null, categories text not null, source_run text, created_by text,
        created_ms bigint not null, updated_ms bigint not null
      )`,
      `create index mlflow_issue_experiment on mlflow_issue (experiment, severity_rank, created_ms)`,
    ],
  },
];
