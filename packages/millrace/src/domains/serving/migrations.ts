import type { Migration } from "#ports/database";

export const servingMigrations: Migration[] = [
  {
    id: "serving-001-endpoints",
    statements: [
      "create table serving_endpoint (name text primary key, version integer not null, shadow integer, checkpoint text, updated_ms bigint not null)",
      "create table serving_replay (name text primary key, rows_digest text not null, next_day_ms bigint not null, next_number bigint not null, updated_ms bigint not null)",
    ],
  },
];
