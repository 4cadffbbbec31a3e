import { stat } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { permissions } from "#domains/access";
import { createExperiment, logArtifact, startRun } from "#domains/tracking";
import { createWebhook } from "#domains/webhooks";
import { allRoutes } from "#entry/routes";
import type { AnyRoute } from "#kit/route";
import { addresses, fieldsOf, type Known, oddBodies, requestFor, traversals, trials } from "./attack-requests.ts";
import { type Answer, type Asked, type AttackTarget, openAttackTarget } from "./attack-target.ts";

/**
 * The shapes of attack that have worked on systems like this one, tried on every route of the server: nothing is read, written or
 * reached that is not the caller's, and no request makes the server fail.
 */
let target: AttackTarget;
let untouched: string;
let known: Known;

beforeAll(async () => {
  target = await openAttackTarget();
  untouched = await target.outside();
});
afterAll(async () => {
  await target?.close();
});
/** Fresh things to name, as one route's attack may have deleted the last. */
beforeEach(async () => {
  const { tracking } = target.services;
  const experiment = await createExperiment(tracking, { name: `e${Math.random()}` });
  const run = await startRun(tracking, { experiment: experiment.id, name: "r" });
  await logArtifact(tracking, { run: run.id, path: "folder/file.txt", data: Buffer.from("hello") });
  const name = `m${run.id.slice(0, 8)}`;
  await post("registered-models/create", { name });
  await post("model-versions/create", { name, source: `runs:/${run.id}/folder`, run_id: run.id });
  const { webhooks } = target.services;
  const unchecked = { ...webhooks, outbound: { ...webhooks.outbound, check: async () => undefined } };
  const inside = { name: "w", url: target.listener, format: "mlflow", facts: { events: ["registered_model.created"] } }; // as if a name had changed its mind
  const { id } = await createWebhook(unchecked, { ...inside, events: ["model.created"] });
  const { model } = jsonOf(await post("logged-models", { experiment_id: experiment.id, name: "logged", source_run_id: run.id }));
  const location = { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experiment.id } };
  const trace_id = `tr-${run.id.toLowerCase()}`;
  const trace = { trace_info: { trace_id, trace_location: location, request_time: "2026-01-01T00:00:00Z", state: "OK" } };
  expect((await target.ask({ method: "POST", path: "/api/3.0/mlflow/traces", body: JSON.stringify({ trace }) })).status).toBe(200);
  known = {
    ...{
      model_id: model!.info.model_id,
      trace_id,
      request_id: trace_id,
      trace_ids: [trace_id],
      allow_partial: true,
      request_ids: [trace_id],
      locations: [location],
    },
    ...{ stage: "Staging", status: "LOGGED_MODEL_READY", new_name: `${name}-new` },
    ...{ id, events: ["model.created"] },
    ...{ run_id: run.id, run_uuid: run.id, run: run.id, experiment_id: experiment.id, experiment: experiment.id, experiment_ids: [experiment.id] },
    ...{
      name,
      model: name,
      version: "1",
      alias: "champion",
      path: "folder/file.txt",
      key: "k",
      metric_key: "k",
      value: "1",
      source: `runs:/${run.id}/folder`,
    },
    ...{ run_ids: [run.id], timestamp: 1, step: 0, max_results: 10, table: "t", view: "v", endpoint: "e", topic: "t", actor: "a", reason: "" },
  };
});

const jsonOf = (answer: Answer) => JSON.parse(answer.body) as { model?: { info: { model_id: string } } };
const post = (path: string, body: object) => target.ask({ method: "POST", path: `/api/2.0/mlflow/${path}`, body: JSON.stringify(body) });
const named = (route: AnyRoute) => `${route.method} ${route.path}`;
const routes = allRoutes.map((route) => [named(route), route] as const);
/** What browsers ask is the same handler under another prefix: one of the two is enough for what goes field by field. */
const handlers = routes.filter(([, route]) => !route.path.startsWith("/ajax-api/"));

/** What takes away, or renames, what others name. */
const destroys = ({ method, path }: AnyRoute) => method === "DELETE" || /delete|rename|purge|archive/.test(path);

/** Nothing leaked, nothing fetched, nothing broken; 501 says that the thing is not done here. */
function harmless(answer: Answer, asked: Asked): void {
  const what = `${asked.method} ${asked.path} ${typeof asked.body === "string" ? asked.body.slice(0, 300) : ""} answered ${answer.status} ${answer.body.slice(0, 300)}`;
  expect(answer.status < 500 || answer.status === 501, what).toBe(true);
  expect(answer.body.includes(target.secret) || /root:[^:]*:0:0:/.test(answer.body), what).toBe(false);
}

async function tryAll(requests: Asked[]): Promise<void> {
  for (let at = 0; at < requests.length; at += 8) {
    const some = requests.slice(at, at + 8);
    for (const [index, answer] of (await Promise.all(some.map(target.ask))).entries()) harmless(answer, some[index]!);
  }
}

async function nothingHappened(): Promise<void> {
  expect(target.reached).toEqual([]);
  expect(await target.outside()).toBe(untouched);
}

it("keeps its stores, and files under way, from other users of the machine", async () => {
  const { scratchFolder, project } = target.services;
  expect(scratchFolder.startsWith(`${project.home}/`)).toBe(true);
  expect((await stat(project.home)).mode & 0o077).toBe(0);
});

it("looks at every route", () => {
  expect(routes.length).toBeGreaterThan(190);
  expect(handlers.length).toBeGreaterThan(110);
});

it("knows what to name: most routes answer what is asked with known values", async () => {
  const answered = new Map<string, number>();
  for (const [name, route] of handlers.toSorted(([, a], [, b]) => Number(destroys(a)) - Number(destroys(b)))) {
    answered.set(name, (await target.ask(requestFor(route, known))).status);
  }
  const mlflow = [...answered].filter(([name, status]) => name.includes("mlflow") && !name.endsWith("*") && status !== 501);
  expect(
    mlflow.filter(([, status]) => status === 200).length / mlflow.length,
    JSON.stringify(mlflow.filter(([, status]) => status !== 200)),
  ).toBeGreaterThan(0.6);
});

describe("a caller without a token", () => {
  it.each(routes)("is told so by %s, before the body is read", async (_, route) => {
    const asked = { ...requestFor(route, known), headers: {} };
    const answer = await target.askAsStranger(asked);
    if (route.permission === "public") return harmless(answer, asked);
    expect([answer.status, answer.headers["www-authenticate"]]).toEqual([401, expect.stringContaining("Basic")]);
    for (const authorization of [`Basic ${btoa("admin:password1234")}`, `Basic ${btoa("admin:")}`, "Bearer ", "Bearer x", "Basic", "Negotiate x"]) {
      expect((await target.askAsStranger({ ...asked, headers: { authorization } })).status, authorization).toBe(401);
    }
  });

  it("finds no other method, prefix or spelling of a path that lets it in", async () => {
    const closed = allRoutes.filter(({ permission }) => permission !== "public");
    const open = new Set(allRoutes.filter(({ permission }) => permission === "public").map(named));
    let tried = 0;
    for (const route of closed) {
      const { path } = requestFor({ ...route, method: "GET" } as AnyRoute, known);
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"]) {
        for (const spelled of [
          path,
          path.replace("/api/", "/API/"),
          path.replace("/", "//"),
          path.replace("/api", "/api/."),
          `${path.split("?")[0]}/`,
          `/static-prefix${path}`,
        ]) {
          if (open.has(`${method} ${spelled.split("?")[0]!.replace(/\/$/, "")}`)) continue;
          const answer = await target.askAsStranger({ method, path: spelled });
          tried += 1;
          expect([400, 401, 403, 404, 405].includes(answer.status), `${method} ${spelled} answered ${answer.status}`).toBe(true);
        }
      }
    }
    expect(tried).toBeGreaterThan(5_000);
  }, 120_000);
});

it("a token opens only the routes whose permission it has", async () => {
  const tokens = new Map<string, string>();
  for (const permission of Object.keys(permissions).filter((name) => name !== "public")) tokens.set(permission, await target.token(permission));
  for (const [name, route] of routes.filter(([, { permission }]) => permission !== "public")) {
    for (const [permission, token] of tokens) {
      if (permission === route.permission) continue;
      const answer = await target.askAsStranger({ ...requestFor(route, known), headers: { authorization: `Bearer ${token}` } });
      expect(answer.status, `${name} with ${permission}`).toBe(403);
    }
  }
}, 120_000);

it("requests of other sites are refused by every route", async () => {
  for (const [name, route] of routes) {
    const asked = requestFor(route, known);
    const foreign: Record<string, string>[] = [
      { origin: "http://evil.example" },
      { origin: "null" },
      { host: "evil.example" },
      { host: "127.0.0.1.evil.example" },
    ];
    for (const headers of foreign) {
      if (route.probe && "host" in headers) continue;
      expect((await target.ask({ ...asked, headers })).status, `${name} ${JSON.stringify(headers)}`).toBe(403);
    }
  }
}, 60_000);

describe.each(handlers)("%s", (_, route) => {
  const inPath = [...route.path.matchAll(/\{(\w+)\*?\}/g)].map((match) => match[1]!);
  const strings = fieldsOf(route);

  if (inPath.length > 0)
    it("keeps a path in its place", async () => {
      await tryAll(inPath.flatMap((name) => traversals.map((value) => requestFor(route, known, { inPath: { [name]: value } }))));
      await nothingHappened();
    });

  it("keeps its fields in their place", async () => {
    const values = [...traversals.map(decoded), ...addresses(target.listener, target.folder)];
    await tryAll(trials(strings, values).map((trial) => requestFor(route, known, trial)));
    await nothingHappened();
  }, 60_000);

  it("takes odd bodies and over-long texts for bad requests", async () => {
    const { path } = requestFor(route, known);
    await tryAll(oddBodies.map(([, body]) => ({ method: route.method, path, body })));
    const long = "x".repeat(100_000);
    await tryAll(
      strings.map((field) =>
        requestFor({ ...route, method: route.method === "GET" ? "GET" : route.method } as AnyRoute, known, {
          field,
          value: route.method === "GET" || route.method === "DELETE" ? long.slice(0, 10_000) : long,
        }),
      ),
    );
    await tryAll(
      ["-1", "0", "1e9", "99999999999999999999", "NaN", "Infinity", "x"].map((value) => requestFor(route, known, { field: "max_results", value })),
    );
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });
});

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not UTF-8: as it stands
  }
}
