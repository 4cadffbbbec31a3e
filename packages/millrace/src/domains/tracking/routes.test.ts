import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openTestTracking, type TestTracking } from "../../../../../tests/contracts/tracking.ts";
import { serveRoutes } from "../../../../../tests/processes/serve-routes.ts";
import { experimentRoutes, metricRoutes, runRoutes, runSearchRoutes } from "./index.ts";

let test: TestTracking;
let server: Awaited<ReturnType<typeof serveRoutes>>;
beforeAll(async () => {
  test = await openTestTracking();
  server = await serveRoutes([...experimentRoutes, ...runSearchRoutes, ...runRoutes, ...metricRoutes], { tracking: test.services });
});
afterAll(async () => {
  await server.close();
  await test.close();
});
beforeEach(() => test.services.clock.advance(1_000));

// oxlint-disable-next-line typescript/no-explicit-any -- answers of many shapes, looked into by each test
async function ask(method: string, path: string, body?: object): Promise<{ status: number; body: any; text: string; headers: Headers }> {
  const response = await fetch(server.address + path, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const text = await response.text();
  const json = response.headers.get("content-type")!.startsWith("application/json");
  return { status: response.status, body: json ? JSON.parse(text) : undefined, text, headers: response.headers };
}
const query = (path: string, fields: Record<string, string | string[]>) =>
  ask(
    "GET",
    `${path}?${new URLSearchParams(Object.entries(fields).flatMap(([key, value]) => [value].flat().map((each): [string, string] => [key, each])))}`,
  );

describe("a run over HTTP", () => {
  it("is started in an experiment made for it, logged to, finished and read", async () => {
    const started = await ask("POST", "/api/runs", { experiment: "team/new", name: "fit", params: { lr: 0.1, deep: true }, tags: { n: 1 } });
    expect(started.body).toMatchObject({ name: "fit", status: "running", actor: "local", params: { lr: "0.1", deep: "true" }, tags: { n: "1" } });
    const run = started.body.id as string;
    const logged = await ask("POST", `/api/runs/${run}/log`, {
      metrics: { loss: 0.5, bad: "NaN" },
      step: 3,
      points: [{ key: "loss", value: "Infinity", step: 1, timeMs: 5 }],
      params: { depth: 4 },
      inputs: [{ name: "flights", version: 2 }],
      outputs: [{ kind: "file", name: "report" }],
    });
    expect(logged.body).toEqual({ run, points: 3 });
    expect((await ask("POST", `/api/runs/${run}/finish`, {})).body).toMatchObject({ status: "finished" });
    const { body } = await ask("GET", `/api/runs/${run}/details`);
    expect(body).toMatchObject({
      metrics: { loss: { value: 0.5, step: 3 }, bad: { value: "NaN", step: 3 } },
      params: { lr: "0.1", deep: "true", depth: "4" },
      inputs: [{ name: "flights", version: 2 }],
      outputs: [{ kind: "file", name: "report" }],
    });
    const history = await ask("GET", `/api/runs/${run}/metrics/history?key=loss&limit=1`);
    expect(history.body).toEqual({ points: [{ value: "Infinity", step: 1, timeMs: 5 }], nextCursor: expect.any(String) });
    const rest = await query(`/api/runs/${run}/metrics/history`, { key: "loss", cursor: history.body.nextCursor });
    expect(rest.body.points).toMatchObject([{ value: 0.5, step: 3 }]);
  });

  it("logs all of a call or nothing", async () => {
    const { body } = await ask("POST", "/api/runs", { experiment: "whole", params: { lr: "1" } });
    const refused = await ask("POST", `/api/runs/${body.id}/log`, { params: { lr: "2" }, metrics: { auc: 1 }, inputs: [{ name: "x" }] });
    expect(refused.status).toBe(409);
    expect((await ask("GET", `/api/runs/${body.id}/details`)).body).toMatchObject({ metrics: {}, inputs: [] });
    expect((await ask("POST", `/api/runs/${body.id}/log`, { metrics: { auc: "high" } })).status).toBe(400);
    expect((await ask("POST", "/api/runs/nobody/log", { metrics: { auc: 1 } })).status).toBe(404);
  });

  it("changes its name, note and tags, and can be deleted and restored", async () => {
    const { body } = await ask("POST", "/api/runs", { experiment: "changes", tags: { a: "1", b: "2" } });
    const changed = await ask("PATCH", `/api/runs/${body.id}`, { name: "better", note: "# why", tags: { a: null, c: 3 } });
    expect(changed.body).toMatchObject({ name: "better", tags: { b: "2", c: "3" } });
    expect((await ask("PATCH", `/api/runs/${body.id}`, {})).status).toBe(400);
    expect((await ask("DELETE", `/api/runs/${body.id}`)).body).toEqual({ deleted: body.id });
    expect((await query("/api/runs/search", { experiments: "changes" })).body).toMatchObject({ runs: [], matching: 0, total: 0 });
    expect((await query("/api/runs/search", { experiments: "changes", view: "deleted" })).body.matching).toBe(1);
    await ask("POST", `/api/runs/${body.id}/restore`);
    expect((await query("/api/runs/search", { experiments: ["changes", "whole"] })).body.runs.map((run: { name: string }) => run.name)).toContain(
      "better",
    );
  });
});

describe("the routes of tracking", () => {
  it("need a permission to read, and another to change anything", () => {
    const routes = [...experimentRoutes, ...runSearchRoutes, ...runRoutes, ...metricRoutes];
    expect(routes).toHaveLength(22);
    for (const { method, permission } of routes) expect(permission).toBe(method === "GET" ? "project:read" : "project:run");
  });
});

describe("searches over HTTP", () => {
  it("find, count, group, list columns and values, compare and export", async () => {
    for (const [i, kind] of ["trees", "trees", "linear"].entries()) {
      const { body } = await ask("POST", "/api/runs", { experiment: "search", name: `s${i}`, params: { kind, i } });
      await ask("POST", `/api/runs/${body.id}/log`, { metrics: { auc: i === 1 ? "NaN" : i / 2 } });
    }
    const within = { experiments: "search" };
    const found = await query("/api/runs/search", {
      ...within,
      query: "params.i >= 1",
      order: "metrics.auc desc",
      select: "metrics.auc",
      limit: "1",
    });
    expect(found.body).toMatchObject({
      matching: 2,
      total: 3,
      query: "params.i >= 1",
      hints: [],
      runs: [{ name: "s2", metrics: { auc: 1 }, params: {} }],
    });
    const next = await query("/api/runs/search", { ...within, query: "params.i >= 1", order: "metrics.auc desc", cursor: found.body.nextCursor });
    expect(next.body.runs).toMatchObject([{ name: "s1", metrics: { auc: "NaN" } }]);
    expect((await query("/api/runs/count", { ...within, query: "params.kind = trees" })).body).toMatchObject({ matching: 2, total: 3 });
    expect((await query("/api/runs/groups", { ...within, by: "params.kind", metrics: "metrics.auc" })).body.rows).toMatchObject([
      { keys: { "params.kind": "trees" }, runs: 2, metrics: { "metrics.auc": { runs: 1, mean: 0 } } },
      { keys: { "params.kind": "linear" }, runs: 1, metrics: { "metrics.auc": { best: { value: 1 } } } },
    ]);
    expect((await query("/api/runs/columns", within)).body.columns.map((each: { field: string }) => each.field)).toEqual([
      "metrics.auc",
      "params.i",
      "params.kind",
    ]);
    expect((await query("/api/runs/values", { ...within, field: "params.kind", containing: "LIN" })).body).toEqual({
      values: [{ value: "linear", runs: 1 }],
      distinct: 1,
    });
    const ids = (await query("/api/runs/search", { ...within, order: "name desc" })).body.runs.map((run: { id: string }) => run.id) as string[];
    const compared = await query("/api/runs/compare", { runs: ids });
    expect(compared.body.metrics).toEqual([{ key: "auc", differs: true, values: [1, "NaN", 0], min: 0, max: 1 }]);
    expect((await query("/api/metrics/sample", { runs: ids, keys: "auc" })).body.series).toHaveLength(3);
    const exported = await query("/api/runs/export", { ...within, order: "name", select: "params.kind" });
    expect(exported.headers.get("content-disposition")).toContain("runs.csv");
    expect(exported.text.split("\r\n").map((line) => line.split(",").at(-1))).toEqual(["params.kind", "trees", "trees", "linear", ""]);
  });

  it("take addresses as long as a chart of many runs needs", async () => {
    const { body } = await ask("POST", "/api/runs", { experiment: "long" });
    const runs = Array.from({ length: 500 }, () => body.id as string);
    expect((await query("/api/metrics/sample", { runs, keys: ["auc", "loss"] })).body).toEqual({ series: [] });
    expect((await query("/api/runs/search", { query: `name IN (${"'some name', ".repeat(1_400)}x)` })).status).toBe(200);
  });

  it("refuse what cannot be read, saying where", async () => {
    const refused = await query("/api/runs/search", { query: "metrics.auc > high" });
    expect(refused.status).toBe(400);
    expect(refused.body.error).toMatchObject({ code: "invalid_argument", details: { position: 15 } });
    expect(refused.body.error.message).toContain("character 15: expected a number for metrics.auc, found `high`");
    expect((await query("/api/runs/export", { query: "(" })).status).toBe(400);
    expect((await query("/api/runs/compare", { runs: "one" })).status).toBe(400);
    expect((await query("/api/runs/search", { limit: "0" })).status).toBe(400);
    expect((await query("/api/runs/search", { experiments: "nothing" })).status).toBe(404);
    expect((await query("/api/metrics/sample", { runs: "x", keys: "auc", buckets: "9999" })).status).toBe(400);
  });
});

describe("experiments over HTTP", () => {
  it("are made, found by id or name whatever its letters, changed, deleted and restored", async () => {
    const made = await ask("POST", "/api/experiments", { name: "a folder/späte Ankunft?", description: "d", tags: { team: "air" } });
    expect(made.status).toBe(200);
    const place = `/api/experiments/${encodeURIComponent(made.body.name)}`;
    expect((await ask("GET", place)).body).toMatchObject({ id: made.body.id, runs: 0, statuses: { running: 0, finished: 0 } });
    expect((await ask("PATCH", place, { tags: { team: null, n: 2 } })).body.tags).toEqual({ n: "2" });
    await ask("POST", "/api/runs", { experiment: made.body.name, name: "inside" });
    expect((await ask("GET", `/api/experiments/${made.body.id}`)).body).toMatchObject({ runs: 1, running: 1, statuses: { running: 1 } });
    expect((await query("/api/experiments", { folder: "" })).body.folders).toContainEqual({
      ...{ path: "a folder", experiments: 1, runs: 1, running: 1 },
      lastStartedMs: expect.any(Number),
    });
    expect((await ask("DELETE", place)).body.deletedMs).toEqual(expect.any(Number));
    expect((await query("/api/experiments", { folder: "a folder" })).body.experiments).toEqual([]);
    expect((await query("/api/runs/search", { query: "name = inside" })).body.matching).toBe(0);
    await ask("POST", `${place}/restore`);
    expect((await query("/api/runs/search", { query: "name = inside" })).body.matching).toBe(1);
    expect((await ask("POST", "/api/experiments", { name: made.body.name })).status).toBe(409);
    const missing = await ask("GET", "/api/experiments/a%20folder%2Fspate%20Ankunft%3F");
    expect(missing.body.error).toMatchObject({ code: "not_found", hint: 'Did you mean "a folder/späte Ankunft?"?' });
  });
});
