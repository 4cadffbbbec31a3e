import type { Migration } from "#ports/database";

export const retrainingMigrations: Migration[] = [
  {
    id: "retraining-001-decisions",
    statements: [
      `create table retraining_decision (
        id text primary key, endpoint text not null, at_ms bigint not null, version bigint not null, reasons text not null, state text not null,
        flow text not null, run_id text, outcome text, error text, created_ms bigint not null, updated_ms bigint not null,
        unique (endpoint, at_ms)
      )`,
      `create table retraining_evaluation (
        endpoint text not null, day_end_ms bigint not null, version bigint, results text not null, decision text, rest_until_ms bigint,
        evaluated_ms bigint not null, primary key (endpoint, day_end_ms)
      )`,
    ],
  },
];
