import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fixedClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import { createOutbound } from "#kit/outbound-http";
import type { RouteContext } from "#kit/route";
import { sql } from "#kit/sql";
import type { Database } from "#ports/database";
import { testSecrets } from "../../../../../tests/contracts/secrets.ts";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import { deliveryRules } from "./deliver.ts";
import {
  announce,
  announceThrough,
  createOutbox,
  createWebhook,
  deleteWebhook,
  deliverDue,
  getWebhook,
  keepDelivering,
  listWebhooks,
  sealAnew,
  standardFormat,
  updateWebhook,
  webhookMigrations,
  webhookRoutes,
  type WebhookServices,
} from "./index.ts";
import { listDeliveries, redeliver } from "./change-webhook.ts";
import { dueDeliveries, leaseDelivery } from "./store.ts";

interface Message {
  path: string;
  headers: Record<string, unknown>;
  body: string;
}

let state: Database;
let clock: ReturnType<typeof fixedClock>;
let services: WebhookServices;
let receiver: Server;
let origin: string;
let messages: Message[];
/** How the receiver answers. */
let answer: { status: number; headers?: Record<string, string>; body?: string; hold?: Promise<unknown> };

beforeEach(async () => {
  state = await openTestState(webhookMigrations);
  clock = fixedClock(1_800_000_000_000);
  messages = [];
  answer = { status: 204 };
  receiver = createServer(async (request, response) => {
    messages.push({ path: request.url!, headers: request.headers, body: await text(request) });
    const { status, headers, body, hold } = answer;
    await hold;
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((ready) => receiver.listen(0, "127.0.0.1", ready));
  origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  services = { state, clock, secrets: testSecrets(), outbound: createOutbound({ allow: [origin] }), formats: { millrace: standardFormat } };
});
afterEach(async () => {
  receiver.closeAllConnections();
  await new Promise((closed) => receiver.close(closed));
  await state.close();
});

const never = 2 ** 30;
const secret = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
const make = (more: object = {}) => createWebhook(services, { name: "ci", url: `${origin}/in`, events: ["alias.moved"], secret, ...more });
const happen = (event = "alias.moved", data: Record<string, unknown> = { model: "m", version: 2 }) =>
  state.write((transaction) => announce(transaction, { event, atMs: clock.now(), data }));
const context = { actor: { name: "ana", permissions: new Set() }, requestId: "r", signal: new AbortController().signal } as RouteContext;
const call = (name: string, input: object) =>
  webhookRoutes.find((route) => route.name === name)!.handle({ webhooks: services }, input as never, context) as Promise<Record<string, unknown>>;

describe("a message", () => {
  it("goes to each active webhook that wants its event, signed so that Standard Webhooks libraries verify it", async () => {
    const { id } = await make();
    await make({ url: `${origin}/other`, events: ["model.created"] });
    await make({ url: `${origin}/paused`, status: "paused" });
    await happen();
    expect(await deliverDue(services)).toBe(1);
    const [message] = messages;
    expect(messages).toHaveLength(1);
    expect(message).toMatchObject({ path: "/in", headers: { "content-type": "application/json", "user-agent": "millrace-webhooks" } });
    expect(JSON.parse(message!.body)).toEqual({ type: "alias.moved", timestamp: "2027-01-15T08:00:00.000Z", data: { model: "m", version: 2 } });
    const [delivery] = await listDeliveries(services, { id });
    expect(delivery).toMatchObject({ event: "alias.moved", state: "delivered", attempts: 1, status: 204, problem: undefined, nextMs: undefined });
    const { "webhook-id": sentId, "webhook-timestamp": timestamp, "webhook-signature": signature } = message!.headers;
    expect([sentId, timestamp]).toEqual([delivery!.id, "1800000000"]);
    const key = Buffer.from(secret.slice("whsec_".length), "base64");
    expect(signature).toBe(
      `v1,${createHmac("sha256", key)
        .update(`${String(sentId)}.${String(timestamp)}.${message!.body}`)
        .digest("base64")}`,
    );
    expect(await deliverDue(services)).toBe(0);
  });

  it("is not sent, nor kept, where the change it tells of is undone", async () => {
    const { id } = await make();
    await expect(
      state.write(async (transaction) => {
        await announce(transaction, { event: "alias.moved", atMs: 1, data: {} });
        throw new Error("undone");
      }),
    ).rejects.toThrow("undone");
    expect(await deliverDue(services)).toBe(0);
    expect(await listDeliveries(services, { id })).toEqual([]);
  });

  it("is tried again under the same id, later each time, and given up in the end for all to see", async () => {
    const { id } = await make();
    answer = { status: 500, body: "no\u0000pe" };
    await happen();
    const pauses: number[] = [];
    for (let attempt = 1; attempt < deliveryRules.attempts; attempt++) {
      expect(await deliverDue(services)).toBe(1);
      const [delivery] = await listDeliveries(services, { id });
      expect(delivery).toMatchObject({ state: "waiting", attempts: attempt, status: 500, problem: "The receiver answered 500: nope" });
      pauses.push(delivery!.nextMs! - clock.now());
      clock.advance(delivery!.nextMs! - clock.now() - 1);
      expect(await deliverDue(services)).toBe(0);
      clock.advance(1);
    }
    expect(await deliverDue(services)).toBe(1);
    expect((await listDeliveries(services, { id }))[0]).toMatchObject({ state: "given-up", attempts: 8, finishedMs: clock.now() });
    expect(new Set(messages.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(messages.map(({ headers }) => headers["webhook-timestamp"])).size).toBe(8); // each attempt is signed for its own time
    pauses.forEach((pause, i) => expect(pause / (5_000 * 4 ** i)).toSatisfy((ratio: number) => ratio >= 1 && ratio <= 1.2));
    clock.advance(1e12);
    expect(await deliverDue(services)).toBe(0);
  });

  it("waits as long as the receiver asks", async () => {
    const { id } = await make();
    answer = { status: 429, headers: { "retry-after": "120" } };
    await happen();
    await deliverDue(services);
    expect((await listDeliveries(services, { id }))[0]!.nextMs).toBe(clock.now() + 120_000);
  });

  it("is not taken along by a redirect, and never sent to an address that is not allowed any more", async () => {
    const { id } = await make();
    answer = { status: 302, headers: { location: `${origin}/elsewhere` } };
    await happen();
    await deliverDue(services);
    expect(messages.map(({ path }) => path)).toEqual(["/in"]);
    expect((await listDeliveries(services, { id }))[0]).toMatchObject({ state: "waiting", status: 302 });
    services.outbound = createOutbound();
    clock.advance(10_000);
    await deliverDue(services);
    expect(messages).toHaveLength(1);
    expect((await listDeliveries(services, { id }))[0]!.problem).toContain("is not https");
  });

  it("can be sent once more when it is over", async () => {
    const { id } = await make();
    await happen();
    await deliverDue(services);
    const { id: delivery } = (await listDeliveries(services, { id }))[0]!;
    await redeliver(services, { id, delivery });
    await expect(redeliver(services, { id, delivery })).rejects.toMatchObject({ code: "conflict" });
    await expect(redeliver(services, { id, delivery: "01K" })).rejects.toMatchObject({ code: "not_found" });
    await deliverDue(services);
    expect(messages.map(({ headers }) => headers["webhook-id"])).toEqual([delivery, delivery]);
  });
});

describe("a webhook", () => {
  it("that takes nothing five times in a row is disabled with the reason, and takes up what waits when it is made active", async () => {
    const { id } = await make();
    answer = { status: 503 };
    for (let i = 0; i < deliveryRules.failuresToDisable; i++) await happen();
    for (let attempt = 0; attempt < deliveryRules.attempts - 1; attempt++) {
      await deliverDue(services);
      clock.advance(deliveryRules.longestPauseMs * 2);
    }
    expect(await getWebhook(services, id)).toMatchObject({ status: "active" });
    await happen(); // one more, which waits still when the others are given up
    await deliverDue(services);
    expect(await getWebhook(services, id)).toMatchObject({
      status: "disabled",
      problem: expect.stringMatching(/5 messages in a row .*503/) as string,
    });
    clock.advance(deliveryRules.longestPauseMs);
    await happen(); // told to nobody
    expect(await deliverDue(services)).toBe(0);
    answer = { status: 200 };
    expect(await updateWebhook(services, { id, status: "active" })).toMatchObject({ status: "active", problem: undefined });
    expect(await deliverDue(services)).toBe(1);
    expect((await listDeliveries(services, { id })).map((each) => each.state)).toEqual(["delivered", ...Array(5).fill("given-up")]);
  });

  it("is disabled at once by an answer that it is gone", async () => {
    const { id } = await make();
    answer = { status: 410 };
    await happen();
    await deliverDue(services);
    expect(await getWebhook(services, id)).toMatchObject({ status: "disabled" });
    expect((await listDeliveries(services, { id }))[0]).toMatchObject({ state: "given-up", attempts: 1 });
  });

  it("keeps its last deliveries, and those that wait", async () => {
    const { id } = await make();
    for (let i = 0; i < deliveryRules.kept + 5; i++) await happen("alias.moved", { i });
    await deliverDue(services);
    answer = { status: 500 };
    await happen();
    await deliverDue(services);
    const kept = await listDeliveries(services, { id, limit: 1_000 });
    expect(kept).toHaveLength(deliveryRules.kept + 1);
    expect(kept[0]!.state).toBe("waiting");
    expect(await listDeliveries(services, { id, below: kept[2]!.id, limit: 2 })).toEqual(kept.slice(3, 5));
  });

  it("never shows its secret", async () => {
    const { id } = await make();
    const shown: object[] = [await getWebhook(services, id), await listWebhooks(services), await updateWebhook(services, { id, name: "other" })];
    shown.push(await call("webhooks.list", {}), await call("webhooks.show", { id }), await call("webhooks.deliveries", { id }));
    expect(JSON.stringify(shown)).not.toContain(secret.slice(6));
    expect(shown[0]).toMatchObject({ signed: true });
    await updateWebhook(services, { id, secret: "" });
    await happen();
    await deliverDue(services);
    expect(messages[0]!.headers).not.toHaveProperty("webhook-signature");
  });

  it("is changed and deleted with all that waits", async () => {
    const { id } = await make();
    clock.advance(5);
    expect(
      await updateWebhook(services, { id, url: `${origin}/new`, events: ["model.created", "alias.set", "alias.set"], description: "d" }),
    ).toMatchObject({
      ...{ url: `${origin}/new`, events: ["alias.set", "model.created"], description: "d", name: "ci", updatedMs: clock.now() },
    });
    await happen("model.created");
    await deleteWebhook(services, id);
    expect(await deliverDue(services)).toBe(0);
    for (const look of [getWebhook, deleteWebhook]) await expect(look(services, id)).rejects.toMatchObject({ code: "not_found" });
    for (const look of [updateWebhook, listDeliveries]) await expect(look(services, { id })).rejects.toMatchObject({ code: "not_found" });
  });

  it.each([
    { url: "https://127.0.0.1/x" },
    { url: "http://169.254.169.254/" },
    { url: "https://a:b@8.8.8.8/" },
    { events: [] },
    { events: ["model.exploded"] },
    { name: "-" },
    { name: "x".repeat(64) },
    { description: "x".repeat(5_001) },
  ])("is refused with %j", async (bad) => {
    await expect(make(bad)).rejects.toMatchObject({ code: "invalid_argument" });
    const { id } = await make();
    await expect(updateWebhook(services, { id, ...bad } as never)).rejects.toMatchObject({ code: "invalid_argument" });
    expect(await listWebhooks(services)).toHaveLength(1);
  });
});

describe("delivering", () => {
  it("gives up what cannot even be written, and forgets what its webhook is not to be told after all", async () => {
    const { id } = await make({ format: "unknown" });
    await happen();
    await deliverDue(services);
    expect((await listDeliveries(services, { id }))[0]).toMatchObject({
      state: "waiting",
      attempts: 1,
      problem: expect.stringContaining("as unknown") as string,
    });
    services.formats["unknown"] = { body: () => undefined, headers: () => ({}) };
    clock.advance(10_000);
    await deliverDue(services);
    expect(await listDeliveries(services, { id })).toEqual([]);
    expect(messages).toEqual([]);
  });

  it("leaves a webhook alone that is deleted while a message is under way", async () => {
    const { id } = await make();
    let letGo!: (value: unknown) => void;
    answer = { status: 200, hold: new Promise((go) => (letGo = go)) };
    await happen();
    const delivering = deliverDue(services);
    await until(() => messages.length === 1);
    await deleteWebhook(services, id);
    letGo(undefined);
    expect(await delivering).toBe(1);
  });

  it("sends a webhook's messages in the order in which things happened", async () => {
    await make();
    for (let i = 0; i < 10; i++) await happen("alias.moved", { i });
    const stop = new AbortController();
    const done = keepDelivering({ ...services, log: silentLog }, stop.signal, 600_000); // goes on as soon as one is through
    await until(() => messages.length === 10);
    stop.abort();
    await done;
    expect(messages.map(({ body }) => (JSON.parse(body) as { data: { i: number } }).data.i)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("is on its way as soon as the change it tells of is committed, and who wants to can wait for it", async () => {
    await make();
    const outbox = createOutbox(never);
    const happenNow = (event: string) =>
      state.write((transaction) => announceThrough(outbox)(transaction, { event, atMs: clock.now(), data: { model: "m" } }));
    const stop = new AbortController();
    const done = keepDelivering({ ...services, outbox, log: silentLog }, stop.signal, never); // looks by itself too late for this test
    for (let i = 1; i < 4; i++) {
      await happenNow("alias.moved");
      await outbox.emptied();
      expect(messages).toHaveLength(i);
    }
    await happenNow("model.created"); // which nobody wants to know of
    await outbox.emptied();
    await expect(
      state.write(async (transaction) => {
        await announceThrough(outbox)(transaction, { event: "alias.moved", atMs: clock.now(), data: {} });
        throw new Error("undone");
      }),
    ).rejects.toThrow("undone");
    await outbox.emptied();
    answer = { status: 500 };
    await happenNow("alias.moved");
    await outbox.emptied(); // tried, though in vain
    expect(messages).toHaveLength(4);
    stop.abort();
    await done;
  });

  it("is waited for only so long, and after that not again before a receiver is in time", async () => {
    const outbox = createOutbox(50);
    outbox.add("nobody sends this");
    await outbox.emptied();
    outbox.add("a second");
    let waited = false;
    const second = outbox.emptied().then(() => (waited = true));
    await Promise.resolve();
    await Promise.resolve();
    expect(waited).toBe(true); // at once
    await second;
    outbox.tried("a second");
    outbox.add("a third");
    const third = outbox.emptied();
    outbox.tried("a third");
    outbox.tried("nobody sends this");
    await third;
    await createOutbox(never).emptied(); // nothing is in it
  });

  it("is signed with a secret that does not stand in the database, and opens at no other webhook", async () => {
    const { id } = await make();
    const { id: other } = await make();
    const stored = async () => JSON.stringify(await state.all(sql`select * from webhook_secret`));
    expect(await stored()).not.toContain(secret.slice("whsec_".length));
    await state.run(sql`update webhook_secret set secret = (select secret from webhook_secret where webhook = ${id}) where webhook = ${other}`);
    await happen();
    await deliverDue(services);
    expect(messages).toHaveLength(1);
    const [delivery] = await listDeliveries(services, { id: other });
    expect(delivery).toMatchObject({
      state: "waiting",
      problem: expect.stringContaining(`The secret of webhook/${other} is not what the key`) as string,
    });
    await updateWebhook(services, { id, secret: "" });
    await updateWebhook(services, { id: other, secret: "" });
    expect(await stored()).toBe("[]");
    expect(await call("webhooks.seal", {})).toEqual({ sealed: 0, key: undefined });
  });

  it("is signed with secrets from before they were sealed, which the next start seals, and which a new key seals anew", async () => {
    const { id } = await make({ secret: "none of them" });
    await state.run(sql`update webhook_secret set secret = ${secret}, sealed_by = null`);
    const signature = async () => {
      await happen();
      await deliverDue(services);
      return messages.at(-1)!.headers["webhook-signature"];
    };
    const expected = (id: unknown, body: string) =>
      `v1,${createHmac("sha256", Buffer.from(secret.slice("whsec_".length), "base64"))
        .update(`${String(id)}.1800000000.${body}`)
        .digest("base64")}`;
    const checkSigned = async () => expect(await signature()).toBe(expected(messages.at(-1)!.headers["webhook-id"], messages.at(-1)!.body));
    await checkSigned();
    const key = await services.secrets.sealingKey();
    expect([await call("webhooks.seal", {}), await sealAnew(services)]).toEqual([
      { sealed: 1, key },
      { sealed: 0, key },
    ]);
    await checkSigned();
    const old = services.secrets;
    const young = testSecrets();
    const youngId = await young.sealingKey();
    services.secrets = { ...young, open: (sealed, place) => (sealed.key === youngId ? young : old).open(sealed, place) };
    expect([await sealAnew(services), await sealAnew(services)]).toEqual([
      { sealed: 1, key: youngId },
      { sealed: 0, key: youngId },
    ]);
    services.secrets = young;
    await checkSigned();
    expect(await state.all(sql`select webhook, sealed_by from webhook_secret`)).toEqual([{ webhook: id, sealed_by: youngId }]);
  });

  it("takes a message up again when the process that had it died, under the same id", async () => {
    await make();
    await happen();
    const [due] = await dueDeliveries(state, clock.now(), 2, 16);
    const lease = { id: due!.id, lease: "dead", nowMs: clock.now(), untilMs: clock.now() + deliveryRules.leaseMs };
    expect(await state.write((transaction) => leaseDelivery(transaction, lease))).toMatchObject({ attempts: 1 });
    expect(await deliverDue(services)).toBe(0); // it may be alive
    clock.advance(deliveryRules.leaseMs);
    expect(await deliverDue(services)).toBe(1);
    expect(messages.map(({ headers }) => headers["webhook-id"])).toEqual([due!.id]);
  });

  it("sends each message once though several do it at the same time", async () => {
    await make();
    await make({ url: `${origin}/second` });
    for (let i = 0; i < 20; i++) await happen("alias.moved", { i });
    await Promise.all([1, 2, 3, 4].map(() => deliverDue({ ...services })));
    const told = messages.map(({ path, body }) => `${path} ${(JSON.parse(body) as { data: { i: number } }).data.i}`);
    expect(told).toHaveLength(40);
    expect(new Set(told).size).toBe(40);
  });

  it("goes on past a receiver that does not answer, and ends when it is told to, after what is under way", async () => {
    await make({ url: `${origin}/slow` });
    await make({ url: `${origin}/quick`, events: ["model.created"] });
    let letGo!: (value: unknown) => void;
    answer = { status: 200, hold: new Promise((go) => (letGo = go)) };
    for (let i = 0; i < 5; i++) await happen();
    const stop = new AbortController();
    const done = keepDelivering({ ...services, log: silentLog }, stop.signal, 5);
    await until(() => messages.length === deliveryRules.atOncePerWebhook);
    answer = { status: 200 };
    await happen("model.created");
    await until(() => messages.some(({ path }) => path === "/quick"));
    expect(messages.filter(({ path }) => path === "/slow")).toHaveLength(deliveryRules.atOncePerWebhook);
    stop.abort();
    letGo(undefined);
    await done;
    const [slow] = (await listWebhooks(services)).filter(({ url }) => url.endsWith("/slow"));
    const states = (await listDeliveries(services, { id: slow!.id })).map((each) => each.state);
    expect(states.filter((each) => each === "delivered").length).toBe(deliveryRules.atOncePerWebhook);
  });
});

describe("the routes", () => {
  it("show a secret once, where it was made here", async () => {
    const made = await call("webhooks.create", { name: "ci", url: `${origin}/in`, events: ["alias.moved"] });
    expect(made).toMatchObject({ name: "ci", status: "active", signed: true, secret: expect.stringMatching(/^whsec_.{44}$/) as string });
    expect(await call("webhooks.show", { id: made["id"] })).not.toHaveProperty("secret");
    for (const bad of ["short", "whsec_", "whsec_AAAA", `whsec_${"*".repeat(44)}`])
      await expect(call("webhooks.create", { name: "ci", url: `${origin}/in`, events: ["alias.moved"], secret: bad })).rejects.toMatchObject({
        code: "invalid_argument",
      });
  });

  it("send an example at once and show the answer, of which nothing is kept", async () => {
    const { id } = await make({ status: "paused" });
    answer = { status: 200, body: "fine" };
    expect(await call("webhooks.test", { id, event: "gate.decided" })).toMatchObject({ ok: true, status: 200, body: "fine" });
    expect(JSON.parse(messages[0]!.body)).toMatchObject({ type: "gate.decided", data: { verdict: "passed" } });
    answer = { status: 418 };
    expect(await call("webhooks.test", { id })).toMatchObject({ ok: false, status: 418, problem: "The receiver answered 418" });
    expect(await call("webhooks.deliveries", { id, limit: 50 })).toEqual({ deliveries: [] });
  });

  it("leave events and secret of another program's webhook to that program", async () => {
    const { id } = await make({ format: "other" });
    await expect(call("webhooks.update", { id, events: ["alias.set"] })).rejects.toMatchObject({ code: "invalid_argument" });
    expect(await call("webhooks.update", { id, status: "paused" })).toMatchObject({ status: "paused" });
    expect(await call("webhooks.delete", { id })).toEqual({ deleted: id });
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((next) => setImmediate(next));
}
