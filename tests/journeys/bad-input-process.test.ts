import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { checkRoutes } from "#entry/server";
import { route } from "#kit/route";
import { millrace, millraceJson, startMillrace, type Running } from "./millrace-process.ts";
import { copyProject, leftovers } from "./project-copy.ts";
import { readFacts, type ProjectFacts } from "./project-facts.ts";
import { makeSmallProject, type SmallProject } from "./small-project.ts";

/** Requests and events that cannot be used, and processes that get in each other's way. */
const names = { model: "late-delivery", endpoint: "late-delivery" };
const anyPort = { env: { MILLRACE_PORT: "0" } };

let lived: SmallProject;
let facts: ProjectFacts;
let server: Running;
let address: string;

beforeAll(async () => {
  lived = await makeSmallProject();
  expect(await millrace(lived.folder, ["demo", "--quiet"])).toMatchObject({ exit: 0, stderr: "" });
  facts = await readFacts(lived.folder, names);
  server = startMillrace(lived.folder, ["server"], anyPort);
  address = (await server.says(/ at (http:\S+) /))[1]!;
  await until(
    async () => (await (await fetch(`${address}/v2/health/ready`)).json()) as { ready: boolean },
    ({ ready }) => ready,
  );
}, 300_000);
afterAll(async () => {
  server?.child.kill("SIGTERM");
  await server?.ended;
  await lived?.remove();
});

/** Asks again and again until the answer is as wanted; the test's own patience is the limit. */
async function until<Answer>(ask: () => Promise<Answer>, wanted: (answer: Answer) => boolean): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function post(path: string, body: unknown): Promise<{ status: number; answer: { error: { code: string; message: string; hint?: string } } }> {
  const response = await fetch(`${address}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, answer: (await response.json()) as { error: { code: string; message: string; hint?: string } } };
}

const ask = "/api/endpoints/late-delivery/predictions";
const row = { depot: "north", distance: 3, hour: 4 };

describe("a request that cannot be answered", { timeout: 60_000 }, () => {
  test.each<[string, string, unknown, number, object]>([
    [
      "text in the place of a number",
      ask,
      { rows: [{ ...row, distance: "far" }] },
      400,
      { message: 'Field distance is "far", but the model takes a number there.' },
    ],
    [
      "an unknown field",
      ask,
      { rows: [{ ...row, speed: 3 }] },
      400,
      { message: "Field speed is none that late-delivery v2 knows", hint: expect.stringMatching(/^It takes depot, distance, hour/) as string },
    ],
    ["no key of a feature view", ask, { rows: [{ distance: 3 }] }, 400, { message: "Field depot is missing: feature view delivered is read by it." }],
    ["rows that are no list", ask, { rows: "x" }, 400, { message: "rows: Invalid input: expected array, received string." }],
    ["half a JSON", ask, '{"rows": [', 400, { message: expect.stringMatching(/^The body is not JSON: /) as string }],
    [
      "an unknown endpoint",
      "/api/endpoints/churn/predictions",
      { rows: [row] },
      404,
      { message: 'There is no endpoint "churn"', hint: "There are: late-delivery." },
    ],
    ["an unknown path", "/api/endpoint", {}, 404, { message: "There is no POST /api/endpoint.", hint: "See /openapi.json for every operation." }],
  ])("%s: the field and the remedy are named, and nothing is recorded", async (_what, path, body, status, error) => {
    const { status: got, answer } = await post(path, body);
    expect({ status: got, error: answer.error }).toMatchObject({
      status,
      error: { code: status === 404 ? "not_found" : "invalid_argument", ...error },
    });
    expect(await endOf("late-delivery-predictions")).toBe(facts.topics["late-delivery-predictions"]!.records);
  });

  test("in Open Inference: a datum of another type, and too few of them", async () => {
    const infer = async (inputs: object[]) => {
      const { status, answer } = await post("/v2/models/late-delivery/infer", { inputs });
      return { status, error: (answer as unknown as { error: string }).error }; // this protocol's errors are texts
    };
    expect(await infer([{ name: "depot", shape: [1], datatype: "FP32", data: ["north"] }])).toEqual({
      status: 400,
      error: 'Input depot: element 0 is "north", which is no FP32.',
    });
    expect(await infer([{ name: "depot", shape: [2], datatype: "BYTES", data: ["north"] }])).toEqual({
      status: 400,
      error: "Input depot has 1 elements, but its shape says 2.",
    });
  });

  test("from a page of another site, or under another host's name, it is refused", async () => {
    const origin = await fetch(`${address}/api/health`, { headers: { origin: "http://evil.example" } });
    expect([origin.status, await origin.json()]).toMatchObject([
      403,
      { error: { message: "Cross-origin request blocked: pages of http://evil.example may not call this server." } },
    ]);
    const { port } = new URL(address);
    const asked = request({ host: "127.0.0.1", port, path: "/api/health", headers: { host: "evil.example" } }).end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(403);
  });

  /** Where the next record of a topic will go, from outside. */
  async function endOf(topic: string): Promise<number> {
    return (await readFacts(lived.folder, names)).topics[topic]!.records;
  }
});

describe("events", { timeout: 60_000 }, () => {
  const events = "/api/topics/departures/events";
  const late = Date.parse("2024-02-11T18:00:00Z");
  const event = { delivery_id: 90_001, depot: "east", distance: 4, hour: 18, left_at: late };

  test.each<[string, object, string]>([
    ["without their key", { ...event, delivery_id: undefined }, 'An event of topic "departures" lacks its key, delivery_id.'],
    ["without their time", { ...event, left_at: null }, 'An event of topic "departures" lacks its time, left_at.'],
    ["with a field of another type", { ...event, distance: "4" }, 'Field distance of topic "departures" is INTEGER, but the event has "4".'],
    [
      "with an unknown field",
      { ...event, speed: 1 },
      'An event of topic "departures" has no field speed (it has: delivery_id, depot, distance, hour, left_at).',
    ],
  ])("%s are refused, and those sent with them are not appended", async (_what, wrong, message) => {
    const { status, answer } = await post(events, { events: [event, wrong] });
    expect({ status, error: answer.error }).toMatchObject({ status: 400, error: { code: "invalid_argument", message } });
    expect((await readFacts(lived.folder, names)).topics["departures"]).toEqual(facts.topics["departures"]);
  });

  test("sent twice, repeated by their sender, and out of order are each answered once, as of their own time", async () => {
    const early = { ...event, delivery_id: 90_002, left_at: late - 6 * 3_600_000 };
    const call = { events: [event, early], producer: "test", sequence: 0 };
    expect((await post(events, call)).status).toBe(200);
    expect((await post(events, call)).status).toBe(200); // the sender repeats its call: nothing is added
    expect((await post(events, { events: [event], producer: "test", sequence: 2 })).status).toBe(409); // a number is left out
    expect((await post(events, { events: [event] })).status).toBe(200); // the same event once more, by another way
    const after = await until(
      () => readFacts(lived.folder, names),
      ({ answers }) => answers.answers >= facts.answers.answers + 2,
    );
    expect(after.topics["departures"]!.records).toBe(facts.topics["departures"]!.records + 3);
    await until(
      async () => (await (await fetch(`${address}/api/endpoints/late-delivery`)).json()) as { lag: Record<string, number> },
      ({ lag }) => Object.values(lag).every((events) => events === 0),
    );
    const { answers } = await readFacts(lived.folder, names);
    expect(answers).toMatchObject({ answers: facts.answers.answers + 2, keys: facts.answers.keys + 2 });
    const traced = await Promise.all(
      [0, 1].map(
        async (i) =>
          (await (
            await fetch(`${address}/api/predictions/late-delivery.0.${facts.topics["late-delivery-predictions"]!.records + i}/trace`)
          ).json()) as { key: string; time: string; verified: { equal: boolean } },
      ),
    );
    expect(traced.map(({ key, time, verified }) => ({ key, time, equal: verified.equal })).toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
      { key: "90001", time: "2024-02-11T18:00:00.000Z", equal: true },
      { key: "90002", time: "2024-02-11T12:00:00.000Z", equal: true },
    ]);
  });
});

describe("a second process", { timeout: 60_000 }, () => {
  test("that wants to write is told who holds the project and where to find it", async () => {
    const { exit, stderr } = await millrace(lived.folder, ["run", "late-delivery"]);
    expect({ exit, stderr }).toEqual({
      exit: 6,
      stderr: `error[project_in_use]: Another process holds this project: millrace server (process ${server.child.pid}).\nhint: Use it over its server at ${address}, or stop it first.\n`,
    });
  });

  test("that only looks on gets its answers", async () => {
    const [tables] = await millraceJson<{ n: number }[]>(lived.folder, ["sql", "select count(*)::integer as n from models.deliveries"]);
    expect(tables).toEqual({ n: facts.tables["models.deliveries"]!.rows });
    expect(await millraceJson(lived.folder, ["trace", "late-delivery.0.7"])).toMatchObject({ source: "stream", verified: { equal: true } });
    expect(await millraceJson(lived.folder, ["models", "list"])).toMatchObject({ models: [{ name: "late-delivery", aliases: { champion: 2 } }] });
  });
});

describe("a server that cannot start", { timeout: 60_000 }, () => {
  test("names the port that another program has", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const copy = await makeSmallProject();
    const { exit, stderr } = await millrace(copy.folder, ["server", "--port", String(port)]);
    expect({ exit, stderr }).toEqual({
      exit: 7,
      stderr: `error[port_in_use]: Port ${port} of 127.0.0.1 is taken by another program.\nhint: Stop it, or choose another: --port 4041 (0 takes any free one).\n`,
    });
    expect(await leftovers(copy.folder)).toEqual([]);
    await copy.remove();
    taken.close();
  });

  test("refuses an address that others reach while there is no token, and takes it with one", async () => {
    const copy = await makeSmallProject();
    const { exit, stderr } = await millrace(copy.folder, ["server", "--host", "0.0.0.0"], anyPort);
    expect({ exit, stderr }).toEqual({
      exit: 4,
      stderr:
        "error[permission_denied]: Binding to 0.0.0.0 would let everybody in: there is no token yet.\nhint: Make one first: millrace tokens create admin project:read predictions:make\n",
    });
    const { secret } = await millraceJson<{ secret: string }>(copy.folder, ["tokens", "create", "admin", "project:read", "predictions:make"]);
    const open = startMillrace(copy.folder, ["server", "--host", "0.0.0.0"], anyPort);
    const port = (await open.says(/ at http:\/\/0\.0\.0\.0:(\d+) /))[1]!;
    const read = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${port}/api/models`, { headers }).then(({ status }) => status);
    expect([await read({}), await read({ authorization: "Bearer wrong" }), await read({ authorization: `Bearer ${secret}` })]).toEqual([
      401, 401, 200,
    ]);
    open.child.kill("SIGTERM");
    expect(await open.ended).toMatchObject({ exit: 0 });
    await copy.remove();
  });

  test("names the route that declares no permission", () => {
    const good = route<object>()({
      ...{ name: "test.good", method: "GET", path: "/good", summary: "A route.", permission: "public", errors: [], cli: false },
      input: z.object({}),
      output: z.object({}),
      handle: async () => ({}),
    });
    const { permission: _, ...open } = good;
    expect(() => checkRoutes([good])).not.toThrow();
    expect(() => checkRoutes([good, { ...open, name: "test.open", path: "/open" } as unknown as typeof good])).toThrow(
      "Route GET /open declares no permission; the server does not start.",
    );
  });
});

describe("a gate that is not passed", { timeout: 120_000 }, () => {
  test("leaves the champion in place, says why, and ends with 5", async () => {
    const copy = await copyProject(lived.folder); // of a project that a server holds: its lock is its own
    await copy.change("train.ts", "auc.atLeast(0.6)", "auc.atLeast(0.999)");
    const { exit, stderr } = await millrace(copy.folder, ["run", "late-delivery"]);
    expect(exit).toBe(5);
    expect(stderr).toMatch(
      /error\[gate_failed\]: late-delivery v3 did not pass its gate \(failed\), so late-delivery@champion stays: AUC at least 0\.999 failed: The AUC is 0\.\d+, below the limit of 0\.999\.\nhint: /,
    );
    const after = await readFacts(copy.folder, names);
    expect(after.champions).toEqual(facts.champions);
    expect(after.versions.map(({ version, gate }) => [version, gate!["verdict"]])).toEqual([
      [1, "passed"],
      [2, "passed"],
      [3, "failed"],
    ]);
    await copy.remove();
  });

  test("by the first model of all ends a demonstration, which has nothing to serve", async () => {
    const copy = await makeSmallProject();
    const strict = await copyProject(copy.folder);
    await strict.change("train.ts", "auc.atLeast(0.6)", "auc.atLeast(0.999)");
    const { exit, stderr } = await millrace(strict.folder, ["demo", "--quiet"]);
    expect({ exit, stderr }).toMatchObject({
      exit: 5,
      stderr: expect.stringMatching(/^error\[gate_failed\]: late-delivery v1 did not pass its gate/) as string,
    });
    await strict.remove();
    await copy.remove();
  });
});

describe("Ctrl-C", { timeout: 120_000 }, () => {
  test.each([
    ["in the midst of training", /training set {4}/],
    ["in the midst of the stream", /batch {11}/],
  ])("%s ends with 130, and the next start takes up the work", async (_when, moment) => {
    const copy = await makeSmallProject();
    const running = startMillrace(copy.folder, ["demo"]);
    await running.says(moment);
    running.child.kill("SIGINT");
    const { exit, signal, stdout } = await running.ended;
    expect({ exit, signal, stdout }).toEqual({ exit: 130, signal: null, stdout: "" });
    expect(await leftovers(copy.folder)).toEqual([]);
    const { exit: again, stderr } = await millrace(copy.folder, ["demo"]);
    expect(again).toBe(0);
    expect(stderr).toMatch(/training set .*\(cached\)/);
    const after = await readFacts(copy.folder, names);
    expect(after.versions.map(({ digest }) => digest)).toEqual(facts.versions.map(({ digest }) => digest));
    expect(after.answers).toEqual(facts.answers);
    await copy.remove();
  });
});
