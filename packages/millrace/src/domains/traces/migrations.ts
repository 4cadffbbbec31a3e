import type { Migration } from "#ports/database";

export const tracesMigrations: Migration[] = [
  {
    id: "traces-001-traces",
    statements: [
      `create table traces_trace (
        id text primary key, experiment text not null, name text, status text not null, started_ms bigint not null, ended_ms bigint,
        run text, session text, person text, request text, inputs text, outputs text, tags text not null, metadata text not null,
        links text not null, assessments text not null, root text, told integer not null, span_count integer not null,
        size_bytes bigint not null, revision bigint not null, changed_ms bigint not null
      )`,
      `create index traces_trace_experiment on traces_trace (experiment, started_ms)`,
      `create index traces_trace_run on traces_trace (run)`,
      `create index traces_trace_session on traces_trace (session)`,
      // Spans of one trace that came together, packed. Large ones are in the blob store, under that key.
      `create table traces_batch (
        trace text not null, digest text not null, span_ids text not null, size_bytes bigint not null, body blob, blob_key text,
        primary key (trace, digest)
      )`,
    ],
  },
  // Searches of several experiments, or of all, walk through time.
  { id: "traces-002-time", statements: [`create index traces_trace_started on traces_trace (started_ms)`] },
  {
    id: "traces-003-early-links",
    statements: [
      // Links of traces that are yet to come.
      `create table traces_early_link (trace text primary key, links text not null, made_ms bigint not null)`,
      `create index traces_early_link_made on traces_early_link (made_ms)`,
    ],
  },
];
