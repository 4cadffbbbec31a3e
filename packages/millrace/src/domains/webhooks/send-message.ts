import { newId } from "#kit/id";
import { AppError } from "#kit/app-error";
import { webhookEvents, type WebhookEvent } from "./events.ts";
import type { Webhook, WebhookFormat, WebhookServices } from "./model.ts";
import { secretOf } from "./sealed-secrets.ts";
import { findWebhook } from "./store.ts";

export interface Sent {
  /** The receiver took it (2xx). */
  ok: boolean;
  /** Of the answer; undefined where none came. */
  status: number | undefined;
  /** The beginning of the answer. */
  body: string;
  /** Why it was not taken. */
  problem: string | undefined;
  /** When the receiver wants to be asked again. */
  retryAfterMs: number | undefined;
}

export const sendTimeoutMs = 10_000;

/** Sends a message once and tells what came of it, also where no answer came. */
export async function sendMessage(services: WebhookServices, webhook: Webhook, { id, body }: { id: string; body: string }): Promise<Sent> {
  const { clock, outbound } = services;
  try {
    const secret = await secretOf(services, webhook.id);
    const signed = formatOf(services, webhook).headers({ id, atMs: clock.now(), body, secret });
    const headers = { "Content-Type": "application/json", "User-Agent": "millrace-webhooks", ...signed };
    const answer = await outbound.send({ url: webhook.url, method: "POST", headers, body, timeoutMs: sendTimeoutMs, maxAnswerBytes: 4_096 });
    const text = Buffer.from(answer.body).toString("utf8").replaceAll("\0", "");
    const ok = answer.status >= 200 && answer.status < 300;
    const seconds = Number(answer.headers["retry-after"]);
    return {
      ...{ ok, status: answer.status, body: text },
      problem: ok ? undefined : `The receiver answered ${answer.status}${text === "" ? "" : `: ${text.slice(0, 500)}`}`,
      retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : undefined,
    };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { ok: false, status: undefined, body: "", problem: error.message, retryAfterMs: undefined };
  }
}

/** How a webhook's messages are written. Throws `unsupported` for a way that this process does not know. */
export function formatOf({ formats }: WebhookServices, { id, format }: Webhook): WebhookFormat {
  const found = Object.hasOwn(formats, format) ? formats[format] : undefined;
  if (found === undefined) throw new AppError("unsupported", `Webhook ${id} wants messages as ${format}, which this version does not write.`);
  return found;
}

/** Sends an example at once, whether the webhook is active or not; nothing of it is kept. Throws `not_found`. */
export async function testWebhook(services: WebhookServices, { id, event }: { id: string; event?: WebhookEvent | undefined }): Promise<Sent> {
  const webhook = await findWebhook(services.state, id);
  const told = event ?? webhook.events[0]!; // it has at least one
  const body = await formatOf(services, webhook).body({ event: told, atMs: services.clock.now(), data: webhookEvents[told].example }, webhook.facts);
  return sendMessage(services, webhook, { id: newId(), body: body ?? "{}" });
}
