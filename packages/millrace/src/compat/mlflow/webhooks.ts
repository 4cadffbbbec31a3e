import {
  createWebhook,
  deleteWebhook,
  getWebhook,
  listWebhooks,
  sendMessage,
  updateWebhook,
  type Webhook,
  type WebhookServices,
} from "#domains/webhooks";
import { AppError } from "#kit/app-error";
import { newId } from "#kit/id";
import { endpoint, type Handler, type MlflowServices } from "./endpoint.ts";
import { pageOf } from "./match.ts";
import { absent, invalid, refusal } from "./protocol.ts";
import { type Fields, integer, missing, needText, object, objects, text } from "./request.ts";
import { eventOf, mlflowEvents, wireEvent } from "./webhook-events.ts";
import { messageBody } from "./webhook-format.ts";

const format = "mlflow";

const create: Handler = async (services, fields) => {
  const webhooks = webhooksOf(services);
  const name = needText(fields, "name");
  const url = needText(fields, "url");
  const status = statusOf(fields);
  const secret = text(fields, "secret");
  const given = { name: checkName(name), url: checkUrl(url), description: text(fields, "description") ?? "" };
  const made = await createWebhook(webhooks, {
    ...given,
    ...subscription(fields),
    format,
    ...(status && { status }),
    ...(secret && { secret }),
  }).catch(translated);
  return { webhook: wireWebhook(made) };
};

const list: Handler = async (services, fields) => {
  const limit = integer(fields, "max_results") || 100;
  if (limit < 1 || limit > 1_000) throw invalid("max_results must be between 1 and 1000.");
  const known = (await listWebhooks(webhooksOf(services))).filter((each) => each.format === format);
  const { page, next } = pageOf(known, text(fields, "page_token"), limit);
  return { ...(page.length > 0 && { webhooks: page.map(wireWebhook) }), ...(next !== undefined && { next_page_token: next }) };
};

const get: Handler = async (services, fields) => ({ webhook: wireWebhook(await findWebhook(services, fields)) });

const update: Handler = async (services, fields) => {
  const { id } = await findWebhook(services, fields);
  const name = text(fields, "name");
  const url = text(fields, "url");
  const description = text(fields, "description");
  const secret = text(fields, "secret");
  const status = statusOf(fields);
  const changed = await updateWebhook(webhooksOf(services), {
    id,
    ...(name && { name: checkName(name) }),
    ...(url && { url: checkUrl(url) }),
    ...(description !== undefined && { description }),
    ...(secret !== undefined && { secret }),
    ...(status && { status }),
    ...(objects(fields, "events").length > 0 && subscription(fields)),
  }).catch(translated);
  return { webhook: wireWebhook(changed) };
};

const remove: Handler = async (services, fields) => {
  const { id } = await findWebhook(services, fields);
  await deleteWebhook(webhooksOf(services), id);
  return {};
};

const test: Handler = async (services, fields) => {
  const webhook = await findWebhook(services, fields);
  const asked = object(fields, "event");
  const event = Object.keys(asked).length > 0 ? eventOf(asked) : eventsOf(webhook)[0]!; // a webhook has at least one
  const webhooks = webhooksOf(services);
  const body = messageBody(event, webhooks.clock.now(), mlflowEvents[event]!.example);
  const sent = await sendMessage(webhooks, webhook, { id: newId(), body });
  return {
    result: {
      success: sent.status !== undefined && sent.status < 400,
      ...(sent.status !== undefined && { response_status: sent.status }),
      ...(sent.body !== "" && { response_body: sent.body }),
      ...(sent.status === undefined && { error_message: `Failed to test webhook: ${sent.problem}` }),
    },
  };
};

export const mlflowWebhookRoutes = [
  ...endpoint("POST", "webhooks", "webhooks:write", create),
  ...endpoint("GET", "webhooks", "webhooks:write", list),
  ...endpoint("GET", "webhooks/{id}", "webhooks:write", get),
  ...endpoint("PATCH", "webhooks/{id}", "webhooks:write", update),
  ...endpoint("DELETE", "webhooks/{id}", "webhooks:write", remove),
  ...endpoint("POST", "webhooks/{id}/test", "webhooks:write", test),
];

function webhooksOf({ webhooks }: MlflowServices): WebhookServices {
  if (webhooks === undefined) throw refusal("NOT_IMPLEMENTED", "This server sends no webhooks.");
  return webhooks;
}

/** Webhooks of other formats are none of MLflow's: it has no words for their events. */
async function findWebhook(services: MlflowServices, fields: Fields): Promise<Webhook> {
  const id = needText(fields, "id");
  const found = await getWebhook(webhooksOf(services), id).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  });
  if (found?.format !== format) throw absent(`Webhook with ID ${id} not found.`);
  return found;
}

/** The events asked for, and those of ours that they come from. */
function subscription(fields: Fields) {
  if (fields["events"] === undefined) throw missing("events");
  const events = [...new Set(objects(fields, "events").map(eventOf))].sort();
  if (events.length === 0) throw invalid("Webhook events must be a non-empty list of WebhookEvent objects: [].");
  return { events: events.flatMap((name) => mlflowEvents[name]!.from), facts: { events } };
}

function eventsOf({ facts }: Webhook): string[] {
  return facts["events"] as string[]; // as `subscription` gave them
}

function checkName(name: string): string {
  if (/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/i.test(name)) return name;
  throw invalid(
    `Webhook name '${name}' is invalid. It must start and end with a letter or digit, be less than 63 characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).`,
  );
}

/** What MLflow says of some bad URLs; the rest is refused where all are. */
function checkUrl(url: string): string {
  if (url.trim() === "") throw invalid(`Webhook URL cannot be empty or just whitespace: '${url}'`);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? "";
  if (scheme !== "https" && scheme !== "http") throw invalid(`Invalid webhook URL scheme: '${scheme}'. Allowed schemes are: https.`);
  if (/^https?:\/*$/i.test(url)) throw invalid(`Webhook URL must include a hostname: '${url}'`);
  if (!URL.canParse(url)) throw invalid(`Invalid webhook URL '${url}': it cannot be read.`);
  return url;
}

function statusOf(fields: Fields): "active" | "paused" | undefined {
  const status = text(fields, "status");
  if (status === undefined || status === "") return undefined;
  if (status !== "ACTIVE" && status !== "DISABLED") throw invalid(`Invalid webhook status '${status}'. It must be ACTIVE or DISABLED.`);
  return status === "ACTIVE" ? "active" : "paused";
}

/** A host without an address is the caller's fault: to a 503 clients would come back. */
function translated(error: unknown): never {
  if (!(error instanceof AppError)) throw error;
  if (error.code === "unavailable") throw invalid(`Cannot resolve Webhook URL hostname: ${error.message}`);
  if (error.details?.["refused"] !== "not public") throw error;
  throw invalid(`Webhook URL must not resolve to a non-public IP address. ${error.message} ${error.hint}`);
}

function wireWebhook(webhook: Webhook): object {
  return {
    webhook_id: webhook.id,
    name: webhook.name,
    ...(webhook.description !== "" && { description: webhook.description }),
    url: webhook.url,
    events: eventsOf(webhook).map(wireEvent),
    status: webhook.status === "active" ? "ACTIVE" : "DISABLED",
    creation_timestamp: webhook.createdMs,
    last_updated_timestamp: webhook.updatedMs,
  };
}
