import type { Migration } from "#ports/database";

export const mlflowImportMigrations: Migration[] = [
  {
    id: "mlflow-import-001-items",
    statements: [
      // What was taken from which store: the stamp it had there, and the digest of what stands here since. No digest: it was begun.
      `create table mlflow_import (
        origin text not null, kind text not null, id text not null, stamp text not null, digest text, at_ms bigint not null,
        primary key (origin, kind, id)
      )`,
    ],
  },
];
