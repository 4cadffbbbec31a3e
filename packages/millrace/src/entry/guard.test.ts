import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type AnyRoute, type Protocol, route, type Route } from "#kit/route";
import type { RunningServer } from "./server.ts";
import { serveRoutes } from "../../../../tests/processes/serve-routes.ts";

const pages: Protocol = {
  name: "pages",
  localPages: true,
  errorAnswer: (error) => ({ contentType: "text/plain", status: error.status, body: error.message }),
};

function stub(path: string, more: Partial<Route> = {}): AnyRoute {
  return route<object>()({
    ...{ name: `stub${path}`, method: "GET", path, summary: "For tests.", permission: "public", errors: [], cli: false },
    ...{ input: z.object({}), output: z.unknown(), handle: async () => ({ fine: true }) },
    ...(more as object),
  });
}

let server: RunningServer;
beforeAll(async () => {
  server = await serveRoutes([stub("/api/own"), stub("/api/2.0/open/things", { protocol: pages }), stub("/probe", { probe: true })], {});
});
afterAll(() => server.close());

/** As `fetch`, which would not send another host's name. */
async function ask(path: string, headers: Record<string, string> = {}, method = "GET") {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; headers: Record<string, unknown>; body: string }>();
  request(`${server.address}${path}`, { method, headers }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, body })); // an answer has one
  })
    .on("error", reject)
    .end();
  return promise;
}

describe("every answer", () => {
  it.each(["/api/own", "/api/2.0/open/things", "/probe", "/nowhere", "/openapi.json"])("of %s may not be framed or sniffed", async (path) => {
    expect((await ask(path)).headers).toMatchObject({ "x-frame-options": "SAMEORIGIN" });
    if (path !== "/openapi.json") expect((await ask(path)).headers).toMatchObject({ "x-content-type-options": "nosniff" });
  });
});

describe("a request under another host's name", () => {
  it("is refused, unless it is a probe", async () => {
    const host = "evil.example";
    expect((await ask("/api/own", { host })).status).toBe(403);
    expect(await ask("/api/2.0/open/things", { host })).toMatchObject({ status: 403, body: expect.stringContaining("Invalid Host header") });
    expect((await ask("/nowhere", { host })).status).toBe(403);
    expect((await ask("/probe", { host })).status).toBe(200);
    expect((await ask("/probe", { host }, "HEAD")).status).toBe(200);
  });
});

describe("a page of another program on this machine", () => {
  const origin = "http://localhost:3000";

  it("reads what its protocol lets it, and nothing else", async () => {
    const read = await ask("/api/2.0/open/things", { origin });
    expect([read.status, read.headers["access-control-allow-origin"], read.headers["vary"]]).toEqual([200, origin, "Origin"]);
    expect(read.headers["access-control-allow-credentials"]).toBeUndefined();
    expect((await ask("/api/own", { origin })).status).toBe(403);
    const refused = await ask("/api/2.0/open/things", { origin: "http://evil.example" });
    expect([refused.status, refused.headers["access-control-allow-origin"]]).toEqual([403, undefined]);
    expect(refused.body).toContain("Cross-origin request blocked");
  });

  it("may ask first what it may do", async () => {
    const wish = { "access-control-request-method": "POST", "access-control-request-headers": "Content-Type" };
    const told = await ask("/api/2.0/open/things", { origin, ...wish }, "OPTIONS");
    expect([told.status, told.body]).toEqual([200, "OK"]);
    expect(told.headers).toMatchObject({ "access-control-allow-origin": origin, "access-control-allow-headers": "Content-Type" });
    expect(told.headers["access-control-allow-methods"]).toContain("POST");
    const evil = await ask("/api/2.0/open/things", { origin: "http://evil.example", ...wish }, "OPTIONS");
    expect([evil.status, evil.headers["access-control-allow-origin"]]).toEqual([400, undefined]);
    expect((await ask("/api/own", { origin, ...wish }, "OPTIONS")).status).toBe(400);
    expect((await ask("/api/2.0/open/things", {}, "OPTIONS")).status).toBe(404);
  });
});
