import type { Migration } from "#ports/database";

export const accessMigrations: Migration[] = [
  {
    id: "access-001-tokens",
    statements: [
      "create table access_token (name text primary key, digest text not null unique, permissions text not null, created_ms bigint not null, revoked_ms bigint)",
    ],
  },
];
