import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isId } from "#kit/id";
import {
  createExperiment,
  deleteExperiment,
  deleteRun,
  deleteTag,
  ensureExperiment,
  finishRun,
  getExperiment,
  getRun,
  inputsOf,
  listExperiments,
  logBatch,
  logInputs,
  logMetrics,
  logOutputs,
  logParams,
  restoreExperiment,
  restoreRun,
  runData,
  setTags,
  startRun,
  trackingLimits,
  updateExperiment,
  updateRun,
} from "./index.ts";
import { openTestTracking, type TestTracking } from "../../../../../tests/contracts/tracking.ts";

let test: TestTracking;
beforeEach(async () => {
  test = await openTestTracking();
});
afterEach(() => test.close());

describe("experiments", () => {
  it("take tags away that are null", async () => {
    await updateExperiment(test.services, { id: test.experiment, tags: { a: "1", b: "2" } });
    const { tags } = await updateExperiment(test.services, { id: test.experiment, tags: { a: null, c: "3" } });
    expect(tags).toEqual({ b: "2", c: "3" });
  });

  it("tell what went into their runs, and pages of runs what went in and came out", async () => {
    const [first, second] = [await test.start(), await test.start()];
    await logInputs(test.services, { run: first, inputs: [{ name: "flights", table: "flights", version: 3, use: "train" }] });
    await logOutputs(test.services, { run: second, outputs: [{ kind: "file", name: "report" }] });
    const inputs = [{ name: "flights", table: "flights", version: 3, use: "train" }];
    expect(await inputsOf(test.services, [test.experiment, "other"])).toEqual([{ run: first, experiment: test.experiment, inputs }]);
    const data = await runData(test.services, [first, second, await test.start()]);
    expect([...data]).toEqual(
      expect.arrayContaining([
        [first, { inputs, outputs: [] }],
        [second, { inputs: [], outputs: [{ kind: "file", name: "report" }] }],
      ]),
    );
    expect(data.size).toBe(2);
  });

  it("are numbered where that is asked for, after the greatest number there is, however many are made at once", async () => {
    await createExperiment(test.services, { id: "9", name: "nine" });
    await createExperiment(test.services, { id: "10x", name: "no number" });
    const made = await Promise.all(["a", "b", "c"].map((name) => createExperiment(test.services, { name, numbered: true })));
    expect(made.map(({ id }) => id).sort()).toEqual(["10", "11", "12"]);
  });

  it("have one name each, also while deleted", async () => {
    await expect(createExperiment(test.services, { name: "flights" })).rejects.toMatchObject({ code: "conflict" });
    await deleteExperiment(test.services, { id: test.experiment });
    await expect(createExperiment(test.services, { name: "flights" })).rejects.toThrow("exists already, deleted");
    await expect(ensureExperiment(test.services, "flights")).rejects.toMatchObject({ code: "conflict" });
    await restoreExperiment(test.services, { id: test.experiment });
    expect((await ensureExperiment(test.services, "flights")).id).toBe(test.experiment);
  });

  it("are made once by many who need the same one at once", async () => {
    const made = await Promise.all([1, 2, 3].map(() => ensureExperiment(test.services, "folder/late arrival")));
    expect(new Set(made.map((experiment) => experiment.id)).size).toBe(1);
  });

  it("change their name, description and tags", async () => {
    await updateExperiment(test.services, { id: test.experiment, tags: { team: "a" } });
    const changed = await updateExperiment(test.services, { id: test.experiment, name: "f2", description: "d", tags: { owner: "b" } });
    expect(changed).toMatchObject({ name: "f2", description: "d", tags: { team: "a", owner: "b" } });
    expect(await getExperiment(test.services, { name: "f2" })).toEqual(changed);
    await createExperiment(test.services, { name: "other", id: "7" });
    await expect(updateExperiment(test.services, { id: "7", name: "f2" })).rejects.toMatchObject({ code: "conflict" });
    expect((await listExperiments(test.services)).map((experiment) => experiment.name)).toEqual(["f2", "other"]);
  });

  it("are not found by a name that is none", async () => {
    await expect(getExperiment(test.services, { name: "nothing" })).rejects.toMatchObject({ code: "not_found" });
    await expect(startRun(test.services, { experiment: "nothing" })).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("runs", () => {
  it("keep everything they were started with", async () => {
    const parent = await test.start();
    const started = await startRun(test.services, {
      experiment: test.experiment,
      name: "fit",
      parent,
      actor: "ana",
      params: { leaves: "63" },
      tags: { kind: "trees" },
      source: { commit: "abc", dirty: true, entry: "train.ts" },
      environment: { node: "24", packages: { zod: "4" } },
      inputs: [{ name: "train", table: "marts.flights", version: 22, digest: "d" }],
      note: "first",
    });
    expect(isId(started.id)).toBe(true);
    expect(await getRun(test.services, started.id)).toEqual(started);
    expect(started).toMatchObject({ status: "running", startedMs: 1_000_000, params: { leaves: "63" }, outputs: [], metrics: {} });
  });

  it("are started once by a step that is tried again with the same id", async () => {
    const id = "step-1";
    const first = await startRun(test.services, { experiment: test.experiment, id, name: "fit" });
    await logParams(test.services, { run: id, params: { leaves: "63" } });
    test.services.clock.advance(5_000);
    const again = await startRun(test.services, { experiment: test.experiment, id, name: "fit" });
    expect(again).toMatchObject({ startedMs: first.startedMs, params: { leaves: "63" } });
    await finishRun(test.services, { run: id, status: "killed" });
    expect(await startRun(test.services, { experiment: test.experiment, id })).toMatchObject({ status: "running", endedMs: undefined });
    const ended = await finishRun(test.services, { run: id });
    expect(await startRun(test.services, { experiment: test.experiment, id })).toMatchObject(ended);
    const other = await createExperiment(test.services, { name: "other" });
    await expect(startRun(test.services, { experiment: other.id, id })).rejects.toMatchObject({ code: "conflict" });
  });

  it("are started once by several callers with the same id at once", async () => {
    const started = await Promise.all([1, 2, 3].map(() => startRun(test.services, { experiment: test.experiment, id: "same" })));
    expect(started.map((run) => run.id)).toEqual(["same", "same", "same"]);
  });

  it("take what is not known of the code as null or left out", async () => {
    const run = await test.start({ source: { commit: null, dirty: null } });
    expect((await getRun(test.services, run)).source).toEqual({});
  });

  it("need a parent that exists", async () => {
    await expect(test.start({ parent: "nobody" })).rejects.toThrow('There is no run "nobody"');
  });

  it("end once: ending again keeps the first end, and an ended run can be opened again", async () => {
    const run = await test.start();
    await finishRun(test.services, { run });
    test.services.clock.advance(1_000);
    expect(await finishRun(test.services, { run })).toMatchObject({ status: "finished", endedMs: 1_000_000 });
    expect(await updateRun(test.services, { run, status: "running", name: "again" })).toMatchObject({
      status: "running",
      endedMs: undefined,
      name: "again",
    });
    expect(await finishRun(test.services, { run, status: "failed", endedMs: 5 })).toMatchObject({ status: "failed", endedMs: 5 });
  });

  it("may wait to begin, have an end in the past, or one that nobody knows", async () => {
    const run = await test.start();
    expect(await updateRun(test.services, { run, status: "scheduled" })).toMatchObject({ status: "scheduled", endedMs: undefined });
    expect(await updateRun(test.services, { run, status: "finished", endedMs: null })).toMatchObject({ status: "finished", endedMs: undefined });
    expect(await updateRun(test.services, { run, status: "failed", endedMs: -7 })).toMatchObject({ status: "failed", endedMs: -7 });
  });

  it("refuse everything while deleted, and have it all when restored", async () => {
    const run = await test.start({ params: { a: "1" } });
    await deleteRun(test.services, { run });
    await deleteRun(test.services, { run });
    await expect(logMetrics(test.services, { run, metrics: [{ key: "m", value: 1 }] })).rejects.toMatchObject({ code: "conflict" });
    await expect(updateRun(test.services, { run, name: "b" })).rejects.toThrow("is deleted");
    expect(await getRun(test.services, run)).toMatchObject({ deletedMs: 1_000_000 });
    await restoreRun(test.services, { run });
    expect(await getRun(test.services, run)).toMatchObject({ deletedMs: undefined, params: { a: "1" } });
  });

  it("keep a param's first value: the same again is fine, another is a conflict that leaves nothing of the call", async () => {
    const run = await test.start();
    await logParams(test.services, { run, params: { rate: "0.1" } });
    await logParams(test.services, { run, params: { rate: "0.1", leaves: "63" } });
    const call = logBatch(test.services, { run, params: { depth: "4", rate: "0.2" }, tags: { t: "x" }, metrics: [{ key: "auc", value: 1 }] });
    await expect(call).rejects.toThrow('Param "rate" of run');
    expect(await getRun(test.services, run)).toMatchObject({ params: { rate: "0.1", leaves: "63" }, tags: {}, metrics: {} });
  });

  it("replace a tag's value and take tags away", async () => {
    const run = await test.start({ tags: { stage: "a", other: "o" } });
    await setTags(test.services, { run, tags: { stage: "b" } });
    await deleteTag(test.services, { run, tag: "other" });
    expect((await getRun(test.services, run)).tags).toEqual({ stage: "b" });
    await expect(deleteTag(test.services, { run, tag: "other" })).rejects.toMatchObject({ code: "not_found" });
  });

  it("list inputs and outputs once, however often they are logged", async () => {
    const run = await test.start();
    const input = { name: "train", table: "marts.flights", version: 22 };
    await logInputs(test.services, { run, inputs: [input, { name: "valid" }] });
    await logInputs(test.services, { run, inputs: [{ version: 22, table: "marts.flights", name: "train" }] });
    await logOutputs(test.services, { run, outputs: [{ kind: "table", name: "scores", version: 1 }] });
    expect(await getRun(test.services, run)).toMatchObject({
      inputs: [input, { name: "valid" }],
      outputs: [{ kind: "table", name: "scores", version: 1 }],
    });
  });

  it("know keys that are words of JavaScript", async () => {
    const run = await test.start();
    await logBatch(test.services, { run, tags: { constructor: "c" }, params: { toString: "p" }, metrics: [{ key: "__proto__", value: 2 }] });
    const { tags, params, metrics } = await getRun(test.services, run);
    expect(tags).toEqual({ constructor: "c" });
    expect(Object.entries(params)).toEqual([["toString", "p"]]);
    expect(Object.entries(metrics).map(([key, point]) => [key, point.value])).toEqual([["__proto__", 2]]);
  });

  it("state their limits when one is passed", async () => {
    const run = await test.start();
    const long = "x".repeat(trackingLimits.keyLength + 1);
    await expect(logParams(test.services, { run, params: { [long]: "1" } })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(logParams(test.services, { run, params: { a: "x".repeat(trackingLimits.paramLength + 1) } })).rejects.toThrow("params");
    await expect(logMetrics(test.services, { run, metrics: [{ key: "a\nb", value: 1 }] })).rejects.toThrow("control characters");
    await expect(logMetrics(test.services, { run, metrics: [{ key: "a", value: 1, step: 0.5 }] })).rejects.toThrow("`step` 0.5");
    await expect(test.start({ id: "../x" })).rejects.toMatchObject({ code: "invalid_argument", details: { path: ["id"] } });
  });
});
