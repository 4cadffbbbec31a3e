import { z } from "zod";
import { AppError } from "#kit/app-error";
import { route } from "#kit/route";
import { createWebhook, deleteWebhook, getWebhook, listDeliveries, listWebhooks, redeliver, updateWebhook } from "./change-webhook.ts";
import { webhookEventNames, webhookEvents } from "./events.ts";
import { deliveryStates, type Webhook, type WebhookServices, webhookStatuses } from "./model.ts";
import { sealAnew } from "./sealed-secrets.ts";
import { testWebhook } from "./send-message.ts";
import { checkSecret, newSecret } from "./standard-format.ts";

const webhookRoute = route<{ webhooks: WebhookServices }>();

const ownFormat = "millrace";
const id = z.string().max(64);
const events = z
  .array(z.string())
  .min(1)
  .describe(`any of ${webhookEventNames.join(", ")}`);
const url = z.string().describe("https, on the public internet, unless the configuration allows its origin");
const webhookOutput = z.object({
  id: z.string(),
  name: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string(),
  status: z.enum(webhookStatuses),
  problem: z.string().optional(),
  format: z.string(),
  signed: z.boolean(),
  createdMs: z.number(),
  updatedMs: z.number(),
});
const columns = ["id", "name", "status", "events", "url"];

export const webhookRoutes = [
  webhookRoute({
    name: "webhooks.create",
    method: "POST",
    path: "/api/webhooks",
    summary: "Make a webhook: a URL that is told of events. Its secret is shown this once.",
    permission: "webhooks:write",
    input: z.object({
      name: z.string(),
      url,
      events,
      description: z.string().optional(),
      secret: z.string().optional().describe("`whsec_` and the base64 of 24 to 64 bytes; made where none is given"),
    }),
    output: webhookOutput.extend({ secret: z.string() }),
    errors: ["invalid_argument", "unavailable"],
    cli: { positional: ["name", "url", "events"] },
    handle: async ({ webhooks }, { events: wanted, secret: given, ...rest }) => {
      const secret = given === undefined ? newSecret() : checkSecret(given);
      const made = await createWebhook(webhooks, { ...rest, events: wanted as Webhook["events"], secret }); // which checks them
      return { ...shown(made), secret };
    },
  }),
  webhookRoute({
    name: "webhooks.list",
    method: "GET",
    path: "/api/webhooks",
    summary: "List webhooks, without their secrets.",
    permission: "webhooks:write",
    input: z.object({}),
    output: z.object({ webhooks: z.array(webhookOutput) }),
    errors: [],
    cli: { rows: "webhooks", columns },
    handle: async ({ webhooks }) => ({ webhooks: (await listWebhooks(webhooks)).map(shown) }),
  }),
  webhookRoute({
    name: "webhooks.events",
    method: "GET",
    path: "/api/webhooks/events",
    summary: "List the events a webhook may be told of, with an example of each one's data.",
    permission: "public",
    input: z.object({}),
    output: z.object({ events: z.array(z.object({ event: z.string(), meaning: z.string(), example: z.record(z.string(), z.unknown()) })) }),
    errors: [],
    cli: { rows: "events", columns: ["event", "meaning"] },
    handle: async () => ({ events: Object.entries(webhookEvents).map(([event, { meaning, example }]) => ({ event, meaning, example })) }),
  }),
  webhookRoute({
    name: "webhooks.seal",
    method: "POST",
    path: "/api/webhooks/seal",
    summary: "Seal the secrets of webhooks with the key that comes first, and tell the id of the one key that they need from then on.",
    permission: "webhooks:write",
    input: z.object({}),
    output: z.object({ sealed: z.number(), key: z.string().optional() }),
    errors: ["invalid_config", "permission_denied", "corrupt_data"],
    handle: ({ webhooks }) => sealAnew(webhooks),
  }),
  webhookRoute({
    name: "webhooks.show",
    method: "GET",
    path: "/api/webhooks/{id}",
    summary: "Show a webhook, without its secret.",
    permission: "webhooks:write",
    input: z.object({ id }),
    output: webhookOutput,
    errors: ["not_found"],
    cli: { positional: ["id"] },
    handle: async ({ webhooks }, input) => shown(await getWebhook(webhooks, input.id)),
  }),
  webhookRoute({
    name: "webhooks.update",
    method: "PATCH",
    path: "/api/webhooks/{id}",
    summary: "Change a webhook. Setting it active also takes up what waited while it was disabled.",
    permission: "webhooks:write",
    input: z.object({
      id,
      name: z.string().optional(),
      url: url.optional(),
      events: events.optional(),
      description: z.string().optional(),
      status: z.enum(["active", "paused"]).optional(),
      secret: z.string().optional().describe("a new one, `whsec_` and the base64 of 24 to 64 bytes"),
    }),
    output: webhookOutput,
    errors: ["invalid_argument", "not_found", "unavailable"],
    cli: { positional: ["id"] },
    handle: async ({ webhooks }, { id: webhook, events: wanted, secret, ...rest }) => {
      const { format } = await getWebhook(webhooks, webhook);
      if (format !== ownFormat && (wanted !== undefined || secret !== undefined))
        throw new AppError(
          "invalid_argument",
          `Webhook ${webhook} was made by a program that speaks ${format}: its events and secret are changed there.`,
          {
            hint: "Change the rest here, or make a webhook of your own.",
          },
        );
      const change = { ...(wanted && { events: wanted as Webhook["events"] }), ...(secret !== undefined && { secret: checkSecret(secret) }) }; // checked below
      return shown(await updateWebhook(webhooks, { id: webhook, ...rest, ...change }));
    },
  }),
  webhookRoute({
    name: "webhooks.delete",
    method: "DELETE",
    path: "/api/webhooks/{id}",
    summary: "Delete a webhook with its messages, also those that wait.",
    permission: "webhooks:write",
    input: z.object({ id }),
    output: z.object({ deleted: z.string() }),
    errors: ["not_found"],
    cli: { positional: ["id"] },
    handle: async ({ webhooks }, input) => {
      await deleteWebhook(webhooks, input.id);
      return { deleted: input.id };
    },
  }),
  webhookRoute({
    name: "webhooks.test",
    method: "POST",
    path: "/api/webhooks/{id}/test",
    summary: "Send an example to a webhook at once and show the answer.",
    permission: "webhooks:write",
    input: z.object({ id, event: z.enum(webhookEventNames).optional().describe("the webhook's first unless given") }),
    output: z.object({ ok: z.boolean(), status: z.number().optional(), body: z.string(), problem: z.string().optional() }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["id"] },
    handle: async ({ webhooks }, input) => {
      const { ok, status, body, problem } = await testWebhook(webhooks, input);
      return { ok, status, body, problem };
    },
  }),
  webhookRoute({
    name: "webhooks.deliveries",
    method: "GET",
    path: "/api/webhooks/{id}/deliveries",
    summary: "Show what became of a webhook's last messages, newest first.",
    permission: "webhooks:write",
    input: z.object({
      id,
      below: z.string().max(64).optional().describe("only deliveries before this id"),
      limit: z.coerce.number().int().min(1).max(1_000).default(50),
    }),
    output: z.object({
      deliveries: z.array(
        z.object({
          id: z.string(),
          event: z.string(),
          state: z.enum(deliveryStates),
          attempts: z.number(),
          createdMs: z.number(),
          nextMs: z.number().optional(),
          finishedMs: z.number().optional(),
          status: z.number().optional(),
          problem: z.string().optional(),
        }),
      ),
    }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["id"], rows: "deliveries", columns: ["id", "event", "state", "attempts", "status", "problem"] },
    handle: async ({ webhooks }, { below, ...input }) => ({
      deliveries: await listDeliveries(webhooks, { ...input, ...(below !== undefined && { below }) }),
    }),
  }),
  webhookRoute({
    name: "webhooks.redeliver",
    method: "POST",
    path: "/api/webhooks/{id}/deliveries/{delivery}/redeliver",
    summary: "Send a message once more, under its id.",
    permission: "webhooks:write",
    input: z.object({ id, delivery: z.string().max(64) }),
    output: z.object({ waiting: z.string() }),
    errors: ["not_found", "conflict"],
    cli: { positional: ["id", "delivery"] },
    handle: async ({ webhooks }, input) => {
      await redeliver(webhooks, input);
      return { waiting: input.delivery };
    },
  }),
];

/** What of a webhook goes out; what a format keeps is its own. */
function shown(webhook: Webhook): Omit<Webhook, "facts"> {
  const { facts: _, ...rest } = webhook;
  return rest;
}
