import { createHmac } from "node:crypto";
import type { WebhookFormat } from "#domains/webhooks";
import type { Happening } from "#ports/announcer";
import type { Reader } from "#ports/database";
import { isPrompt, promptTag } from "./prompts.ts";
import { rowsOfVersions } from "./version-rows.ts";
import { mlflowEvents } from "./webhook-events.ts";

/** Messages as MLflow sends them (mlflow/webhooks/delivery.py), to webhooks that were made through its API. */
export function mlflowWebhookFormat(state: Reader): WebhookFormat {
  return {
    async body(happening, facts) {
      const name = (facts["events"] as string[]).find((each) => means(each, happening)); // as `webhooks.ts` keeps them
      return name === undefined ? undefined : messageBody(name, happening.atMs, await payload(state, happening, mlflowEvents[name]!.prompt));
    },
    headers({ id, atMs, body, secret }) {
      const timestamp = String(Math.floor(atMs / 1_000));
      const signature = secret && `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
      return { "X-MLflow-Delivery-Id": id, "X-MLflow-Timestamp": timestamp, ...(signature && { "X-MLflow-Signature": signature }) };
    },
  };
}

export function messageBody(name: string, atMs: number, data: Record<string, unknown>): string {
  const [entity, action] = name.split(".");
  return JSON.stringify({ entity, action, timestamp: new Date(atMs).toISOString().replace("Z", "000+00:00"), data });
}

const promptTags = new Set([promptTag, "_mlflow_prompt_type", "mlflow.prompt.text"]);

function means(name: string, { event, data }: Happening): boolean {
  const { prompt, from } = mlflowEvents[name]!;
  return (from as string[]).includes(event) && prompt === isPrompt(textsOf(data["modelTags"]));
}

/** What a payload has of an event; the registry's words on the right. */
async function payload(state: Reader, { event, data }: Happening, prompt: boolean): Promise<Record<string, unknown>> {
  const name = data["model"] as string;
  const version = data["version"] === undefined ? {} : { version: String(data["version"]) };
  switch (event) {
    case "model.created":
      return { name, tags: shownTags(textsOf(data["modelTags"]), prompt), description: data["description"] };
    case "version.created": {
      const tags = textsOf(data["tags"]);
      const row = (await rowsOfVersions(state, [{ model: name, version: data["version"] as number }]))(name, data["version"] as number);
      const made = prompt ? { template: tags["mlflow.prompt.text"] ?? null } : { source: row?.source ?? "", run_id: data["runId"] ?? null };
      return { name, ...version, ...made, tags: shownTags(tags, prompt), description: data["description"] || null };
    }
    case "alias.removed":
      return { name, alias: data["alias"] };
    case "alias.set":
    case "alias.moved":
      return { name, alias: data["alias"], ...version };
    default:
      return { name, ...version, key: data["key"], ...(data["value"] !== undefined && { value: data["value"] }) };
  }
}

function shownTags(tags: Record<string, string>, prompt: boolean): Record<string, string> {
  return prompt ? Object.fromEntries(Object.entries(tags).filter(([key]) => !promptTags.has(key))) : tags;
}

/** Tags as the registry's events have them. */
function textsOf(value: unknown): Record<string, string> {
  return (value ?? {}) as Record<string, string>;
}
