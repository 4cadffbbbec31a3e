import { createHmac, randomBytes } from "node:crypto";
import { AppError } from "#kit/app-error";
import type { WebhookFormat } from "./model.ts";

/**
 * Our own messages, as the Standard Webhooks specification has them (standardwebhooks.com), so that its libraries verify them:
 * `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`.
 */
export const standardFormat: WebhookFormat = {
  body: ({ event, atMs, data }) => JSON.stringify({ type: event, timestamp: new Date(atMs).toISOString(), data }),
  headers({ id, atMs, body, secret }) {
    const timestamp = String(Math.floor(atMs / 1_000));
    return {
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      ...(secret !== undefined && {
        "webhook-signature": `v1,${createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest("base64")}`,
      }),
    };
  },
};

const prefix = "whsec_";

/** A secret as the specification writes them: `whsec_` and the base64 of 24 to 64 bytes. */
export function newSecret(): string {
  return `${prefix}${randomBytes(32).toString("base64")}`;
}

/** Throws `invalid_argument` for what is no such secret. */
export function checkSecret(secret: string): string {
  const key = keyOf(secret);
  if (!secret.startsWith(prefix) || key.length < 24 || key.length > 64 || key.toString("base64") !== secret.slice(prefix.length))
    throw new AppError("invalid_argument", "secret: must be `whsec_` and the base64 of 24 to 64 bytes.", { hint: "Leave it out to have one made." });
  return secret;
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(prefix.length), "base64");
}
