import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSqlite } from "#adapters/database/sqlite";
import {
  createExperiment,
  deleteRun,
  deleteTag,
  finishRun,
  logMetrics,
  logParams,
  restoreRun,
  type RunFilter,
  type RunSearch,
  searchRuns,
  setTags,
  startRun,
  trackingMigrations,
} from "./index.ts";
import { openTestTracking, type TestTracking } from "../../../../../tests/contracts/tracking.ts";

let test: TestTracking;
beforeEach(async () => {
  test = await openTestTracking();
});
afterEach(() => test.close());

const found = async (search: RunSearch) => (await searchRuns(test.services, search)).runs.map((run) => run.name);

async function startSeveral() {
  const runs: { name: string; params: Record<string, string>; tags: Record<string, string>; auc?: number }[] = [
    { name: "a", params: { leaves: "7", kind: "trees" }, tags: { team: "air" }, auc: 0.7 },
    { name: "b", params: { leaves: "15", kind: "Trees" }, tags: { team: "sea" }, auc: 0.8 },
    { name: "c", params: { leaves: "127", kind: "linear" }, tags: {}, auc: Number.NaN },
    { name: "d", params: { leaves: "many" }, tags: { team: "air_2" } },
    { name: "e", params: {}, tags: { team: "air%x" }, auc: -Infinity },
  ];
  for (const { name, params, tags, auc } of runs) {
    const run = await test.start({ name, params, tags });
    if (auc !== undefined) await logMetrics(test.services, { run, metrics: [{ key: "auc", value: auc }] });
    test.services.clock.advance(1_000);
  }
}

describe("a search for runs", () => {
  it("takes conditions on metrics, params, tags and attributes", async () => {
    await startSeveral();
    const cases: [RunFilter, string[]][] = [
      [{ metric: "auc", op: ">=", value: 0.7 }, ["b", "a"]],
      [{ metric: "auc", op: "<", value: 0 }, ["e"]],
      [{ metric: "auc", op: "=", value: Number.NaN }, ["c"]],
      [{ metric: "auc", op: "!=", value: 0.8 }, ["e", "c", "a"]],
      [{ metric: "auc", op: "missing" }, ["d"]],
      [{ metric: "auc", op: "in", value: [0.7, 0.8] }, ["b", "a"]],
      [{ param: "kind", op: "=", value: "trees" }, ["a"]],
      [{ param: "kind", op: "!=", value: "trees" }, ["c", "b"]],
      [{ param: "kind", op: "like", value: "%ree_" }, ["b", "a"]],
      [{ param: "kind", op: "like", value: "trees%" }, ["a"]],
      [{ param: "kind", op: "ilike", value: "TREES" }, ["b", "a"]],
      [{ param: "kind", op: "in", value: ["linear", "Trees"] }, ["c", "b"]],
      [{ param: "leaves", op: ">", value: 10 }, ["c", "b"]],
      [{ param: "leaves", op: "=", value: 7 }, ["a"]],
      [{ param: "leaves", op: "<", value: "2" }, ["c", "b"]],
      [{ tag: "team", op: "exists" }, ["e", "d", "b", "a"]],
      [{ tag: "team", op: "like", value: "%a_r%" }, ["e", "d", "a"]],
      [{ tag: "nobody", op: "=", value: "x" }, []],
      [{ attribute: "name", op: ">=", value: "d" }, ["e", "d"]],
      [{ attribute: "startedMs", op: "<=", value: 1_001_000 }, ["b", "a"]],
      [{ attribute: "endedMs", op: "exists" }, []],
      [{ not: { metric: "auc", op: ">", value: 0 } }, ["e", "d", "c"]],
      [
        {
          or: [
            { attribute: "name", op: "=", value: "a" },
            { metric: "auc", op: "missing" },
          ],
        },
        ["d", "a"],
      ],
      [
        {
          and: [
            { tag: "team", op: "like", value: "air%" },
            { metric: "auc", op: ">", value: 0 },
          ],
        },
        ["a"],
      ],
      [{ and: [] }, ["e", "d", "c", "b", "a"]],
      [{ or: [] }, []],
    ];
    for (const [filter, names] of cases) expect([filter, await found({ filter })]).toEqual([filter, names]);
  });

  it("orders values first, then NaN, then runs without, in both directions", async () => {
    await startSeveral();
    expect(await found({ orderBy: [{ metric: "auc" }] })).toEqual(["e", "a", "b", "c", "d"]);
    expect(await found({ orderBy: [{ metric: "auc", direction: "desc" }] })).toEqual(["b", "a", "e", "c", "d"]);
    expect(await found({ orderBy: [{ param: "leaves" }] })).toEqual(["c", "b", "a", "d", "e"]);
    expect(await found({ orderBy: [{ param: "leaves", as: "number", direction: "desc" }] })).toEqual(["c", "b", "a", "d", "e"]);
    expect(await found({ orderBy: [{ param: "leaves", as: "number" }] })).toEqual(["a", "b", "c", "d", "e"]);
    expect(await found({ orderBy: [{ attribute: "name", direction: "desc" }] })).toEqual(["e", "d", "c", "b", "a"]);
  });

  it("sees every change at once: values, tags, status, deletion", async () => {
    const run = await test.start({ name: "x", tags: { t: "1" } });
    const matches = async (filter: RunFilter, view: RunSearch["view"] = "active") => (await searchRuns(test.services, { filter, view })).total;
    expect(await matches({ metric: "m", op: "exists" })).toBe(0);
    await logMetrics(test.services, { run, metrics: [{ key: "m", value: 1 }] });
    expect(await matches({ metric: "m", op: "=", value: 1 })).toBe(1);
    await logMetrics(test.services, { run, metrics: [{ key: "m", value: 2, step: 1 }] });
    expect(await matches({ metric: "m", op: "=", value: 1 })).toBe(0);
    await logParams(test.services, { run, params: { p: "v" } });
    expect(await matches({ param: "p", op: "=", value: "v" })).toBe(1);
    await setTags(test.services, { run, tags: { t: "2" } });
    expect(await matches({ tag: "t", op: "=", value: "2" })).toBe(1);
    await deleteTag(test.services, { run, tag: "t" });
    expect(await matches({ tag: "t", op: "exists" })).toBe(0);
    await finishRun(test.services, { run });
    expect(await matches({ attribute: "status", op: "=", value: "finished" })).toBe(1);
    await deleteRun(test.services, { run });
    expect(await matches({ and: [] })).toBe(0);
    expect(await matches({ and: [] }, "deleted")).toBe(1);
    expect(await matches({ and: [] }, "all")).toBe(1);
    await restoreRun(test.services, { run });
    expect(await matches({ and: [] })).toBe(1);
  });

  it("keeps to the experiments asked for", async () => {
    await startSeveral();
    const other = await createExperiment(test.services, { name: "other" });
    await startRun(test.services, { experiment: other.id, name: "z" });
    expect(await found({ experiments: [other.id] })).toEqual(["z"]);
    expect(await found({ experiments: [test.experiment, other.id] })).toHaveLength(6);
    expect(await found({ experiments: ["unknown"] })).toEqual([]);
  });

  it("gives every run once over pages, in any order, while others start and end", async () => {
    const value = fc.constantFrom(1, 2, 2, Number.NaN, Infinity, undefined);
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom("asc" as const, "desc" as const),
        async (values, limit, direction) => {
          const { id: experiment } = await createExperiment(test.services, { name: `pages-${Math.random()}` });
          const started: string[] = [];
          for (const m of values) {
            const { id: run } = await startRun(test.services, { experiment, tags: { t: String(m) } });
            started.push(run);
            if (m !== undefined) await logMetrics(test.services, { run, metrics: [{ key: "m", value: m }] });
          }
          const orderBy: RunSearch["orderBy"] = [{ metric: "m", direction }, { tag: "t" }];
          const search = { experiments: [experiment], limit, orderBy };
          const pages: string[] = [];
          for (let cursor: string | undefined; ;) {
            const page = await searchRuns(test.services, { ...search, ...(cursor !== undefined && { cursor }) });
            pages.push(...page.runs.map((run) => run.id));
            test.services.clock.advance(1);
            const { id } = await startRun(test.services, { experiment, name: "meanwhile" }); // without a metric, without the tag: after all others
            await finishRun(test.services, { run: id });
            await deleteRun(test.services, { run: id });
            if (page.nextCursor === undefined) break;
            cursor = page.nextCursor;
          }
          expect(pages.toSorted()).toEqual(started.toSorted());
          const whole = await searchRuns(test.services, { ...search, limit: 1_000 });
          expect(pages).toEqual(whole.runs.map((run) => run.id));
        },
      ),
      { numRuns: 30 },
    );
  });

  it("is not shifted by runs that start between two pages", async () => {
    await startSeveral();
    const first = await searchRuns(test.services, { limit: 2 });
    await test.start({ name: "newer" });
    const second = await searchRuns(test.services, { limit: 10, cursor: first.nextCursor! });
    expect([...first.runs, ...second.runs].map((run) => run.name)).toEqual(["e", "d", "c", "b", "a"]);
  });

  it("refuses a bad filter and a cursor of another order, saying why", async () => {
    await startSeveral();
    const refused = (search: object) => expect(searchRuns(test.services, search as RunSearch)).rejects;
    await refused({ filter: { metric: "auc", op: ">", value: "high" } }).toThrow("needs a number");
    await refused({ filter: { metric: "auc", op: "like", value: 1 } }).toThrow("needs a number");
    await refused({ filter: { param: "x", op: "like", value: 1 } }).toThrow("needs a text");
    await refused({ filter: { param: "x", op: "in", value: "y" } }).toThrow("needs a list");
    await refused({ filter: { param: "x", op: "near", value: 1 } }).toMatchObject({ code: "invalid_argument", details: { path: ["filter"] } });
    await refused({ filter: { column: "x", op: "=", value: 1 } }).toThrow("{ metric | param | tag | input | attribute, op, value }");
    await refused({ orderBy: [{ attribute: "nothing" }] }).toMatchObject({ code: "invalid_argument" });
    await refused({ limit: 0 }).toMatchObject({ details: { path: ["limit"] } });
    await refused({ cursor: "abc" }).toThrow("cursor");
    const { nextCursor } = await searchRuns(test.services, { limit: 1, orderBy: [{ metric: "auc" }] });
    await refused({ cursor: nextCursor, orderBy: [{ metric: "auc", direction: "desc" }] }).toThrow("cursor");
    let deep: RunFilter = { metric: "m", op: "exists" };
    for (let i = 0; i < 50_000; i++) deep = { not: deep };
    await refused({ filter: deep }).toThrow("nested deeper");
  });

  it("answers a pattern made to be slow as fast as any other", async () => {
    await test.start({ tags: { long: "a".repeat(10_000) } });
    expect(await found({ filter: { tag: "long", op: "like", value: `${"%a".repeat(500)}%b` } })).toEqual([]);
  });

  it("forgets the old texts of a tag that changes all the time", async () => {
    const run = await test.start({ name: "busy" });
    for (let i = 0; i < 1_100; i++) {
      await setTags(test.services, { run, tags: { progress: String(i) } });
      if (i % 2 === 0) await searchRuns(test.services, {});
    }
    expect(await found({ filter: { tag: "progress", op: "=", value: 1_099 } })).toEqual(["busy"]);
  });

  it("finds what another process wrote to a shared database", async () => {
    // Two handles on one file that say they are shared, as two processes on PostgreSQL are.
    const path = `${test.folder}/shared.db`;
    const open = () => {
      const state = openSqlite({ path });
      return { ...test.services, state: { ...state, capabilities: { ...state.capabilities, sharedByProcesses: true } } };
    };
    const [mine, theirs] = [open(), open()];
    await mine.state.migrate(trackingMigrations);
    const { id: experiment } = await createExperiment(mine, { name: "shared" });
    expect((await searchRuns(mine, {})).total).toBe(0);
    const { id: run } = await startRun(theirs, { experiment });
    expect((await searchRuns(mine, {})).total).toBe(1);
    await logMetrics(theirs, { run, metrics: [{ key: "m", value: 3 }] });
    expect((await searchRuns(mine, { filter: { metric: "m", op: "=", value: 3 } })).total).toBe(1);
    await mine.state.close();
    await theirs.state.close();
  });
});
