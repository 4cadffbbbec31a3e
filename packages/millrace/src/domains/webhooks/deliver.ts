import { AppError } from "#kit/app-error";
import { newId } from "#kit/id";
import type { Log } from "#kit/log";
import type { Happening } from "#ports/announcer";
import type { Webhook, WebhookServices } from "./model.ts";
import { createOutbox } from "./outbox.ts";
import { formatOf, sendMessage, sendTimeoutMs, type Sent } from "./send-message.ts";
import {
  countFailure,
  disableWebhook,
  dropDelivery,
  type DueDelivery,
  dueDeliveries,
  endLease,
  findWebhook,
  leaseDelivery,
  lockWebhook,
  pruneDeliveries,
} from "./store.ts";

/** What is tried how often, and what is kept. */
export const deliveryRules = {
  /** 5 s after the first attempt, then four times as long each time, 6 h at most: about 8 h in all. */
  attempts: 8,
  firstPauseMs: 5_000,
  longestPauseMs: 21_600_000,
  /** So many messages in a row that nobody took disable their webhook. */
  failuresToDisable: 5,
  /** Finished deliveries kept of each webhook. */
  kept: 100,
  atOnce: 16,
  /** One after the other, so that messages mostly come in the order in which things happened. */
  atOncePerWebhook: 1,
  /** Longer than an attempt can last; after it, the one who began it is taken for dead. */
  leaseMs: 6 * sendTimeoutMs,
} as const;

/** Sends what is due, until nothing more is or the signal aborts; for one who does so now and then. Tells how many attempts were made. */
export async function deliverDue(services: WebhookServices): Promise<number> {
  let made = 0;
  for (;;) {
    const due = await dueDeliveries(services.state, services.clock.now(), deliveryRules.atOncePerWebhook, deliveryRules.atOnce);
    if (due.length === 0) return made;
    await Promise.all(due.map((each) => attempt(services, each)));
    made += due.length;
  }
}

/**
 * Delivers as messages come, until the signal aborts; attempts under way end by themselves. Messages of this process are sent as soon
 * as its outbox has them, those of others and those that are due again when it looks. Several processes may do so on one
 * database: each delivery is leased to one of them, and taken up by another when that one died.
 */
export async function keepDelivering(services: WebhookServices & { log: Log }, signal: AbortSignal, lookEveryMs = 500): Promise<void> {
  const { state, clock, log, outbox: { bell } = createOutbox() } = services;
  const underWay = new Map<string, Promise<void>>();
  const ofWebhook = new Map<string, number>();
  const start = (due: DueDelivery) => {
    const { id, webhook } = due;
    ofWebhook.set(webhook, (ofWebhook.get(webhook) ?? 0) + 1);
    const failed = (error: unknown) =>
      log.error("a delivery broke off", { delivery: id, reason: error instanceof Error ? error.message : String(error) });
    const trying = attempt(services, due).then(() => "through" as const, failed);
    const over = trying.then((outcome) => {
      underWay.delete(id);
      ofWebhook.set(webhook, ofWebhook.get(webhook)! - 1);
      if (outcome === "through") bell.ring(); // there may be a next
    });
    underWay.set(id, over);
  };
  while (!signal.aborted) {
    try {
      const { atOnce, atOncePerWebhook } = deliveryRules;
      for (const due of await dueDeliveries(state, clock.now(), atOncePerWebhook, atOnce)) {
        if (underWay.size >= atOnce) break;
        if (!underWay.has(due.id) && (ofWebhook.get(due.webhook) ?? 0) < atOncePerWebhook) start(due);
      }
    } catch (error) {
      log.error("webhooks cannot be looked at", { reason: error instanceof Error ? error.message : String(error) });
    }
    await bell.heard(lookEveryMs, signal);
  }
  await Promise.all(underWay.values());
}

/** Takes a delivery, sends it and puts down what came of it; does nothing where another process has it, or its webhook is deleted meanwhile. */
async function attempt(services: WebhookServices, due: DueDelivery): Promise<void> {
  await attemptNow(services, due)
    .catch((error: unknown) => {
      if (!(error instanceof AppError && error.code === "not_found")) throw error;
    })
    .finally(() => services.outbox?.tried(due.id));
}

async function attemptNow(services: WebhookServices, { id, webhook: webhookId }: DueDelivery): Promise<void> {
  const { state, clock } = services;
  const lease = newId();
  const nowMs = clock.now();
  const taken = await state.write((transaction) => leaseDelivery(transaction, { id, lease, nowMs, untilMs: nowMs + deliveryRules.leaseMs }));
  if (taken === undefined) return;
  const webhook = await findWebhook(state, webhookId);
  const sent = await write(services, webhook, taken)
    .then((body) => (body === undefined ? undefined : sendMessage(services, webhook, { id, body })))
    .catch(brokenOff);
  if (sent === undefined) return state.write((transaction) => dropDelivery(transaction, id, lease));
  await putDown(services, { id, lease, webhook: webhookId, ...taken }, sent);
}

async function write(services: WebhookServices, webhook: Webhook, happening: Happening): Promise<string | undefined> {
  return formatOf(services, webhook).body(happening, webhook.facts);
}

/** What cannot even be written or sent is a failed attempt too, so that it comes to an end. */
function brokenOff(error: unknown): Sent {
  const problem = `The message could not be sent: ${error instanceof Error ? error.message : String(error)}`;
  return { ok: false, status: undefined, body: "", problem, retryAfterMs: undefined };
}

async function putDown(
  { state, clock }: WebhookServices,
  { id, lease, webhook, attempts }: Happening & { id: string; lease: string; webhook: string; attempts: number },
  { ok, status, problem, retryAfterMs }: Sent,
): Promise<void> {
  const nowMs = clock.now();
  const gone = status === 410; // the receiver wants no more
  const over = ok || gone || attempts >= deliveryRules.attempts;
  const result = {
    ...{ status, problem },
    state: ok ? ("delivered" as const) : over ? ("given-up" as const) : ("waiting" as const),
    nextMs: over ? nowMs : nowMs + pauseMs(attempts, retryAfterMs),
    finishedMs: over ? nowMs : undefined,
  };
  await state.write(async (transaction) => {
    const { status: standing } = await lockWebhook(transaction, webhook);
    if (!(await endLease(transaction, id, lease, result)) || !over) return;
    const failures = await countFailure(transaction, webhook, !ok);
    if (standing === "active" && (gone || failures >= deliveryRules.failuresToDisable))
      await disableWebhook(
        transaction,
        webhook,
        gone ? "The receiver answered 410: it is gone." : `${failures} messages in a row were given up: ${problem}`,
        nowMs,
      );
    await pruneDeliveries(transaction, webhook, deliveryRules.kept);
  });
}

/** Up to a fifth longer than the rule says, so that what failed together is not tried again together. */
function pauseMs(attempts: number, retryAfterMs = 0): number {
  const pause = Math.min(deliveryRules.firstPauseMs * 4 ** (attempts - 1), deliveryRules.longestPauseMs);
  return Math.max(Math.round(pause * (1 + Math.random() / 5)), Math.min(retryAfterMs, deliveryRules.longestPauseMs));
}
