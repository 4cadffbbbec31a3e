/** Who is told of what happens, and that they are told. */
export { announce, announceThrough } from "./announce.ts";
export { createWebhook, deleteWebhook, getWebhook, listWebhooks, updateWebhook } from "./change-webhook.ts";
export { deliverDue, keepDelivering } from "./deliver.ts";
export { type WebhookEvent } from "./events.ts";
export { webhookMigrations } from "./migrations.ts";
export { type Webhook, type WebhookFormat, type WebhookServices } from "./model.ts";
export { createOutbox, type Outbox } from "./outbox.ts";
export { webhookRoutes } from "./routes.ts";
export { sealAnew } from "./sealed-secrets.ts";
export { sendMessage } from "./send-message.ts";
export { standardFormat } from "./standard-format.ts";
