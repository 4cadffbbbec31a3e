import type { Migration } from "#ports/database";

export const transformMigrations: Migration[] = [
  {
    id: "transform-001-builds",
    statements: ["create table transform_build (model text primary key, finished text, pending text)"],
  },
];
