import { AppError } from "#kit/app-error";
import { newId } from "#kit/id";
import { parseArgument } from "#kit/parse-argument";
import {
  newWebhookSchema,
  type Delivery,
  type NewWebhook,
  type Webhook,
  type WebhookChange,
  webhookChangeSchema,
  type WebhookServices,
} from "./model.ts";
import {
  allWebhooks,
  deleteWebhookRows,
  deliveriesOf,
  findWebhook,
  insertWebhook,
  isWaiting,
  lockWebhook,
  renewDelivery,
  saveSecret,
  saveWebhook,
} from "./store.ts";
import { placeOf } from "./sealed-secrets.ts";

/** Makes a webhook. Throws `invalid_argument` for a URL that may not be asked, `unavailable` for a host without an address. */
export async function createWebhook({ state, clock, outbound, secrets }: WebhookServices, webhook: NewWebhook): Promise<Webhook> {
  const { secret, ...given } = parseArgument(newWebhookSchema, "webhook", webhook);
  await outbound.check(given.url);
  const nowMs = clock.now();
  const made = { id: newId(), ...given, problem: undefined, signed: secret !== undefined, createdMs: nowMs, updatedMs: nowMs };
  const sealed = secret === undefined ? undefined : await secrets.seal(secret, placeOf(made.id));
  await state.write(async (transaction) => {
    await insertWebhook(transaction, made);
    if (sealed !== undefined) await saveSecret(transaction, made.id, sealed);
  });
  return made;
}

/** A webhook. Throws `not_found`. */
export function getWebhook({ state }: Pick<WebhookServices, "state">, id: string): Promise<Webhook> {
  return findWebhook(state, id);
}

/** All webhooks, newest first. */
export function listWebhooks({ state }: Pick<WebhookServices, "state">): Promise<Webhook[]> {
  return allWebhooks(state);
}

/** Changes a webhook; one that was disabled for its failures and becomes active takes up what waits. Throws as `createWebhook`, and `not_found`. */
export async function updateWebhook(
  { state, clock, outbound, secrets }: WebhookServices,
  { id, ...change }: { id: string } & WebhookChange,
): Promise<Webhook> {
  const { secret, ...given } = parseArgument(webhookChangeSchema, "change of the webhook", change);
  if (given.url !== undefined) await outbound.check(given.url);
  const sealed = secret ? await secrets.seal(secret, placeOf(id)) : undefined;
  return state.write(async (transaction) => {
    const standing = await lockWebhook(transaction, id);
    const next = { ...standing, ...withoutUndefined(given), updatedMs: Math.max(clock.now(), standing.updatedMs + 1) }; // each change is later than the last
    await saveWebhook(transaction, next.status === "active" ? { ...next, problem: undefined } : next);
    if (secret !== undefined) await saveSecret(transaction, id, sealed);
    return findWebhook(transaction, id);
  });
}

/** Deletes a webhook with its messages, also those that wait. Throws `not_found`. */
export async function deleteWebhook({ state }: Pick<WebhookServices, "state">, id: string): Promise<void> {
  await state.write(async (transaction) => {
    await lockWebhook(transaction, id);
    await deleteWebhookRows(transaction, id);
  });
}

/** What became of a webhook's messages, newest first; pages go on `below` an id. Throws `not_found`. */
export async function listDeliveries(
  { state }: Pick<WebhookServices, "state">,
  { id, below = "8", limit = 50 }: { id: string; below?: string; limit?: number },
): Promise<Delivery[]> {
  await findWebhook(state, id);
  return deliveriesOf(state, id, { below, limit });
}

/** Sends a message once more, under its id. Throws `not_found`; `conflict` where it waits to be sent anyhow. */
export async function redeliver({ state, clock }: WebhookServices, { id, delivery }: { id: string; delivery: string }): Promise<void> {
  await state.write(async (transaction) => {
    await lockWebhook(transaction, id);
    if (await renewDelivery(transaction, id, delivery, clock.now())) return;
    if (await isWaiting(transaction, id, delivery)) throw new AppError("conflict", `Delivery ${delivery} waits to be sent already.`);
    throw new AppError("not_found", `Webhook ${id} has no delivery ${delivery}; only the last ones are kept.`, {
      hint: `millrace webhooks deliveries ${id}`,
    });
  });
}

function withoutUndefined<Value extends object>(value: Value): { [Key in keyof Value]?: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never; // what is left is defined
}
