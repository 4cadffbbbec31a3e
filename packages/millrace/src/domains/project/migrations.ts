import type { Migration } from "#ports/database";

export const projectMigrations: Migration[] = [
  {
    id: "project-001-claims",
    statements: ["create table project_claim (what text primary key, holder text not null, claimed_ms bigint not null)"],
  },
  {
    id: "project-002-blob-guard",
    statements: [
      // See blob-guard.ts. Who is about to refer to a blob that was there already, and until when that is believed.
      `create table project_blob_hold (key text primary key, until_ms bigint not null)`,
      // Blobs that are being removed this moment.
      `create table project_blob_removal (key text primary key, collector text not null)`,
      // The one collector at work, if any.
      `create table project_blob_collector (id integer primary key, collector text not null, until_ms bigint not null)`,
    ],
  },
];
