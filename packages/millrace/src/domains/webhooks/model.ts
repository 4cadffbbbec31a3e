import { z } from "zod";
import type { Clock } from "#kit/clock";
import type { Outbound } from "#kit/outbound-http";
import type { Secrets } from "#kit/secret-box";
import type { Happening } from "#ports/announcer";
import type { Database } from "#ports/database";
import { webhookEventNames, type WebhookEvent } from "./events.ts";
import type { Outbox } from "./outbox.ts";

export interface WebhookServices {
  state: Database;
  clock: Clock;
  outbound: Outbound;
  /** How messages are written, by name; `millrace` is our own. */
  formats: Record<string, WebhookFormat>;
  /** How the secrets that sign messages are kept. */
  secrets: Secrets;
  /** Of a process that delivers. */
  outbox?: Outbox;
}

/** One way to write a message. */
export interface WebhookFormat {
  /** The body that tells an event, the same each time it is asked; undefined where this webhook is not to be told after all. */
  body(happening: Happening, facts: Record<string, unknown>): Promise<string | undefined> | string | undefined;
  /** Headers of one attempt. */
  headers(attempt: Attempt): Record<string, string>;
}

export interface Attempt {
  /** Of the delivery: the same each time it is tried. */
  id: string;
  atMs: number;
  body: string;
  /** Undefined for messages that nobody signs. */
  secret: string | undefined;
}

/** `paused` by a person; `disabled` because too many messages in a row could not be delivered. */
export const webhookStatuses = ["active", "paused", "disabled"] as const;
export type WebhookStatus = (typeof webhookStatuses)[number];

const nameSchema = z.string().regex(/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/i, "use at most 63 letters, digits, dots, dashes and underscores");
const urlSchema = z.string().min(1).max(2_048);
const eventsSchema = z
  .array(z.enum(webhookEventNames, `must be one of ${webhookEventNames.join(", ")}`))
  .min(1)
  .transform((events) => [...new Set(events)].sort());
const descriptionSchema = z.string().max(5_000);

export const newWebhookSchema = z.object({
  name: nameSchema,
  url: urlSchema,
  events: eventsSchema,
  description: descriptionSchema.default(""),
  status: z.enum(["active", "paused"]).default("active"),
  format: z.string().default("millrace"),
  /** What the format keeps of its own. */
  facts: z.record(z.string(), z.json()).default({}),
  /** None: messages are not signed. */
  secret: z.string().min(1).max(1_000).optional(),
});
export type NewWebhook = z.input<typeof newWebhookSchema>;

export const webhookChangeSchema = z.object({
  name: nameSchema.optional(),
  url: urlSchema.optional(),
  events: eventsSchema.optional(),
  description: descriptionSchema.optional(),
  status: z.enum(["active", "paused"]).optional(),
  facts: z.record(z.string(), z.json()).optional(),
  /** An empty one: messages are not signed any more. */
  secret: z.string().max(1_000).optional(),
});
export type WebhookChange = z.input<typeof webhookChangeSchema>;

/** A webhook as it may be shown: without its secret. */
export interface Webhook {
  id: string;
  name: string;
  url: string;
  events: WebhookEvent[];
  description: string;
  status: WebhookStatus;
  /** Why it was disabled. */
  problem: string | undefined;
  format: string;
  facts: Record<string, unknown>;
  signed: boolean;
  createdMs: number;
  updatedMs: number;
}

export const deliveryStates = ["waiting", "delivered", "given-up"] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** What became of one message to one webhook. */
export interface Delivery {
  /** In the message's headers too. */
  id: string;
  event: string;
  state: DeliveryState;
  attempts: number;
  createdMs: number;
  /** When it is tried next; undefined when it is over. */
  nextMs: number | undefined;
  finishedMs: number | undefined;
  /** Of the last answer. */
  status: number | undefined;
  /** Why the last attempt failed, with the beginning of the answer. */
  problem: string | undefined;
}
