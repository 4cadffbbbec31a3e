import type { Migration } from "#ports/database";

export const accessMigrations: Migration[] = [
  {
    id: "access-001-tokens",
    statements: [
      "create table access_token (name text primary key, digest text not null unique, permissions text not null, created_ms bigint not null, revoked_ms bigint)",
    ],
  },
  {
    id: "access-002-secret-keys",
    statements: [
      // Ids of the keys that ever sealed a secret here, so that none is made anew where one is only missing.
      "create table access_secret_key (id text primary key, first_ms bigint not null)",
    ],
  },
];
