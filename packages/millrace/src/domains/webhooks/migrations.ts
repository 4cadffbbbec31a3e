import type { Migration } from "#ports/database";

export const webhookMigrations: Migration[] = [
  {
    id: "webhooks-001-outbox",
    statements: [
      `create table webhook (
        id text primary key, name text not null, url text not null, events text not null, description text not null, status text not null,
        problem text, format text not null, facts text not null, failures integer not null, created_ms bigint not null, updated_ms bigint not null
      )`,
      // Apart, so that nothing that reads webhooks reads secrets.
      `create table webhook_secret (webhook text primary key references webhook (id), secret text not null)`,
      // Messages to be sent, written with the change they tell of, and what became of the last ones.
      `create table webhook_delivery (
        id text primary key, webhook text not null references webhook (id), event text not null, data text not null, at_ms bigint not null,
        state text not null, attempts integer not null, created_ms bigint not null, next_ms bigint not null, lease text,
        lease_until_ms bigint not null, finished_ms bigint, status integer, problem text
      )`,
      `create index webhook_delivery_due on webhook_delivery (state, next_ms)`,
      `create index webhook_delivery_log on webhook_delivery (webhook, id)`,
    ],
  },
  {
    id: "webhooks-002-sealed",
    // The id of the key that sealed a secret; null for those from before, until the next start.
    statements: [`alter table webhook_secret add column sealed_by text`],
  },
];
