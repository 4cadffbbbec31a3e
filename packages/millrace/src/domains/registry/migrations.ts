import type { Migration } from "#ports/database";
import { indexTags } from "./tag-rows.ts";

export const registryMigrations: Migration[] = [
  {
    id: "registry-001-models",
    statements: [
      // last_version only grows: the number of a deleted version is never given again, predictions still name it.
      `create table registry_model (
        id text primary key, name text not null unique, description text not null, tags text not null, last_version bigint not null,
        created_ms bigint not null, updated_ms bigint not null, deleted_ms bigint
      )`,
      `create table registry_version (
        model text not null references registry_model (id), version bigint not null, run text not null, digest text not null,
        format text not null, signature text not null, files text not null, profile text, metrics text not null, gate text,
        data text not null, status text not null, description text not null, tags text not null, actor text, created_ms bigint not null,
        deleted_ms bigint, primary key (model, version)
      )`,
      // What makes a repeated registration find the first one. run is '' for a model from elsewhere.
      `create unique index registry_version_once on registry_version (model, run, digest) where deleted_ms is null`,
      `create index registry_version_run on registry_version (run)`,
      `create table registry_alias (
        model text not null, alias text not null, version bigint not null, seq bigint not null, primary key (model, alias),
        foreign key (model, version) references registry_version (model, version)
      )`,
      `create table registry_alias_change (
        model text not null references registry_model (id), alias text not null, seq bigint not null, kind text not null, version bigint,
        previous bigint, actor text not null, reason text not null, gate text, at_ms bigint not null, primary key (model, alias, seq)
      )`,
    ],
  },
  {
    id: "registry-002-again",
    statements: [
      // A run may register a model again on purpose; that it does not so by a retry is seen to under the model's lock.
      `drop index registry_version_once`,
      `create index registry_version_digest on registry_version (model, run, digest)`,
    ],
  },
  {
    id: "registry-003-cards",
    statements: [
      // A version's card as it was rendered when its facts last changed; `sections` is what people wrote into it.
      `create table registry_card (
        model text not null references registry_model (id), version bigint not null, evidence text not null, facts text not null,
        sections text not null, markdown text not null, revision bigint not null, rendered_ms bigint not null, primary key (model, version)
      )`,
      // version is null for a note about the model. What a note says is its last change.
      `create table registry_note (
        id text primary key, model text not null references registry_model (id), version bigint, created_ms bigint not null
      )`,
      `create index registry_note_model on registry_note (model, created_ms)`,
      `create table registry_note_change (
        note text not null references registry_note (id), seq bigint not null, kind text not null, text text not null, actor text not null,
        at_ms bigint not null, primary key (note, seq)
      )`,
      // Who put a version into which stage when, for programs that know stages and not aliases; they keep the stages themselves.
      `create table registry_stage_change (
        model text not null references registry_model (id), seq bigint not null, version bigint not null, stage text not null,
        previous text not null, actor text not null, at_ms bigint not null, primary key (model, seq)
      )`,
    ],
  },
  {
    id: "registry-004-search",
    statements: [
      // When what describes a version last changed: lists have the newest first.
      `alter table registry_version add column updated_ms bigint not null default 0`,
      `update registry_version set updated_ms = created_ms`,
      `create index registry_version_updated on registry_version (updated_ms, model, version, run, created_ms) where deleted_ms is null`,
      // What lists choose versions by, so that they read the rows, with all that is in them, of the page alone.
      `create index registry_version_head on registry_version (model, version, deleted_ms, run, created_ms, updated_ms)`,
      // The tags of versions, and of models (version 0), for searches by them; what they are stands in the rows themselves.
      `create table registry_tag (
        model text not null references registry_model (id), version bigint not null, tag text not null, value text not null,
        primary key (model, version, tag)
      )`,
      `create index registry_tag_value on registry_tag (tag, value, version, model)`,
    ],
    work: indexTags,
  },
  {
    id: "registry-005-former-names",
    statements: [
      // What a model was called before. A name means the model that has it, else the one that had it last.
      `create table registry_former_name (
        model text not null references registry_model (id), name text not null, until_ms bigint not null, primary key (name, until_ms, model)
      )`,
      `create index registry_former_name_model on registry_former_name (model)`,
    ],
  },
];
