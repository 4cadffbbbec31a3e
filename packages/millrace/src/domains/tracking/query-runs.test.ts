import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compareRuns } from "./compare-runs.ts";
import { exportRuns } from "./export-runs.ts";
import { listFolder } from "./experiment-folders.ts";
import { groupRuns } from "./group-runs.ts";
import {
  createExperiment,
  deleteExperiment,
  deleteRun,
  ensureExperiment,
  finishRun,
  logBatch,
  logMetrics,
  setTags,
  startRun,
  updateRun,
} from "./index.ts";
import { countRuns, queryRuns, type RunQuery } from "./query-runs.ts";
import { runColumns, runValues } from "./run-catalogue.ts";
import { sampleMetrics } from "./sample-metrics.ts";
import { openTestTracking, type TestTracking } from "../../../../../tests/contracts/tracking.ts";

let test: TestTracking;
beforeEach(async () => {
  test = await openTestTracking();
});
afterEach(() => test.close());

const names = async (query: RunQuery) => (await queryRuns(test.services, query)).runs.map((run) => run.name);

async function start(name: string, experiment: string, params: Record<string, string>, metrics: Record<string, number> = {}): Promise<string> {
  const { id } = await ensureExperiment(test.services, experiment);
  test.services.clock.advance(1_000);
  const run = await startRun(test.services, { experiment: id, name, params });
  const points = Object.entries(metrics).map(([key, value]) => ({ key, value }));
  if (points.length > 0) await logMetrics(test.services, { run: run.id, metrics: points });
  return run.id;
}

async function startFive(): Promise<Record<string, string>> {
  return {
    a: await start("a", "air/late", { lr: "0.1", kind: "trees" }, { auc: 0.7, loss: 3 }),
    b: await start("b", "air/late", { lr: "1e-2", kind: "trees" }, { auc: 0.9, loss: 1 }),
    c: await start("c", "air/deep/late", { lr: "auto", kind: "linear" }, { auc: Number.NaN }),
    d: await start("d", "sea", { lr: "0.10" }, { auc: 0.8, loss: 2 }),
    e: await start("e", "sea", {}),
  };
}

describe("a search by query", () => {
  it("gives back the selected metrics, params and tags, and no others", async () => {
    const ids = await startFive();
    const page = await queryRuns(test.services, { query: "name = a OR name = e", select: "metrics.auc, params.lr, tags.none", order: "name" });
    expect(page.runs.map(({ metrics, params, tags }) => ({ metrics, params, tags }))).toEqual([
      { metrics: { auc: 0.7 }, params: { lr: "0.1" }, tags: {} },
      { metrics: {}, params: {}, tags: {} },
    ]);
    expect(page.runs[0]).toMatchObject({ id: ids["a"], experimentName: "air/late", status: "running", startedMs: 1_001_000 });
    const [whole] = (await queryRuns(test.services, { query: "name = a" })).runs;
    expect(whole).toMatchObject({ metrics: { auc: 0.7, loss: 3 }, params: { lr: "0.1", kind: "trees" } });
  });

  it("orders by several keys, numbers in params as numbers, none first or last", async () => {
    await startFive();
    expect(await names({ order: "params.lr, name desc" })).toEqual(["b", "d", "a", "c", "e"]);
    expect(await names({ order: "params.lr desc, name" })).toEqual(["a", "d", "b", "c", "e"]);
    expect(await names({ order: "params.lr nulls first, name" })).toEqual(["e", "b", "a", "d", "c"]);
    expect(await names({ order: "metrics.auc desc" })).toEqual(["b", "d", "a", "c", "e"]);
    expect(await names({ order: "metrics.auc desc nulls first" })).toEqual(["e", "b", "d", "a", "c"]);
    expect(await names({ order: "experiment, name desc" })).toEqual(["c", "b", "a", "e", "d"]);
    await expect(names({ order: "auk desc" })).rejects.toThrow("expected a field in an order, found `auk`");
    await expect(names({ order: "metrics.auc down" })).rejects.toThrow("found `down`");
  });

  it("counts what matches and all there is, within experiments and folders", async () => {
    await startFive();
    expect(await countRuns(test.services, { query: "metrics.auc > 0.75" })).toEqual({
      matching: 2,
      total: 5,
      query: "metrics.auc > 0.75",
      hints: [],
    });
    expect(await countRuns(test.services, { experiments: ["air/"] })).toMatchObject({ matching: 3, total: 3 });
    expect(await countRuns(test.services, { experiments: ["sea", "air/late"], query: "params.kind = trees" })).toMatchObject({
      matching: 2,
      total: 4,
    });
    await expect(countRuns(test.services, { experiments: ["see"] })).rejects.toMatchObject({ code: "not_found", hint: 'Did you mean "sea"?' });
    await expect(countRuns(test.services, { experiments: ["aire/"] })).rejects.toMatchObject({ code: "not_found", hint: 'Did you mean "air/"?' });
  });

  it("leaves out runs of deleted experiments, unless asked", async () => {
    const ids = await startFive();
    const { id } = await ensureExperiment(test.services, "sea");
    await deleteExperiment(test.services, { id });
    await deleteRun(test.services, { run: ids["a"]! });
    expect(await names({ order: "name" })).toEqual(["b", "c"]);
    expect(await names({ order: "name", view: "deleted" })).toEqual(["a", "d", "e"]);
    expect(await names({ order: "name", view: "all" })).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("says which names no run has, and what may have been meant", async () => {
    await startFive();
    expect((await countRuns(test.services, { query: "metrics.auk > 1 OR metrics.lr = 2 OR tags.quite_other = 1" })).hints).toEqual([
      "No run has metrics.auk; did you mean metrics.auc?",
      "No run has metrics.lr; did you mean params.lr?",
      "No run has tags.quite_other",
    ]);
    expect((await countRuns(test.services, { query: "experiment = see" })).hints).toEqual(['There is no experiment "see"; did you mean "sea"?']);
  });

  it("gives each run that was there once over pages in any order, while runs start, with none first and last", async () => {
    const orders = fc.constantFrom(
      "params.lr",
      "params.lr desc nulls first",
      "metrics.auc nulls first, params.lr desc",
      "experiment desc, metrics.auc",
      "",
    );
    const values = fc.array(fc.tuple(fc.constantFrom("1", "2.0", "2", "x", undefined), fc.constantFrom(1, Number.NaN, -Infinity, undefined)), {
      minLength: 1,
      maxLength: 10,
    });
    await fc.assert(
      fc.asyncProperty(values, orders, fc.integer({ min: 1, max: 4 }), async (made, order, limit) => {
        const folder = `pages-${test.services.clock.now()}`;
        const started: string[] = [];
        for (const [i, [lr, auc]] of made.entries())
          started.push(await start(`r${i}`, `${folder}/${i % 2}`, lr === undefined ? {} : { lr }, auc === undefined ? {} : { auc }));
        const search = { experiments: [`${folder}/`], order, limit };
        const expected = (await queryRuns(test.services, { ...search, limit: 1_000 })).runs.map(({ id }) => id);
        const pages: string[] = [];
        for (let cursor: string | undefined; ;) {
          const page = await queryRuns(test.services, { ...search, ...(cursor !== undefined && { cursor }) });
          pages.push(...page.runs.map(({ id }) => id));
          await start("meanwhile", `${folder}/0`, { lr: "2" }, { auc: 0 });
          if (page.nextCursor === undefined) break;
          cursor = page.nextCursor;
        }
        const known = new Set(started);
        expect(pages.filter((id) => known.has(id))).toEqual(expected);
        expect(new Set(pages).size).toBe(pages.length);
      }),
      { numRuns: 25 },
    );
  });
});

describe("groups of runs", () => {
  it("have counts, and how the metrics came out", async () => {
    const ids = await startFive();
    const { rows, groups, matching } = await groupRuns(test.services, { by: "params.kind", metrics: "metrics.auc, metrics.loss min" });
    expect({ groups, matching }).toEqual({ groups: 3, matching: 5 });
    expect(rows.map(({ keys, runs }) => [keys["params.kind"], runs])).toEqual([
      ["trees", 2],
      [null, 2],
      ["linear", 1],
    ]);
    expect(rows[0]!.metrics).toEqual({
      "metrics.auc": { runs: 2, min: 0.7, max: 0.9, mean: 0.8, best: { run: ids["b"], value: 0.9 } },
      "metrics.loss": { runs: 2, min: 1, max: 3, mean: 2, best: { run: ids["b"], value: 1 } },
    });
    expect(rows[2]!.metrics["metrics.auc"]).toEqual({ runs: 0 });
  });

  it("are made by experiment, folder and several fields at once", async () => {
    await startFive();
    const keys = async (by: string, query = "") =>
      (await groupRuns(test.services, { by, query })).rows.map((row) => [...Object.values(row.keys), row.runs]);
    expect(await keys("experiment")).toEqual([
      ["air/late", 2],
      ["sea", 2],
      ["air/deep/late", 1],
    ]);
    expect(await keys("folder")).toEqual([
      ["air", 2],
      [null, 2],
      ["air/deep", 1],
    ]);
    expect(await keys("status, params.kind", "experiment LIKE 'air/%'")).toEqual([
      ["running", "trees", 2],
      ["running", "linear", 1],
    ]);
    expect((await groupRuns(test.services, { by: "name", limit: 2 })).groups).toBe(5);
    await expect(keys("metrics.auc")).rejects.toThrow("cannot be grouped");
  });
});

describe("the catalogue", () => {
  it("lists the columns that the runs have, and the values of one", async () => {
    const ids = await startFive();
    await setTags(test.services, { run: ids["a"]!, tags: { team: "air" } });
    await updateRun(test.services, { run: ids["a"]!, tags: { team: null } });
    const { columns } = await runColumns(test.services, {});
    expect(columns.map(({ field, runs, distinct, min, max }) => [field, runs, distinct, min, max])).toEqual([
      ["metrics.auc", 4, undefined, 0.7, 0.9],
      ["metrics.loss", 3, undefined, 1, 3],
      ["params.lr", 4, 4, undefined, undefined],
      ["params.kind", 3, 2, undefined, undefined],
    ]);
    expect((await runColumns(test.services, { query: "experiment = sea" })).columns).toMatchObject([
      { field: "metrics.auc", runs: 1 },
      { field: "metrics.loss", runs: 1 },
      { field: "params.lr", runs: 1, distinct: 1, min: 0.1, max: 0.1 },
    ]);
    expect(await runValues(test.services, { field: "params.kind" })).toEqual({
      values: [
        { value: "trees", runs: 2 },
        { value: "linear", runs: 1 },
      ],
      distinct: 2,
    });
    expect(await runValues(test.services, { field: "params.lr", containing: "AU" })).toEqual({ values: [{ value: "auto", runs: 1 }], distinct: 1 });
    expect((await runValues(test.services, { field: "folder", query: "params.kind IS NOT NULL" })).values).toEqual([
      { value: "air", runs: 2 },
      { value: "air/deep", runs: 1 },
    ]);
    await logBatch(test.services, {
      run: ids["a"]!,
      inputs: [{ name: "flights", use: "train" }, { name: "flights", use: "test" }, { name: "weather" }],
    });
    expect((await runValues(test.services, { field: "inputs.name" })).values).toEqual([
      { value: "flights", runs: 1 },
      { value: "weather", runs: 1 },
    ]);
    await expect(runValues(test.services, { field: "metrics.auc" })).rejects.toThrow("are numbers");
  });
});

describe("a comparison of runs", () => {
  it("shows what differs, and all of it when asked", async () => {
    const one = await test.start({
      name: "one",
      params: { lr: "0.1", depth: "3" },
      source: { commit: "abc", branch: "main" },
      environment: { packages: { sklearn: "1.4" }, node: "24" },
    });
    const two = await test.start({
      name: "two",
      params: { lr: "0.2", depth: "3" },
      source: { commit: "def", branch: "main" },
      environment: { packages: { sklearn: "1.5" }, node: "24" },
    });
    await logBatch(test.services, {
      run: one,
      metrics: [
        { key: "auc", value: 0.7 },
        { key: "same", value: Number.NaN },
      ],
      inputs: [{ name: "flights", version: 1, use: "train" }],
    });
    await logBatch(test.services, {
      run: two,
      metrics: [
        { key: "auc", value: 0.8 },
        { key: "same", value: Number.NaN },
      ],
      inputs: [{ name: "flights", version: 2, use: "train" }],
    });
    const comparison = await compareRuns(test.services, { runs: [one, two] });
    expect(comparison).toMatchObject({
      runs: [{ name: "one" }, { name: "two" }],
      metrics: [{ key: "auc", values: [0.7, 0.8], min: 0.7, max: 0.8 }],
      params: [{ key: "lr", values: ["0.1", "0.2"] }],
      tags: [],
      inputs: [{ key: "flights (train)", values: ["v1", "v2"] }],
      source: [{ key: "commit", values: ["abc", "def"] }],
      environment: [{ key: "packages.sklearn", values: ["1.4", "1.5"] }],
    });
    const all = await compareRuns(test.services, { runs: [one, two], all: true });
    expect(all.params.map(({ key, differs }) => [key, differs])).toEqual([
      ["depth", false],
      ["lr", true],
    ]);
    await expect(compareRuns(test.services, { runs: [one, "nobody"] })).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("charts", () => {
  it("have several metrics of several runs in one call, peaks kept", async () => {
    const runs = [await test.start(), await test.start()];
    for (const [i, run] of runs.entries()) {
      const steps = Array.from({ length: 5_000 }, (_, step) => step);
      await logMetrics(test.services, { run, metrics: steps.map((step) => ({ key: "loss", value: step === 1_234 ? 99 : i, step, timeMs: step })) });
    }
    await logMetrics(test.services, {
      run: runs[1]!,
      metrics: [
        { key: "auc", value: Number.NaN },
        { key: "auc", value: 0.5, step: 1 },
      ],
    });
    const series = await sampleMetrics(test.services, { runs, keys: ["loss", "auc"], buckets: 20 });
    expect(series.map(({ run, key, points, notNumbers }) => [runs.indexOf(run), key, points, notNumbers])).toEqual([
      [0, "loss", 5_000, 0],
      [1, "loss", 5_000, 0],
      [1, "auc", 2, 1],
    ]);
    const [first] = series;
    expect(first!.values).toContain(99);
    expect(first!.steps.length).toBeLessThanOrEqual(80);
    expect(first!.steps).toEqual(first!.steps.toSorted((a, b) => a - b));
    expect([first!.steps[0], first!.steps.at(-1)]).toEqual([0, 4_999]);
    await expect(sampleMetrics(test.services, { runs: ["nobody"], keys: ["loss"] })).rejects.toMatchObject({ code: "not_found" });
    await expect(sampleMetrics(test.services, { runs: Array(100).fill("x"), keys: Array(100).fill("y") })).rejects.toThrow("more than 1000 series");
  });
});

describe("an export", () => {
  const exported = async (query: Parameters<typeof exportRuns>[1]) => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const piece of await exportRuns(test.services, query)) text += decoder.decode(piece, { stream: true });
    return text;
  };

  it("is CSV with a column a metric, param and tag, quoted where it must be", async () => {
    const ids = await startFive();
    await setTags(test.services, { run: ids["b"]!, tags: { note: 'says "so",\nand more' } });
    await finishRun(test.services, { run: ids["b"]! });
    const text = await exported({ format: "csv", query: "metrics.auc > 0.75", order: "name" });
    expect(text.split("\r\n")).toEqual([
      "id,name,experiment,experiment.id,status,actor,parent,started,ended,metrics.auc,metrics.loss,params.kind,params.lr,tags.note",
      expect.stringMatching(
        /^\w+,b,air\/late,\w+,finished,,,1970-01-01T00:16:42.000Z,1970-01-01T00:16:45.000Z,0.9,1,trees,1e-2,"says ""so"",\nand more"$/,
      ),
      expect.stringMatching(/^\w+,d,sea,\w+,running,,,1970-01-01T00:16:44.000Z,,0.8,2,,0.10,$/),
      "",
    ]);
  });

  it("has no cell that a spreadsheet would run as a formula", async () => {
    await start("=HYPERLINK(1)", "sea", { a: "@x", b: "-1e3", c: "-1+cmd", d: "+5", e: "a=b" }, { m: Number.NEGATIVE_INFINITY });
    const [, line] = (await exported({ format: "csv", select: "metrics.m, params.a, params.b, params.c, params.d, params.e" })).split("\r\n");
    expect(line!.split(",")[1]).toBe("'=HYPERLINK(1)");
    expect(line!.split(",").slice(-6)).toEqual(["-Infinity", "'@x", "-1e3", "'-1+cmd", "+5", "a=b"]);
  });

  it("is JSON or lines of it, whole however many pages it takes, and an error before the first byte", async () => {
    await startFive();
    for (let i = 0; i < 450; i++) await test.start({ name: "many" });
    const json = JSON.parse(await exported({ format: "json", query: "name = many OR name = c", order: "name", select: "metrics.auc" })) as unknown[];
    expect(json).toHaveLength(451);
    expect(json[0]).toMatchObject({ name: "c", metrics: { auc: "NaN" }, params: {} });
    const lines = (await exported({ format: "ndjson", query: "name IN (a, b)", order: "name" })).trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { name: string }).name)).toEqual(["a", "b"]);
    expect(JSON.parse(await exported({ format: "json", query: "name = nobody" }))).toEqual([]);
    await expect(exportRuns(test.services, { format: "csv", query: "name =" })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("folders of experiments", () => {
  it("hold experiments and folders, with how many runs there are", async () => {
    const ids = await startFive();
    await finishRun(test.services, { run: ids["a"]! });
    const top = await listFolder(test.services, { folder: "" });
    expect(top.folders).toEqual([{ path: "air", experiments: 2, runs: 3, running: 2, lastStartedMs: 1_003_000 }]);
    expect(top.experiments.map(({ name, runs, running, lastStartedMs }) => [name, runs, running, lastStartedMs])).toEqual([
      ["flights", 0, 0, undefined],
      ["sea", 2, 2, 1_005_000],
    ]);
    const air = await listFolder(test.services, { folder: "air/" });
    expect(air.folders.map(({ path }) => path)).toEqual(["air/deep"]);
    expect(air.experiments.map(({ name }) => name)).toEqual(["air/late"]);
    const all = await listFolder(test.services, {});
    expect(all.folders).toEqual([]);
    expect(all.experiments.map(({ name }) => name)).toEqual(["air/deep/late", "air/late", "flights", "sea"]);
    expect((await listFolder(test.services, { containing: "LATE" })).experiments).toHaveLength(2);
    expect((await listFolder(test.services, { folder: "nowhere" })).experiments).toEqual([]);
  });

  it("come in pages by name, also while experiments are made", async () => {
    for (const name of ["c", "a", "e"]) await createExperiment(test.services, { name });
    const first = await listFolder(test.services, { limit: 2 });
    expect(first.experiments.map(({ name }) => name)).toEqual(["a", "c"]);
    await createExperiment(test.services, { name: "b" });
    const second = await listFolder(test.services, { limit: 5, cursor: first.nextCursor! });
    expect(second.experiments.map(({ name }) => name)).toEqual(["e", "flights"]);
    expect(second.nextCursor).toBeUndefined();
  });
});
