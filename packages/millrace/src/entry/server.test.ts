import { once } from "node:events";
import { get } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { type AnyRoute, route, type RouteContext } from "#kit/route";
import { serveRoutes } from "../../../../tests/processes/serve-routes.ts";

/** A route that does what the test says. */
function stub(handle: (context: RouteContext) => Promise<unknown>): AnyRoute {
  return route<object>()({
    ...{ name: "stub.get", method: "GET", path: "/stub", summary: "For tests.", permission: "public", errors: [] },
    ...{ input: z.object({}), output: z.unknown(), cli: false },
    handle: (_services, _input, context) => handle(context),
  });
}

/** A server with an answer under way: it has begun to close when the answer may go out. */
async function closingServer(answer: () => unknown) {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const server = await serveRoutes(
    [
      stub(async () => {
        asked.resolve();
        await released.promise;
        return answer();
      }),
    ],
    {},
  );
  const reply = fetch(`${server.address}/stub`).then((response) => response.text());
  await asked.promise;
  const closed = server.close();
  released.resolve();
  return { reply, closed };
}

// A server that waits for such a connection gives up after 10 s, and then ends it: so this fails, rather than being slow.
it("closes once the last answer is out, though its client would keep the connection", { timeout: 9_000 }, async () => {
  const { reply, closed } = await closingServer(() => ({ last: true }));
  expect(JSON.parse(await reply)).toEqual({ last: true });
  await closed;
});

it("closes after an answer that was a stream, all of it sent", { timeout: 9_000 }, async () => {
  const piece = Buffer.alloc(100_000, "x");
  const { reply, closed } = await closingServer(() => ({
    contentType: "text/plain",
    body: (async function* () {
      for (let i = 0; i < 20; i++) yield piece;
    })(),
  }));
  expect(await reply).toHaveLength(20 * piece.length);
  await closed;
});

it("tells a handler that its caller has gone", async () => {
  const asked = Promise.withResolvers<AbortSignal>();
  const server = await serveRoutes(
    [
      stub(async ({ signal }) => {
        asked.resolve(signal);
        await once(signal, "abort");
        return {};
      }),
    ],
    {},
  );
  onTestFinished(() => server.close());
  const request = get(`${server.address}/stub`);
  request.on("error", () => undefined); // it is cut below
  const signal = await asked.promise;
  expect(signal.aborted).toBe(false);
  request.destroy();
  await once(signal, "abort");
});

it("leaves the signal of an answered call alone", async () => {
  const signals: AbortSignal[] = [];
  const server = await serveRoutes(
    [
      stub(async ({ signal }) => {
        signals.push(signal);
        return {};
      }),
    ],
    {},
  );
  await fetch(`${server.address}/stub`).then((response) => response.text());
  await server.close();
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
});
