import type { Migration } from "#ports/database";

export const trackingMigrations: Migration[] = [
  {
    id: "tracking-001-runs",
    statements: [
      `create table tracking_experiment (
        id text primary key, name text not null unique, description text not null, tags text not null,
        created_ms bigint not null, updated_ms bigint not null, deleted_ms bigint
      )`,
      // What search reads and the user sets: params and tags are one JSON object each.
      `create table tracking_run (
        id text primary key, experiment text not null references tracking_experiment (id), name text not null, parent text, actor text,
        status text not null, started_ms bigint not null, ended_ms bigint, deleted_ms bigint, params text not null, tags text not null
      )`,
      `create index tracking_run_experiment on tracking_run (experiment)`,
      // What only the run's page reads.
      `create table tracking_run_context (
        run text primary key references tracking_run (id), source text not null, environment text not null, inputs text not null,
        outputs text not null, note text not null
      )`,
      // What every logged point changes. revision counts all changes of the run, of its other tables too.
      `create table tracking_run_metrics (
        run text primary key references tracking_run (id), revision bigint not null, changed_ms bigint not null, metric_keys text not null,
        latest blob not null, tail_rows integer not null, tail_points integer not null, next_seq bigint not null
      )`,
      `create index tracking_run_metrics_changed on tracking_run_metrics (changed_ms)`,
      `create table tracking_metric_tail (run text not null, seq bigint not null, body blob not null, primary key (run, seq))`,
      `create table tracking_metric_segment (
        run text not null, metric integer not null, seq bigint not null, body blob not null, primary key (run, metric, seq)
      )`,
    ],
  },
  {
    id: "tracking-002-artifacts",
    statements: [
      // Folders have rows too (digest null), so that a folder is listed by its key alone, however many files the run has.
      `create table tracking_artifact (
        run text not null references tracking_run (id), folder text not null, name text not null, digest text, size_bytes bigint not null,
        media_type text, created_ms bigint not null, primary key (run, folder, name)
      )`,
      `create index tracking_artifact_digest on tracking_artifact (digest)`,
    ],
  },
  {
    id: "tracking-003-uploads",
    statements: [
      // Uploads that do not pass through this process. What is finished is an artifact's content until its digest is known.
      `create table tracking_upload (
        id text primary key, target text not null, store_upload text not null, begun_ms bigint not null, finished_ms bigint,
        size_bytes bigint not null, digest text, digested_ms bigint
      )`,
    ],
  },
  {
    id: "tracking-004-housekeeping",
    statements: [
      `create index tracking_run_parent on tracking_run (parent)`,
      // Code changes that are kept as blobs are found without reading every run's context.
      `create index tracking_run_context_diff on tracking_run_context (run) where source like '%"diff":"%'`,
      // Which runs were purged, call by call, so that every process takes them out of what it searches.
      `create table tracking_purge (seq bigint primary key, runs text not null, purged_ms bigint not null)`,
    ],
  },
];
