import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RouteContext } from "#kit/route";
import { createOutbox, createWebhook, deliverDue } from "#domains/webhooks";
import { stageHistory } from "#domains/registry";
import { mlflowRoutes } from "./routes.ts";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";

interface Message {
  path: string;
  headers: Record<string, unknown>;
  body: string;
}

let place: MlflowPlace;
let receiver: Server;
let origin: string;
let messages: Message[] = [];
let status = 200;
beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    messages.push({ path: request.url!, headers: request.headers, body: await text(request) });
    response.writeHead(status).end("fine");
  });
  await new Promise<void>((ready) => receiver.listen(0, "127.0.0.1", ready));
  origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  place = await openMlflowPlace({ allow: [origin] });
});
afterAll(async () => {
  receiver.closeAllConnections();
  await new Promise((closed) => receiver.close(closed));
  await place.close();
});
beforeEach(async () => {
  for (const { webhook_id: id } of (await call("GET", "webhooks")).body.webhooks ?? []) await call("DELETE", `webhooks/${id}`);
  messages = [];
  status = 200;
});

type Answer = { status: number; body: any }; // oxlint-disable-line typescript/no-explicit-any -- what a server says

async function call(method: string, path: string, body?: unknown, prefix = "api"): Promise<Answer> {
  const response = await fetch(`${place.address}/${prefix}/2.0/mlflow/${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

const event = (name: string) => {
  const [entity, action] = name.toUpperCase().split(".");
  return { entity, action };
};
const make = async (events: string[], more: object = {}) =>
  (await call("POST", "webhooks", { name: "ci", url: `${origin}/in`, events: events.map(event), ...more })).body.webhook;

let count = 0;
const named = () => `model é ${++count}`;
const told = async () => {
  await deliverDue(place.webhooks);
  return messages.splice(0).map(({ body }) => {
    const { entity, action, data, timestamp } = JSON.parse(body) as Record<string, unknown>;
    expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/); // what Python's isoformat gives
    return { [`${String(entity)}.${String(action)}`]: data };
  });
};

describe("webhooks of MLflow's API", () => {
  it("are made, listed by pages, shown, changed and deleted, in the shapes of 3.17.2", async () => {
    const first = await make(["registered_model.created", "model_version_alias.deleted", "model_version.created"], { secret: "s" });
    expect(first).toEqual({
      ...{ webhook_id: expect.any(String) as string, name: "ci", url: `${origin}/in`, status: "ACTIVE" },
      events: ["model_version.created", "model_version_alias.deleted", "registered_model.created"].map(event),
      creation_timestamp: expect.any(Number) as number,
      last_updated_timestamp: first.creation_timestamp,
    });
    const second = await make(["prompt.created"], { description: "d", status: "DISABLED" });
    expect(second).toMatchObject({ description: "d", status: "DISABLED" });
    await createWebhook(place.webhooks, { name: "own", url: origin, events: ["gate.decided"] }); // for which MLflow has no words
    const page = (await call("GET", "webhooks?max_results=1")).body;
    expect(page).toEqual({ webhooks: [second], next_page_token: expect.any(String) as string });
    expect((await call("GET", `webhooks?max_results=1&page_token=${page.next_page_token}`, undefined, "ajax-api")).body).toEqual({
      webhooks: [first],
    });
    const id = first.webhook_id;
    expect((await call("GET", `webhooks/${id}`)).body).toEqual({ webhook: first });
    const changed = (await call("PATCH", `webhooks/${id}`, { name: "w2", description: "x", events: [event("prompt_tag.set")], status: "DISABLED" }))
      .body;
    expect(changed.webhook).toMatchObject({
      webhook_id: id,
      name: "w2",
      description: "x",
      events: [event("prompt_tag.set")],
      status: "DISABLED",
      url: first.url,
    });
    expect((await call("PATCH", `webhooks/${id}`, { name: "", description: "" })).body.webhook).not.toHaveProperty("description");
    expect(await call("DELETE", `webhooks/${id}`)).toEqual({ status: 200, body: {} });
    for (const gone of [await call("GET", `webhooks/${id}`), await call("DELETE", `webhooks/${id}`), await call("POST", `webhooks/${id}/test`, {})])
      expect(gone).toMatchObject({ status: 404, body: { error_code: "RESOURCE_DOES_NOT_EXIST", message: `Webhook with ID ${id} not found.` } });
  });

  const good = { name: "w", url: "https://8.8.8.8/", events: [event("prompt.created")] };
  it.each([
    [{ name: "-bad" }, "Webhook name '-bad' is invalid."],
    [{ name: undefined }, "Missing value for required parameter 'name'."],
    [{ url: "" }, "Missing value for required parameter 'url'."],
    [{ url: "ftp://8.8.8.8" }, "Invalid webhook URL scheme: 'ftp'. Allowed schemes are: https."],
    [{ url: "http://[invalid" }, "Invalid webhook URL 'http://[invalid'"],
    [{ events: undefined }, "Missing value for required parameter 'events'."],
    [{ url: "https://" }, "Webhook URL must include a hostname: 'https://'"],
    [{ url: "http://8.8.8.8" }, "is not https"],
    [{ url: "https://127.0.0.1" }, "Webhook URL must not resolve to a non-public IP address. The address https://127.0.0.1 is not on the public"],
    [{ url: "https://[::ffff:169.254.169.254]/" }, "is not on the public internet"],
    [{ url: "https://a:b@8.8.8.8/" }, "has a user or password in it"],
    [{ events: [] }, "Webhook events must be a non-empty list of WebhookEvent objects: []."],
    [{ events: [event("prompt.set")] }, "Invalid action 'set' for entity 'prompt'. Valid actions are: ['created']"],
    [{ events: [event("model_version_tag.created")] }, "Valid actions are: ['deleted', 'set']"],
    [{ events: [event("nothing.created")] }, "Invalid entity 'nothing'"],
    [{ events: [{}] }, "Invalid entity ''"],
    [{ events: "x" }, "Invalid value \"x\" for parameter 'events' supplied"],
    [{ status: 5 }, "Invalid value 5 for parameter 'status' supplied"],
    [{ status: "GONE" }, "Invalid webhook status 'GONE'"],
  ])("are refused with %j", async (bad, message) => {
    const answer = await call("POST", "webhooks", { ...good, ...bad });
    expect(answer).toMatchObject({
      status: 400,
      body: { error_code: "INVALID_PARAMETER_VALUE", message: expect.stringContaining(message) as string },
    });
    expect((await call("GET", "webhooks")).body).toEqual({});
  });

  it("are later with each change, also within a millisecond", async () => {
    let { webhook_id: id, last_updated_timestamp: last } = await make(["prompt.created"]);
    for (const name of ["a", "b", "c"]) {
      const { last_updated_timestamp: next } = (await call("PATCH", `webhooks/${id}`, { name })).body.webhook;
      expect(next).toBeGreaterThan(last);
      last = next;
    }
  });

  it.each(["1001", "-1", "x"])("have no page of %s", async (limit) => {
    expect(await call("GET", `webhooks?max_results=${limit}`)).toMatchObject({ status: 400, body: { error_code: "INVALID_PARAMETER_VALUE" } });
  });

  it("are tested with MLflow's examples, at once, with the answer shown", async () => {
    const { webhook_id: id } = await make(["registered_model.created"], { status: "DISABLED" });
    const result = async (body: object) => (await call("POST", `webhooks/${id}/test`, body)).body.result;
    expect(await result({})).toEqual({ success: true, response_status: 200, response_body: "fine" });
    expect(await result({ event: event("model_version_alias.created") })).toMatchObject({ success: true });
    status = 404;
    expect(await result({})).toEqual({ success: false, response_status: 404, response_body: "fine" });
    expect((await told()).slice(0, 2)).toEqual([
      { "registered_model.created": { name: "example_model", tags: { example_key: "example_value" }, description: "An example registered model" } },
      { "model_version_alias.created": { name: "example_model", alias: "example_alias", version: "1" } },
    ]);
  });
});

describe("messages", () => {
  const modelEvents = ["registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted"];
  const aliasEvents = ["model_version_alias.created", "model_version_alias.deleted"];
  const promptEvents = [
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_alias.created",
    "prompt_alias.deleted",
  ];

  it("tell of models what MLflow tells, signed as MLflow signs", async () => {
    await make([...modelEvents, ...aliasEvents, ...promptEvents.slice(0, 1)], { secret: "sésame" });
    const name = named();
    await call("POST", "registered-models/create", { name, tags: [{ key: "a", value: "b" }] });
    await call("POST", "model-versions/create", { name, source: "s3://bucket/model", tags: [{ key: "k", value: "v" }] });
    await deliverDue(place.webhooks);
    const { headers, body } = messages[1]!;
    const signed = `${String(headers["x-mlflow-delivery-id"])}.${String(headers["x-mlflow-timestamp"])}.${body}`;
    expect(headers["x-mlflow-signature"]).toBe(`v1,${createHmac("sha256", "sésame").update(signed).digest("base64")}`);
    expect(await told()).toEqual([
      { "registered_model.created": { name, tags: { a: "b" }, description: "" } },
      { "model_version.created": { name, version: "1", source: "s3://bucket/model", run_id: null, tags: { k: "v" }, description: null } },
    ]);
    const version = { name, version: "1" };
    await call("POST", "model-versions/set-tag", { ...version, key: "q", value: "z" });
    await call("DELETE", "model-versions/delete-tag", { ...version, key: "q" });
    await call("POST", "registered-models/alias", { ...version, alias: "champion" });
    await call("POST", "model-versions/create", { name, source: "s3://bucket/model" });
    await call("POST", "registered-models/alias", { ...version, version: "2", alias: "champion" });
    await call("DELETE", "registered-models/alias", { name, alias: "champion" });
    expect((await told()).filter((each) => !("model_version.created" in each))).toEqual([
      { "model_version_tag.set": { ...version, key: "q", value: "z" } },
      { "model_version_tag.deleted": { ...version, key: "q" } },
      { "model_version_alias.created": { ...version, alias: "champion" } },
      { "model_version_alias.created": { ...version, version: "2", alias: "champion" } },
      { "model_version_alias.deleted": { name, alias: "champion" } },
    ]);
  });

  it("tell of prompts as prompts, unsigned where there is no secret", async () => {
    await make([...promptEvents, "registered_model.created", "model_version.created"]);
    const name = named();
    const isPrompt = { key: "mlflow.prompt.is_prompt", value: "true" };
    await call("POST", "registered-models/create", { name, description: "pd", tags: [isPrompt, { key: "x", value: "y" }] });
    await call("POST", "model-versions/create", {
      ...{ name, source: "prompt-template" },
      tags: [isPrompt, { key: "mlflow.prompt.text", value: "hello {{n}}" }, { key: "t", value: "1" }],
    });
    await call("POST", "registered-models/set-tag", { name, key: "pt", value: "1" });
    await call("DELETE", "registered-models/delete-tag", { name, key: "pt" });
    await call("POST", "model-versions/set-tag", { name, version: "1", key: "q", value: "z" });
    await call("POST", "registered-models/alias", { name, version: "1", alias: "best" });
    await call("DELETE", "registered-models/alias", { name, alias: "best" });
    await deliverDue(place.webhooks);
    expect(messages.every(({ headers }) => headers["x-mlflow-signature"] === undefined)).toBe(true);
    expect(await told()).toEqual([
      { "prompt.created": { name, tags: { x: "y" }, description: "pd" } },
      { "prompt_version.created": { name, version: "1", template: "hello {{n}}", tags: { t: "1" }, description: null } },
      { "prompt_tag.set": { name, key: "pt", value: "1" } },
      { "prompt_tag.deleted": { name, key: "pt" } },
      { "prompt_version_tag.set": { name, version: "1", key: "q", value: "z" } },
      { "prompt_alias.created": { name, alias: "best", version: "1" } },
      { "prompt_alias.deleted": { name, alias: "best" } },
    ]);
  });
});

it("answers after a model has changed and those who want to know were told, or had their time", async () => {
  await make(["registered_model.created"]);
  const outbox = { ...createOutbox(), emptied: async () => void (await deliverDue(place.webhooks)) };
  const services = { ...place, webhooks: { ...place.webhooks, outbox } };
  const create = mlflowRoutes.find(({ path }) => path === "/api/2.0/mlflow/registered-models/create")!;
  const context = { actor: { name: "ana", permissions: new Set() }, requestId: "r", signal: new AbortController().signal } as RouteContext;
  const name = named();
  await create.handle(services, { body: Buffer.from(JSON.stringify({ name })), headers: { "content-type": "application/json" } }, context);
  expect(messages.map(({ body }) => (JSON.parse(body) as { data: object }).data)).toMatchObject([{ name }]);
});

describe("stages", () => {
  it("have a history with who moved which version when", async () => {
    const name = named();
    await call("POST", "registered-models/create", { name });
    for (let i = 0; i < 2; i++) await call("POST", "model-versions/create", { name, source: "s3://bucket/model" });
    const move = (version: string, stage: string, archive = false) =>
      call("POST", "model-versions/transition-stage", { name, version, stage, archive_existing_versions: archive });
    await move("1", "Production");
    await move("1", "Production"); // where it is already
    await move("2", "Production", true);
    const changes = await stageHistory(place.registry, name);
    expect(changes).toMatchObject([
      { version: 1, previous: "None", stage: "Production", actor: "local", untilMs: changes[1]!.fromMs },
      { version: 1, previous: "Production", stage: "Archived", untilMs: undefined },
      { version: 2, previous: "None", stage: "Production", untilMs: undefined },
    ]);
  });
});
