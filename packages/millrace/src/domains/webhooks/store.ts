import { AppError } from "#kit/app-error";
import type { Sealed } from "#kit/secret-box";
import { sql } from "#kit/sql";
import type { Happening } from "#ports/announcer";
import type { Reader, Transaction } from "#ports/database";
import type { Delivery, DeliveryState, Webhook, WebhookStatus } from "./model.ts";

// Webhooks

interface WebhookRow {
  id: string;
  name: string;
  url: string;
  events: string;
  description: string;
  status: WebhookStatus;
  problem: string | null;
  format: string;
  facts: string;
  signed: number;
  created_ms: number;
  updated_ms: number;
}

const webhookColumns = sql`id, name, url, events, description, status, problem, format, facts, created_ms, updated_ms,
  (select count(*) from webhook_secret where webhook_secret.webhook = webhook.id) as signed`;

/** A webhook. Throws `not_found`. */
export async function findWebhook(reader: Reader, id: string): Promise<Webhook> {
  const row = await reader.get<WebhookRow>(sql`select ${webhookColumns} from webhook where id = ${id}`);
  if (row === undefined) throw new AppError("not_found", `There is no webhook ${id}.`, { hint: "millrace webhooks list" });
  return parseWebhook(row);
}

/** As `findWebhook`, and it stands still until the transaction ends. */
export async function lockWebhook(transaction: Transaction, id: string): Promise<Webhook> {
  await transaction.run(sql`update webhook set updated_ms = updated_ms where id = ${id}`);
  return findWebhook(transaction, id);
}

/** All webhooks, newest first. */
export async function allWebhooks(reader: Reader): Promise<Webhook[]> {
  const rows = await reader.all<WebhookRow>(sql`select ${webhookColumns} from webhook order by created_ms desc, id desc`);
  return rows.map(parseWebhook);
}

export async function insertWebhook(transaction: Transaction, webhook: Webhook): Promise<void> {
  await transaction.run(sql`insert into webhook (id, name, url, events, description, status, format, facts, failures, created_ms, updated_ms)
    values (${webhook.id}, ${webhook.name}, ${webhook.url}, ${JSON.stringify(webhook.events)}, ${webhook.description}, ${webhook.status},
    ${webhook.format}, ${JSON.stringify(webhook.facts)}, 0, ${webhook.createdMs}, ${webhook.updatedMs})`);
}

/** Saves what may change of a webhook; one that is active begins anew to count its failures. */
export async function saveWebhook(transaction: Transaction, webhook: Webhook): Promise<void> {
  const failures = webhook.status === "active" ? sql`0` : sql`failures`;
  await transaction.run(sql`update webhook set name = ${webhook.name}, url = ${webhook.url}, events = ${JSON.stringify(webhook.events)},
    description = ${webhook.description}, status = ${webhook.status}, problem = ${webhook.problem}, facts = ${JSON.stringify(webhook.facts)},
    failures = ${failures}, updated_ms = ${webhook.updatedMs} where id = ${webhook.id}`);
}

export async function deleteWebhookRows(transaction: Transaction, id: string): Promise<void> {
  await transaction.run(sql`delete from webhook_delivery where webhook = ${id}`);
  await transaction.run(sql`delete from webhook_secret where webhook = ${id}`);
  await transaction.run(sql`delete from webhook where id = ${id}`);
}

/** @param sealed undefined where messages are not signed any more */
export async function saveSecret(transaction: Transaction, webhook: string, sealed: Sealed | undefined): Promise<void> {
  await transaction.run(sql`delete from webhook_secret where webhook = ${webhook}`);
  if (sealed !== undefined)
    await transaction.run(sql`insert into webhook_secret (webhook, secret, sealed_by) values (${webhook}, ${sealed.box}, ${sealed.key})`);
}

/** A secret as it is kept; `sealed_by` is null for a plain text from before secrets were sealed. */
export interface SecretRow {
  webhook: string;
  secret: string;
  sealed_by: string | null;
}

const secretColumns = sql`webhook, secret, sealed_by`;

export async function findSecret(reader: Reader, webhook: string): Promise<SecretRow | undefined> {
  return reader.get<SecretRow>(sql`select ${secretColumns} from webhook_secret where webhook = ${webhook}`);
}

/** Keys that sealed secrets; null where some are not sealed. */
export async function sealingKeys(reader: Reader): Promise<(string | null)[]> {
  return (await reader.all<{ key: string | null }>(sql`select distinct sealed_by as key from webhook_secret`)).map(({ key }) => key);
}

/** Secrets that another key sealed than this one, or none. */
export async function secretsNotSealedBy(reader: Reader, key: string): Promise<SecretRow[]> {
  return reader.all<SecretRow>(sql`select ${secretColumns} from webhook_secret where sealed_by is null or sealed_by <> ${key}`);
}

/** Puts a secret in the place of one that has not changed meanwhile. */
export async function replaceSecret(transaction: Transaction, { webhook, secret }: SecretRow, { key, box }: Sealed): Promise<void> {
  await transaction.run(sql`update webhook_secret set secret = ${box}, sealed_by = ${key} where webhook = ${webhook} and secret = ${secret}`);
}

/** Counts deliveries that failed in a row, anew after one that did not. */
export async function countFailure(transaction: Transaction, webhook: string, failed: boolean): Promise<number> {
  await transaction.run(sql`update webhook set failures = ${failed ? sql`failures + 1` : sql`0`} where id = ${webhook}`);
  return (await transaction.get<{ failures: number }>(sql`select failures from webhook where id = ${webhook}`))?.failures ?? 0;
}

export async function disableWebhook(transaction: Transaction, webhook: string, problem: string, nowMs: number): Promise<void> {
  await transaction.run(sql`update webhook set status = 'disabled', problem = ${problem}, updated_ms = ${nowMs} where id = ${webhook}`);
}

function parseWebhook(row: WebhookRow): Webhook {
  return {
    ...{ id: row.id, name: row.name, url: row.url, description: row.description, status: row.status, format: row.format },
    events: JSON.parse(row.events) as Webhook["events"], // written by this file
    facts: JSON.parse(row.facts) as Webhook["facts"], // as above
    problem: row.problem ?? undefined,
    signed: row.signed > 0,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  };
}

// Deliveries

export async function insertDelivery(transaction: Transaction, id: string, webhook: string, { event, data, atMs }: Happening): Promise<void> {
  await transaction.run(sql`insert into webhook_delivery (id, webhook, event, data, at_ms, state, attempts, created_ms, next_ms, lease_until_ms)
    values (${id}, ${webhook}, ${event}, ${JSON.stringify(data)}, ${atMs}, 'waiting', 0, ${atMs}, ${atMs}, 0)`);
}

export interface DueDelivery {
  id: string;
  webhook: string;
  attempts: number;
}

/** Deliveries of active webhooks whose time has come and that nobody is at, oldest first, a few of each webhook. */
export async function dueDeliveries(reader: Reader, nowMs: number, perWebhook: number, limit: number): Promise<DueDelivery[]> {
  return reader.all<DueDelivery>(sql`select id, webhook, attempts from (
      select d.id, d.webhook, d.attempts, d.next_ms, row_number() over (partition by d.webhook order by d.next_ms, d.id) as place
      from webhook_delivery d join webhook w on w.id = d.webhook
      where d.state = 'waiting' and d.next_ms <= ${nowMs} and d.lease_until_ms <= ${nowMs} and w.status = 'active'
    ) due where place <= ${perWebhook} order by next_ms, id limit ${limit}`);
}

/** Takes a delivery for `lease` until a time; undefined where another took it first. */
export async function leaseDelivery(
  transaction: Transaction,
  { id, lease, nowMs, untilMs }: { id: string; lease: string; nowMs: number; untilMs: number },
): Promise<(Happening & { attempts: number }) | undefined> {
  const taken = await transaction.run(sql`update webhook_delivery set lease = ${lease}, lease_until_ms = ${untilMs}, attempts = attempts + 1
    where id = ${id} and state = 'waiting' and next_ms <= ${nowMs} and lease_until_ms <= ${nowMs}`);
  if (taken === 0) return undefined;
  const row = await transaction.get<{ event: string; data: string; at_ms: number; attempts: number }>(
    sql`select event, data, at_ms, attempts from webhook_delivery where id = ${id}`,
  );
  return { event: row!.event, data: JSON.parse(row!.data) as Happening["data"], atMs: row!.at_ms, attempts: row!.attempts }; // just taken, written by this file
}

export interface DeliveryResult {
  state: DeliveryState;
  nextMs: number;
  finishedMs: number | undefined;
  status: number | undefined;
  problem: string | undefined;
}

/** Ends a lease with what came of it; false where it was lost meanwhile. */
export async function endLease(transaction: Transaction, id: string, lease: string, result: DeliveryResult): Promise<boolean> {
  const changed = await transaction.run(sql`update webhook_delivery set state = ${result.state}, next_ms = ${result.nextMs}, lease = null,
    lease_until_ms = 0, finished_ms = ${result.finishedMs}, status = ${result.status}, problem = ${result.problem} where id = ${id} and lease = ${lease}`);
  return changed > 0;
}

export async function dropDelivery(transaction: Transaction, id: string, lease: string): Promise<void> {
  await transaction.run(sql`delete from webhook_delivery where id = ${id} and lease = ${lease}`);
}

/** Lets a finished delivery be tried again from now on; false where it is not finished. */
export async function renewDelivery(transaction: Transaction, webhook: string, id: string, nowMs: number): Promise<boolean> {
  const changed = await transaction.run(sql`update webhook_delivery set state = 'waiting', attempts = 0, next_ms = ${nowMs}, finished_ms = null
    where id = ${id} and webhook = ${webhook} and state <> 'waiting'`);
  return changed > 0;
}

export async function isWaiting(reader: Reader, webhook: string, id: string): Promise<boolean> {
  return (await reader.get(sql`select id from webhook_delivery where id = ${id} and webhook = ${webhook} and state = 'waiting'`)) !== undefined;
}

/** Forgets finished deliveries of a webhook but the newest. */
export async function pruneDeliveries(transaction: Transaction, webhook: string, keep: number): Promise<void> {
  await transaction.run(sql`delete from webhook_delivery where webhook = ${webhook} and state <> 'waiting' and id not in (
    select id from webhook_delivery where webhook = ${webhook} and state <> 'waiting' order by id desc limit ${keep})`);
}

interface DeliveryRow {
  id: string;
  event: string;
  state: DeliveryState;
  attempts: number;
  created_ms: number;
  next_ms: number;
  finished_ms: number | null;
  status: number | null;
  problem: string | null;
}

/** Deliveries of a webhook, newest first, below an id. */
export async function deliveriesOf(reader: Reader, webhook: string, { below, limit }: { below: string; limit: number }): Promise<Delivery[]> {
  const rows = await reader.all<DeliveryRow>(sql`select id, event, state, attempts, created_ms, next_ms, finished_ms, status, problem
    from webhook_delivery where webhook = ${webhook} and id < ${below} order by id desc limit ${limit}`);
  return rows.map((row) => ({
    ...{ id: row.id, event: row.event, state: row.state, attempts: row.attempts, createdMs: row.created_ms },
    nextMs: row.state === "waiting" ? row.next_ms : undefined,
    finishedMs: row.finished_ms ?? undefined,
    status: row.status ?? undefined,
    problem: row.problem ?? undefined,
  }));
}
