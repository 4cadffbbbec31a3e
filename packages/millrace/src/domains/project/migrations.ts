import type { Migration } from "#ports/database";

export const projectMigrations: Migration[] = [
  {
    id: "project-001-claims",
    statements: ["create table project_claim (what text primary key, holder text not null, claimed_ms bigint not null)"],
  },
];
