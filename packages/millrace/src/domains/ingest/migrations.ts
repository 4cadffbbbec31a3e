import type { Migration } from "#ports/database";

export const ingestMigrations: Migration[] = [
  {
    id: "ingest-001-sources",
    statements: [
      "create table ingest_source (name text primary key, generation integer not null, digest text not null, settings text not null, file text not null, started_ms bigint not null)",
    ],
  },
];
