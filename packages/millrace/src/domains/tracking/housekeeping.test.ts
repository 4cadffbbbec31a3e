import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sql, sqlText } from "#kit/sql";
import type { Database, Transaction } from "#ports/database";
import { openTestTracking, type TestTracking } from "../../../../../tests/contracts/tracking.ts";
import { archive, restore } from "./archive.ts";
import { deleteExperiment, getExperiment } from "./change-experiment.ts";
import { deleteRun, restoreRun } from "./change-run.ts";
import { createExperiment } from "./create-experiment.ts";
import type { RunKeepers } from "./housekeeping.ts";
import { logArtifact } from "./log-artifact.ts";
import { logMetrics } from "./log-batch.ts";
import { moveExperiments } from "./move-experiments.ts";
import { purge } from "./purge.ts";
import { applyRetention } from "./retention.ts";
import { searchRuns } from "./search-runs.ts";
import { startRun } from "./start-run.ts";

const dayMs = 86_400_000;
const tables = ["experiment", "run", "run_context", "run_metrics", "metric_tail", "metric_segment", "artifact"];

let place: TestTracking;
let held: Map<string, string[]>;
let emptied: string[];
let forgotten: { runs: string[]; experiments: string[] };
const keepers: RunKeepers = {
  holders: async (_reader, runs) => new Map([...held].filter(([run]) => runs.includes(run))),
  emptyExperiment: async (experiment) => void emptied.push(experiment),
  forgetRuns: async (_transaction, runs) => void forgotten.runs.push(...runs.map(({ id }) => id)),
  forgetExperiments: async (_transaction, experiments) => void forgotten.experiments.push(...experiments),
};

beforeEach(async () => {
  place = await openTestTracking();
  held = new Map();
  emptied = [];
  forgotten = { runs: [], experiments: [] };
});
afterEach(() => place.close());

/** An experiment with runs by name; `a/b` is nested in `a`. Each has two points and an artifact of ten bytes. */
async function made(experiment: string, names: string[]): Promise<{ experiment: string; runs: Record<string, string> }> {
  const { services } = place;
  const { id } = await createExperiment(services, { name: experiment });
  const runs: Record<string, string> = {};
  for (const name of names) {
    const cut = name.lastIndexOf("/");
    const run = (await startRun(services, { experiment: id, name: name.slice(cut + 1), ...(cut > 0 && { parent: runs[name.slice(0, cut)]! }) })).id;
    runs[name] = run;
    await logMetrics(services, { run, metrics: [1, 2].map((step) => ({ key: "loss", value: 1 / step, step })) });
    await logArtifact(services, { run, path: "out/file.txt", data: Buffer.from("ten bytes!") });
  }
  return { experiment: id, runs };
}

async function active(): Promise<string[]> {
  const { runs, total } = await searchRuns(place.services, { orderBy: [{ attribute: "name" }], limit: 10_000 });
  expect(total).toBe(runs.length);
  return runs.map(({ name }) => name);
}

async function rowCounts(): Promise<number[]> {
  const counts: number[] = [];
  for (const table of tables) counts.push((await place.services.state.get<{ n: number }>(sqlText(`select count(*) as n from tracking_${table}`)))!.n);
  return counts;
}

describe("archiving and restoring", () => {
  test("a folder is archived with its runs, and restored without those that were archived before", async () => {
    const a = await made("team/a", ["a1", "a2"]);
    await made("team/b/c", ["c1"]);
    await made("teams", ["other"]);
    await deleteRun(place.services, { run: a.runs["a2"]! });
    place.services.clock.advance(1_000);
    const counts = { experiments: 2, runs: 2, points: 4, artifacts: 2, bytes: 20, left: [], leftRuns: 0, done: true };
    expect(await archive(place.services, { folder: "team" }, { dryRun: true })).toEqual({ ...counts, dryRun: true });
    expect(await active()).toEqual(["a1", "c1", "other"]);
    expect(await archive(place.services, { folder: "team/" })).toEqual({ ...counts, dryRun: false });
    expect(await active()).toEqual(["other"]);
    expect(await archive(place.services, { folder: "team" })).toMatchObject({ experiments: 0, runs: 0 });
    expect(await restore(place.services, { folder: "team" })).toEqual({ ...counts, dryRun: false });
    expect(await active()).toEqual(["a1", "c1", "other"]);
    await expect(archive(place.services, { folder: "nowhere" })).rejects.toMatchObject({ code: "not_found" });
  });

  test("nested runs go with their parents and come back with them, except those that went by themselves", async () => {
    const { runs } = await made("nest", ["p", "p/c", "p/c/g", "p/d", "q"]);
    await deleteRun(place.services, { run: runs["p/d"]! });
    place.services.clock.advance(1_000);
    expect(await archive(place.services, { runs: [runs["p"]!, runs["p/c"]!] })).toMatchObject({ runs: 3, experiments: 0 });
    expect(await active()).toEqual(["q"]);
    expect(await restore(place.services, { runs: [runs["p"]!] })).toMatchObject({ runs: 3 });
    expect(await active()).toEqual(["c", "g", "p", "q"]);
    await expect(archive(place.services, { runs: ["none"] })).rejects.toMatchObject({ code: "not_found" });
  });

  test("what a filter matches is archived and restored, in the named experiments", async () => {
    await made("one", ["x1", "x2", "y1"]);
    await made("two", ["x3"]);
    const filter = { attribute: "name", op: "like", value: "x%" } as const;
    expect(await archive(place.services, { filter, experiments: ["one"] })).toMatchObject({ runs: 2 });
    expect(await active()).toEqual(["x3", "y1"]);
    expect(await restore(place.services, { filter })).toMatchObject({ runs: 2 });
    expect(await active()).toHaveLength(4);
  });

  test("work that runs out of time goes on with the same call", async () => {
    const names = Array.from({ length: 120 }, (_, i) => `r${String(i).padStart(3, "0")}`);
    await made("long", names);
    const { clock } = place.services;
    const hurried = {
      get untilMs() {
        return clock.now() + (calls++ < 2 ? 1 : 0); // two looks at the clock, then the time is up
      },
    };
    let calls = 0;
    const first = await archive(place.services, { folder: "long" }, hurried);
    expect(first).toMatchObject({ done: false, experiments: 1, runs: 50 });
    expect(await active()).toHaveLength(70);
    expect(await archive(place.services, { folder: "long" })).toMatchObject({ done: true, experiments: 0, runs: 70 });
    calls = 0;
    expect(await restore(place.services, { folder: "long" }, hurried)).toMatchObject({ done: false, experiments: 0, runs: 50 });
    expect(await restore(place.services, { folder: "long" })).toMatchObject({ done: true, experiments: 1, runs: 70 });
    expect(await active()).toHaveLength(120);
  });

  test("a run of an archived experiment is not restored by itself; a selection must say one thing", async () => {
    const { runs } = await made("gone", ["r"]);
    await archive(place.services, { folder: "gone" });
    await expect(restore(place.services, { runs: [runs["r"]!] })).rejects.toMatchObject({ code: "conflict" });
    for (const bad of [{}, { folder: "gone", runs: ["x"] }, { archivedForMs: 1 }, { runs: [] }])
      await expect(archive(place.services, bad), JSON.stringify(bad)).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("purging", () => {
  test("everything of an archived folder goes, and nothing else", async () => {
    const kept = await made("keep", ["k"]);
    const before = await rowCounts();
    const gone = await made("old/x", ["p", "p/c"]);
    await archive(place.services, { folder: "old" });
    const counts = { experiments: 1, runs: 2, points: 4, artifacts: 2, bytes: 20, left: [], leftRuns: 0, done: true };
    expect(await purge(place.services, keepers, { folder: "old" }, { dryRun: true })).toEqual({ ...counts, dryRun: true });
    expect(await purge(place.services, keepers, { folder: "old" })).toEqual({ ...counts, dryRun: false });
    expect(await rowCounts()).toEqual(before);
    expect(forgotten).toEqual({ runs: expect.arrayContaining(Object.values(gone.runs)) as unknown, experiments: [gone.experiment] });
    expect(emptied).toEqual([gone.experiment]);
    const { runs, total } = await searchRuns(place.services, { view: "all" });
    expect([runs.map(({ id }) => id), total]).toEqual([[kept.runs["k"]], 1]);
    await expect(purge(place.services, keepers, { folder: "old" })).rejects.toMatchObject({ code: "not_found" });
    expect((await createExperiment(place.services, { name: "old/x" })).name).toBe("old/x"); // the name is free again
  });

  test("an experiment that was deleted by itself goes with its runs", async () => {
    const { experiment } = await made("alone", ["a", "b"]);
    await deleteExperiment(place.services, { id: experiment });
    expect(await purge(place.services, keepers, { archivedForMs: 0 })).toMatchObject({ experiments: 1, runs: 2, leftRuns: 0 });
  });

  test("what is not archived stays: named, it is an error; in a folder it is passed over", async () => {
    const { experiment, runs } = await made("mixed", ["a", "b", "b/c"]);
    await expect(purge(place.services, keepers, { runs: [runs["a"]!] })).rejects.toMatchObject({ code: "conflict" });
    await expect(purge(place.services, keepers, { experiments: [experiment] })).rejects.toMatchObject({ code: "conflict" });
    await archive(place.services, { runs: [runs["a"]!, runs["b"]!] });
    await restoreRun(place.services, { run: runs["b/c"]! });
    await expect(purge(place.services, keepers, { runs: [runs["b"]!] })).rejects.toMatchObject({ code: "conflict" });
    const report = await purge(place.services, keepers, { folder: "mixed" });
    expect(report).toMatchObject({ experiments: 0, runs: 1, leftRuns: 1, left: [expect.stringContaining(runs["b/c"]!)] });
    expect(await active()).toEqual(["c"]);
    expect((await searchRuns(place.services, { view: "deleted" })).runs.map(({ name }) => name)).toEqual(["b"]);
  });

  test("runs that made versions are refused by their names, left, or purged anyway", async () => {
    const { runs } = await made("registered", ["p", "p/c", "q"]);
    await archive(place.services, { folder: "registered" });
    held.set(runs["p/c"]!, ["version 3 of late-arrival"]);
    const before = await rowCounts();
    await expect(purge(place.services, keepers, { folder: "registered" })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("version 3 of late-arrival") as unknown,
    });
    expect(await rowCounts()).toEqual(before);
    const left = await purge(place.services, keepers, { archivedForMs: 0 }, { registered: "leave" });
    expect(left).toMatchObject({ runs: 1, experiments: 0, leftRuns: 1, left: [expect.stringContaining("late-arrival")] });
    expect(await purge(place.services, keepers, { folder: "registered" }, { registered: "anyway" })).toMatchObject({ runs: 2, experiments: 1 });
  });

  test("a version that is registered, a run that is restored or nested while a purge is at work keeps its run", async () => {
    const { experiment, runs } = await made("race", ["a", "b", "c"]);
    await archive(place.services, { runs: Object.values(runs) });
    let looks = 0;
    const late: RunKeepers = {
      ...keepers,
      holders: async (_reader, ids) => new Map(looks++ > 0 && ids.includes(runs["a"]!) ? [[runs["a"]!, ["version 1 of m"]]] : []),
    };
    const state: Database = {
      ...place.services.state,
      write: async (work) => {
        await place.services.state.run(sql`update tracking_run set deleted_ms = null where id = ${runs["b"]!}`);
        await place.services.state.run(sql`update tracking_run set parent = ${runs["c"]!} where id = ${runs["b"]!}`);
        return place.services.state.write(work);
      },
    };
    const report = await purge({ ...place.services, state }, late, { folder: "race" });
    expect(report).toMatchObject({ runs: 0, experiments: 0, leftRuns: 2 });
    expect((await searchRuns(place.services, { experiments: [experiment], view: "all" })).total).toBe(3);
  });

  test("broken off at any moment, every run is whole or gone, and the same call ends it", async () => {
    const names = Array.from({ length: 60 }, (_, i) => (i % 3 === 2 ? `r${i - 1}/n${i}` : `r${i}`));
    await made("broken", names);
    await archive(place.services, { folder: "broken" });
    for (const statements of [3, 9, 5]) {
      let left = statements;
      const failing = (transaction: Transaction): Transaction => ({
        ...transaction,
        run: (query) => (left-- === 0 ? Promise.reject(new Error("killed")) : transaction.run(query)),
      });
      const state: Database = { ...place.services.state, write: (work) => place.services.state.write((transaction) => work(failing(transaction))) };
      await expect(purge({ ...place.services, state }, keepers, { folder: "broken" })).rejects.toThrow("killed");
      const [, runs, contexts, metrics, , , artifacts] = await rowCounts();
      expect([contexts, metrics, artifacts]).toEqual([runs, runs, runs! * 2]);
      const orphans = await place.services.state.all(
        sql`select id from tracking_run where parent is not null and parent not in (select id from tracking_run)`,
      );
      expect(orphans).toEqual([]);
    }
    expect(await purge(place.services, keepers, { folder: "broken" })).toMatchObject({ done: true, experiments: 1 });
    expect(await rowCounts()).toEqual(tables.map((table) => (table === "experiment" ? 1 : 0)));
  });

  test("a search in another process no longer finds what was purged", async () => {
    const { runs } = await made("elsewhere", ["a", "b", "c"]);
    const other: Database = { ...place.services.state, capabilities: { dialect: "sqlite", sharedByProcesses: true } };
    const search = async () =>
      (await searchRuns({ ...place.services, state: other }, { view: "all", orderBy: [{ metric: "loss" }, { attribute: "name" }] })).runs.map(
        ({ name }) => name,
      );
    expect(await search()).toEqual(["a", "b", "c"]);
    await archive(place.services, { runs: [runs["a"]!] });
    await purge(place.services, keepers, { runs: [runs["a"]!] });
    expect(await search()).toEqual(["b", "c"]);
    await place.services.state.run(sql`delete from tracking_purge`); // as after a week
    await archive(place.services, { runs: [runs["c"]!] });
    await purge(place.services, keepers, { runs: [runs["c"]!] });
    await place.services.state.run(sql`update tracking_purge set seq = seq + 1000`);
    expect(await search()).toEqual(["b"]);
  });
});

describe("moving folders", () => {
  test("every experiment of a folder gets its new name, also within itself", async () => {
    for (const name of ["a", "a/b", "a/b/c", "ab"]) await createExperiment(place.services, { name });
    expect((await moveExperiments(place.services, { folder: "a", to: "a/b" })).moved.map(({ to }) => to)).toEqual(["a/b", "a/b/b", "a/b/b/c"]);
    await expect(moveExperiments(place.services, { folder: "a/b/b", to: "ab" })).rejects.toMatchObject({ code: "conflict" });
    expect((await moveExperiments(place.services, { folder: "a/b", to: "x", dryRun: true })).moved).toHaveLength(3);
    expect((await getExperiment(place.services, { name: "a/b/b/c" })).name).toBe("a/b/b/c");
  });
});

describe("retention", () => {
  const policy = { purgeArchivedAfterMs: 30 * dayMs, archive: [{ folder: "scratch", afterMs: 14 * dayMs }] };

  test("old runs of a folder are archived and then purged; those that are kept, go on or made versions stay", async () => {
    const { services } = place;
    const { experiment, runs } = await made("scratch/me", ["old", "old/nested", "kept", "running", "registered", "registered/child"]);
    await made("work", ["w"]);
    for (const name of ["old", "old/nested", "kept", "registered", "registered/child"])
      await services.state.run(sql`update tracking_run set status = 'finished', ended_ms = ${services.clock.now()} where id = ${runs[name]!}`);
    await services.state.run(sql`update tracking_run set tags = ${'{"keep":"yes"}'} where id = ${runs["kept"]!}`);
    held.set(runs["registered/child"]!, ["version 1 of m"]);
    services.clock.advance(14 * dayMs - 1);
    expect(await applyRetention(services, keepers, policy)).toMatchObject({ archived: [], purged: { runs: 0 } });
    services.clock.advance(1);
    expect(await applyRetention(services, keepers, policy, { dryRun: true })).toMatchObject({ archived: [{ runs: 2, dryRun: true }] });
    expect(await applyRetention(services, keepers, policy)).toMatchObject({ archived: [{ runs: 2 }], purged: { runs: 0 }, done: true });
    expect(await active()).toEqual(["child", "kept", "registered", "running", "w"]);
    services.clock.advance(30 * dayMs);
    expect(await applyRetention(services, keepers, policy)).toMatchObject({ archived: [], purged: { runs: 2, experiments: 0 } });
    expect((await getExperiment(services, { id: experiment })).deletedMs).toBeUndefined();
    await archive(services, { runs: [runs["registered"]!] });
    services.clock.advance(30 * dayMs);
    expect(await applyRetention(services, keepers, policy)).toMatchObject({ purged: { runs: 0, leftRuns: 1 } });
  });
});
