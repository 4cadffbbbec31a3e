import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { openSqlite } from "../../millrace/src/adapters/database/sqlite.ts";
import { accessMigrations, accessRoutes, actorOf } from "../../millrace/src/domains/access/index.ts";
import { startServer, type RunningServer } from "../../millrace/src/entry/server.ts";
import { AppError } from "../../millrace/src/kit/app-error.ts";
import { silentLog } from "../../millrace/src/kit/log.ts";
import { route, type AnyRoute } from "../../millrace/src/kit/route.ts";
import { openCall } from "./call.ts";
import { createClient, MillraceError } from "./index.ts";

let server: RunningServer;
let failuresLeft = 0;
let calls = 0;
const state = openSqlite({ path: ":memory:" });

const any = route<object>();
const more: AnyRoute[] = [
  any({
    name: "test.echo",
    method: "GET",
    path: "/test/{place}/echo",
    summary: "Says what it was asked.",
    permission: "public",
    input: z.looseObject({ place: z.string() }),
    output: z.unknown(),
    errors: [],
    handle: async (_, input) => input,
  }),
  any({
    name: "test.text",
    method: "POST",
    path: "/test/text",
    summary: "Answers no JSON.",
    permission: "public",
    input: z.object({ times: z.int() }),
    produces: "text/plain",
    errors: [],
    handle: async (_, { times }) => ({ contentType: "text/plain", body: "na".repeat(times) }),
  }),
  ...(["GET", "POST"] as const).map((method) =>
    any({
      name: `test.busy-${method}`,
      method,
      path: "/test/busy",
      summary: "Is unavailable for a while.",
      permission: "public",
      input: z.object({}),
      output: z.object({ calls: z.int() }),
      errors: ["unavailable"],
      handle: async () => {
        calls++;
        if (failuresLeft-- > 0) throw new AppError("unavailable", "Still warming up.", { hint: "Wait." });
        return { calls };
      },
    }),
  ),
  any({
    name: "test.never",
    method: "GET",
    path: "/test/never",
    summary: "Answers when its caller has gone.",
    permission: "public",
    input: z.object({}),
    output: z.object({}),
    errors: [],
    handle: (_, __, { signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve({}), { once: true })),
  }),
];

beforeAll(async () => {
  await state.migrate(accessMigrations);
  const access = { state, clock: { now: () => 1_000 } };
  server = await startServer({
    routes: [...accessRoutes, ...more],
    services: { access },
    host: "127.0.0.1",
    port: 0,
    version: "0",
    log: silentLog,
    actorOf: (secret) => actorOf(access, secret),
    hasTokens: async () => false,
  });
});
afterAll(async () => {
  await server.close();
  await state.close();
});

describe("createClient", () => {
  it("has the server's operations by noun, with typed inputs and outputs", async () => {
    const client = createClient({ url: server.address });
    const { secret } = await client.tokens.create({ name: "ci", permissions: ["project:read"] });
    expect(secret).toMatch(/^mr_/);
    const { tokens } = await client.tokens.list();
    expect(tokens).toEqual([{ name: "ci", permissions: ["project:read"], createdMs: 1_000, revokedMs: null }]);
    expect(await client.tokens.revoke({ name: "ci" })).toEqual({ revoked: "ci" });
    // @ts-expect-error -- a name is needed
    await expect(client.tokens.revoke({})).rejects.toThrow(MillraceError);
  });

  it("rejects with the server's error: code, status, hint and the request's id", async () => {
    const error = await createClient({ url: server.address })
      .tokens.create({ name: "x", permissions: ["fly"] })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MillraceError);
    expect(error).toMatchObject({ name: "MillraceError", code: "invalid_argument", status: 400, message: 'There is no permission "fly".' });
    expect((error as MillraceError).hint).toMatch(/^Permissions are:/);
    expect((error as MillraceError).requestId).toMatch(/\w{10,}/);
  });

  it("sends its token", async () => {
    const { secret } = await createClient({ url: server.address }).tokens.create({ name: "reader", permissions: ["project:read"] });
    const reader = createClient({ url: `${server.address}/`, token: secret });
    await expect(reader.tokens.list()).rejects.toMatchObject({ code: "permission_denied", status: 403 });
    await expect(createClient({ url: server.address, token: "wrong" }).tokens.list()).rejects.toMatchObject({ code: "unauthenticated", status: 401 });
  });
});

describe("openCall", () => {
  it("puts inputs into the path, the query or the body", async () => {
    const call = openCall({ url: server.address });
    expect(await call.json("GET", "/test/{place}/echo", { place: "a/b c", tags: ["x", "y&z"], limit: 3, gone: undefined })).toEqual({
      place: "a/b c",
      tags: ["x", "y&z"],
      limit: "3",
    });
    const response = await call.raw("POST", "/test/text", { times: 2 });
    expect(response.headers.get("content-type")).toBe("text/plain");
    expect(await response.text()).toBe("nana");
  });

  it("asks again when a GET finds the server unavailable, and not when a POST does", async () => {
    const call = openCall({ url: server.address, retryDelayMs: 0 });
    [failuresLeft, calls] = [2, 0];
    expect(await call.json("GET", "/test/busy", {})).toEqual({ calls: 3 });
    [failuresLeft, calls] = [3, 0];
    await expect(call.json("GET", "/test/busy", {})).rejects.toMatchObject({ code: "unavailable", status: 503, hint: "Wait." });
    expect(calls).toBe(3);
    [failuresLeft, calls] = [1, 0];
    await expect(call.json("POST", "/test/busy", {})).rejects.toMatchObject({ code: "unavailable" });
    expect(calls).toBe(1);
  });

  it("asks again when the network fails, and says which server cannot be reached", async () => {
    let tries = 0;
    const failing: typeof fetch = () => Promise.reject(new TypeError("fetch failed", { cause: new Error(`refused ${++tries}`) }));
    const call = openCall({ url: "http://127.0.0.1:9", fetch: failing, retries: 3, retryDelayMs: 0 });
    await expect(call.json("GET", "/health", {})).rejects.toMatchObject({
      code: "unavailable",
      status: 0,
      message: "The server at http://127.0.0.1:9 cannot be reached: refused 4",
    });
  });

  it("stops at the caller's signal, under way or between two tries", async () => {
    const controller = new AbortController();
    const underWay = openCall({ url: server.address }).json("GET", "/test/never", {}, { signal: controller.signal });
    controller.abort(new Error("no longer wanted"));
    await expect(underWay).rejects.toThrow("no longer wanted");
    const between = new AbortController();
    const failing: typeof fetch = () => {
      queueMicrotask(() => between.abort(new Error("given up")));
      return Promise.reject(new TypeError("fetch failed"));
    };
    const call = openCall({ url: server.address, fetch: failing, retryDelayMs: 3_600_000 });
    await expect(call.json("GET", "/health", {}, { signal: between.signal })).rejects.toThrow("given up");
  });

  it("makes sense of an answer that is not the server's own", async () => {
    const proxy: typeof fetch = async () => new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" });
    await expect(openCall({ url: server.address, fetch: proxy }).json("GET", "/health", {})).rejects.toMatchObject({
      code: "unavailable",
      status: 502,
      message: "The server answered 502 Bad Gateway: <h1>Bad gateway</h1>",
    });
  });
});
