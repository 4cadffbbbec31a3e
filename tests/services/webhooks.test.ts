import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, inject, it } from "vitest";
import { openPostgres } from "#adapters/database/postgres";
import { announce, createWebhook, keepDelivering, standardFormat, webhookMigrations } from "#domains/webhooks";
import { systemClock } from "#kit/clock";
import { newId } from "#kit/id";
import { silentLog } from "#kit/log";
import { createOutbound } from "#kit/outbound-http";
import { testSecrets } from "../contracts/secrets.ts";

it("two servers on one PostgreSQL tell each webhook each thing once, whichever of them it happened at", async () => {
  const got: string[] = [];
  let heard = () => undefined as void;
  const receiver = createServer((request, response) => {
    got.push(`${request.url} ${String(request.headers["webhook-id"])}`);
    response.end();
    request.resume();
    heard();
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const schema = `test_${newId().toLowerCase()}`;
  const secrets = testSecrets();
  const open = async () => {
    const state = await openPostgres({ url: inject("postgres"), schema, connections: 4 });
    await state.migrate(webhookMigrations);
    const outbound = createOutbound({ allow: [origin] });
    return { state, clock: systemClock, log: silentLog, secrets, outbound, formats: { millrace: standardFormat } };
  };
  const servers = [await open(), await open()];
  for (const path of ["/a", "/b"]) await createWebhook(servers[0]!, { name: "ci", url: `${origin}${path}`, events: ["alias.moved"] });
  const stop = new AbortController();
  const delivering = servers.map((server) => keepDelivering(server, stop.signal, 1));
  const things = 60;
  const happen = (i: number) =>
    servers[i % 2]!.state.write((transaction) => announce(transaction, { event: "alias.moved", atMs: Date.now(), data: { i } }));
  await Promise.all(Array.from({ length: things }, (_, i) => happen(i)));
  while (new Set(got).size < 2 * things) await new Promise<void>((next) => (heard = next));
  stop.abort();
  await Promise.all(delivering);
  expect(got).toHaveLength(2 * things);
  for (const { state } of servers) await state.close();
  receiver.closeAllConnections();
  await new Promise((closed) => receiver.close(closed));
});
