import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { flow, listRuns, openLedger, pipelinesMigrations, runFlow, type AnyFlow } from "#domains/pipelines";
import { AppError } from "#kit/app-error";
import { dayMs } from "#domains/monitoring";
import { decay, drift, type PolicyTrigger } from "#domains/quality";
import { endpoint, type Endpoint } from "#domains/serving";
import { fixedClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import type { Warehouse } from "#ports/warehouse";
import {
  arrivals,
  departures,
  firstDayMs,
  openTestPlace,
  openTestWarehouse,
  seeded,
  testReference,
  type Ask,
  type TestPlace,
  type Truth,
} from "../../../../../tests/contracts/monitored-place.ts";
import {
  countDecisions,
  evaluatePolicy,
  listDecisions,
  openDecisions,
  retrainingMigrations,
  retrainingRoutes,
  runRetraining,
  type Decision,
  type RetrainingWork,
} from "./index.ts";

let warehouse: Warehouse;
let place: TestPlace;
const clock = fixedClock(Date.parse("2026-01-01T00:00:00Z"));
beforeAll(async () => void (warehouse = await openTestWarehouse()));
afterAll(() => warehouse.close());
beforeEach(async () => void (place = await openTestPlace(warehouse, [...pipelinesMigrations, ...retrainingMigrations])));
afterEach(() => place.close());

const registered = (promoted: boolean) => ({
  ...{ kind: "registered" as const, model: "late-arrival", version: 2, digest: "d", alias: "champion", promoted, previous: 1 },
  ...{
    verdict: promoted ? ("passed" as const) : ("failed" as const),
    summary: promoted ? "ready: 5 of 5 passed" : "ready: 4 of 5 passed",
    metrics: { auc: 0.8 },
  },
});
const learn = flow("late-arrival", { until: "2001-06-01", trials: 6 }, async () => registered(true));

const watched = (
  when: PolicyTrigger[],
  params: Record<string, unknown> = {},
  atMostEvery: "3d" | "14d" = "3d",
  withFlow: AnyFlow = learn,
): Endpoint =>
  endpoint("late-arrival", {
    model: "late-arrival@champion",
    stream: { in: departures, out: "late-arrival-predictions" },
    outcomes: { from: arrivals, label: "late" },
    retrain: { with: withFlow, params, when, atMostEvery },
  });
const services = (trainedUntilMs?: number) => ({
  state: place.state,
  reference: async (version: number) => ({ ...testReference(version), testAuc: 0.9, trainedUntilMs }),
  ...{ clock, log: silentLog },
});
const dayEnd = (day: number) => firstDayMs + day * dayMs;

/** Days of 300 predictions whose AUC and whose distribution of rates are as told. */
async function days(kinds: { good: boolean; shifted: boolean }[]): Promise<void> {
  const random = seeded(11);
  const monitor = await place.open();
  let number = 0;
  for (const [day, { good, shifted }] of kinds.entries()) {
    const asks: Ask[] = [];
    const truths: Truth[] = [];
    for (let i = 0; i < 300; i++) {
      const late = random() < 0.4;
      const score = good ? (late ? 0.5 : 0.1) + random() * 0.45 : random();
      const timeMs = dayEnd(day) + i * 1_000;
      const key = String(number++);
      asks.push({ key, timeMs, version: 1, score, rate: shifted ? random() ** 4 : random(), origin: i % 3 });
      truths.push({ key, timeMs: timeMs + 3_600_000, late });
    }
    await place.commit(asks, truths, monitor);
    await monitor.closeDay(dayEnd(day + 1));
  }
}
const still = { good: true, shifted: false };
const ask = (when: PolicyTrigger[], day: number, atMostEvery?: "3d" | "14d") =>
  evaluatePolicy(services(), { endpoint: watched(when, {}, atMostEvery), dayEndMs: dayEnd(day) });

describe("triggers", () => {
  test("stay quiet while the inputs and the AUC are as in training", async () => {
    await days([still, still, still, still]);
    const found = await ask([drift.psi.above(0.3), decay.auc.below("champion", { by: 0.02, over: "3d" })], 4);
    expect(found!.decision).toBeUndefined();
    expect(found!.results.map(({ kind, status }) => `${kind} ${status}`)).toEqual(["drift passed", "decay passed"]);
  });

  test("fire for drift over the window they name, made of the profiles of its days", async () => {
    await days([still, still, still, { good: true, shifted: true }]);
    const features = ["from_origin.late_rate_1h"];
    expect((await ask([drift.psi.above(0.3, { features })], 3))!.decision).toBeUndefined();
    const found = await ask([drift.psi.above(0.3, { features }), drift.psi.above(0.3, { features, over: "4d" })], 4);
    expect(found!.results.map(({ status }) => status)).toEqual(["failed", "passed"]); // a quarter of the longer window drifted
    expect(found!.results.map(({ details }) => details["rows"])).toEqual([300, 1_200]);
    expect(found!.decision!.reasons).toHaveLength(1);
    expect(found!.decision).toMatchObject({ state: "pending", atMs: dayEnd(4), version: 1, flow: "late-arrival", runId: null });
  });

  test("fire for decay against the champion's test AUC once the window is full", async () => {
    const bad = { good: false, shifted: false };
    await days([bad, bad, bad, bad]);
    const policy = [decay.auc.below("champion", { by: 0.02, over: "3d" })];
    const early = await ask(policy, 2);
    expect(early!.results[0]).toMatchObject({ status: "inconclusive", reason: "Version 1 has not answered for 3d yet." });
    const found = await ask(policy, 3);
    expect(found!.results[0]!.status).toBe("failed");
    expect(found!.decision!.reasons[0]!.reason).toMatch(/^The live AUC over 3d is 0\.\d+ \(900 rows\), below the champion's 0\.9 - 0\.02\.$/);
  });

  test("rest after a decision, and after the champion was made, in event time", async () => {
    await days(Array.from({ length: 5 }, () => ({ good: true, shifted: true })));
    const policy = [drift.psi.above(0.3)];
    const decided: number[] = [];
    for (const day of [1, 2, 3, 4, 5]) if ((await ask(policy, day, "3d"))!.decision) decided.push(day);
    expect(decided).toEqual([3]); // three days after the first prediction, then three days after the decision
    expect(await evaluatePolicy(services(), { endpoint: watched(policy), dayEndMs: dayEnd(5) })).toMatchObject({ restUntilMs: dayEnd(6) });
  });

  test("count the rest from the end of the champion's data where it is known", async () => {
    await days([{ good: true, shifted: true }]);
    const endpoint = watched([drift.psi.above(0.3)], {}, "14d");
    const found = await evaluatePolicy(services(dayEnd(-13)), { endpoint, dayEndMs: dayEnd(1) });
    expect(found!.decision).toBeDefined();
  });

  test("are asked once a day: a later call gives back the same decision", async () => {
    await days([still, still, still, { good: true, shifted: true }]);
    const first = await ask([drift.psi.above(0.3)], 4);
    expect(await ask([drift.psi.above(0.9)], 4)).toEqual(first);
    expect(await listDecisions(place.state, "late-arrival")).toEqual([first!.decision]);
  });

  test("say nothing of an endpoint that does not learn again, or of a day that nothing is known of", async () => {
    expect(await evaluatePolicy(services(), { endpoint: { name: "late-arrival" }, dayEndMs: dayEnd(1) })).toBeUndefined();
    expect(await ask([drift.psi.above(0.3)], 1)).toBeUndefined();
  });
});

describe("a retraining", () => {
  async function decided(): Promise<Decision> {
    await days([still, still, still, { good: true, shifted: true }]);
    return (await ask([drift.psi.above(0.3)], 4))!.decision!;
  }

  /** Work of an own process on the ledger. */
  function workOf(calls: string[]): { work: RetrainingWork; ledger: ReturnType<typeof openLedger> } {
    const ledger = openLedger({ database: place.state, clock });
    const work: RetrainingWork = {
      async beforeFlow() {
        calls.push("before");
      },
      async startFlow(wanted, params, { cause, resume, onStart }) {
        calls.push(`flow ${resume === "new" ? "new" : "resumed"}`);
        const result = await runFlow({
          ledger,
          flow: wanted,
          params,
          cause,
          resume,
          onEvent: (event) => event.type === "run-started" && onStart(event.runId),
        });
        return { runId: result.runId, result: result.result };
      },
    };
    return { work, ledger };
  }

  async function carryOut(decision: Decision, definition = watched([drift.psi.above(0.3)]), calls: string[] = []): Promise<Decision> {
    const { work, ledger } = workOf(calls);
    return runRetraining({ state: place.state, ledger, clock, log: silentLog }, definition, decision, work);
  }

  test("runs the endpoint's flow up to the moment of the decision, and writes down what came of it", async () => {
    const decision = await decided();
    const calls: string[] = [];
    const done = await carryOut(decision, watched([drift.psi.above(0.3)], { trials: 0 }), calls);
    expect(calls).toEqual(["before", "flow new"]);
    const [run] = await listRuns(openLedger({ database: place.state, clock }));
    expect(run).toMatchObject({ flow: "late-arrival", params: { until: "2001-06-05T00:00:00.000Z", trials: 0 }, status: "succeeded" });
    expect(run!.cause).toContain(decision.id);
    expect(run!.cause).toContain("drifted");
    expect(done).toMatchObject({
      state: "done",
      runId: run!.id,
      error: null,
      outcome: { promoted: true, version: 2, previous: 1, metrics: { auc: 0.8 } },
    });
    expect(await carryOut(decision, undefined, calls)).toEqual(done);
    expect(calls).toHaveLength(2); // finished: nothing runs again
    expect(await countDecisions(place.state)).toEqual([{ endpoint: "late-arrival", trigger: "drift", result: "promoted", count: 1 }]);
  });

  test("whose flow fails is failed with the reason, keeps its rest, and is not run again", async () => {
    const decision = await decided();
    const failing = flow("late-arrival", { until: "" }, async () => {
      throw new Error("no rows to learn from");
    });
    const done = await carryOut(decision, watched([drift.psi.above(0.3)], {}, "3d", failing));
    expect(done).toMatchObject({ state: "failed", outcome: null });
    expect(done.error).toContain("no rows to learn from");
    expect(done.runId).not.toBeNull();
    expect(await openDecisions(place, "late-arrival")).toEqual([]);
    await place.commit([], []);
    const monitor = await place.open();
    await monitor.closeDay(dayEnd(5));
    expect(await ask([drift.psi.above(0.3)], 5)).toMatchObject({ decision: undefined, restUntilMs: dayEnd(7) });
  });

  test("that promotes nothing is done, not failed", async () => {
    const decision = await decided();
    const rejected = flow("late-arrival", { until: "" }, async () => registered(false));
    expect(await carryOut(decision, watched([drift.psi.above(0.3)], {}, "3d", rejected))).toMatchObject({
      state: "done",
      outcome: { promoted: false, verdict: "failed" },
    });
  });

  test("whose flow registers no version is done without an outcome", async () => {
    const without = flow("late-arrival", { until: "" }, async () => "looked around");
    const done = await carryOut(await decided(), watched([drift.psi.above(0.3)], {}, "3d", without));
    expect(done).toMatchObject({ state: "done", outcome: null, error: null });
  });

  test("that was cancelled stays open and takes up the same run", async () => {
    const decision = await decided();
    let runs = 0;
    const controller = new AbortController();
    const slow = flow("late-arrival", { until: "" }, async (step) => {
      await step.run("first", {}, async () => ++runs);
      if (runs === 1 && !controller.signal.aborted) controller.abort();
      await step.run("second", {}, async () => "done");
      return registered(true);
    });
    const definition = watched([drift.psi.above(0.3)], {}, "3d", slow);
    const first = workOf([]);
    const work: RetrainingWork = {
      ...first.work,
      startFlow: (wanted, params, { cause, resume, onStart }) =>
        runFlow({
          ledger: first.ledger,
          flow: wanted,
          params,
          cause,
          resume,
          signal: controller.signal,
          onEvent: (event) => event.type === "run-started" && onStart(event.runId),
        }),
    };
    await expect(
      runRetraining({ state: place.state, ledger: first.ledger, clock, log: silentLog }, definition, decision, work),
    ).rejects.toMatchObject({ code: "cancelled" });
    const [open] = await openDecisions(place, "late-arrival");
    expect(open).toMatchObject({ id: decision.id, state: "running" });
    const calls: string[] = [];
    const done = await carryOut(open!, definition, calls);
    expect(calls).toEqual(["before", "flow resumed"]);
    expect(done.state).toBe("done");
    const all = await listRuns(openLedger({ database: place.state, clock }));
    expect(all.map(({ id }) => id)).toEqual([done.runId]);
    expect(runs).toBe(1); // the finished step was not run a second time
  });

  test("whose run ended for want of disk stays open, and another run does the work once there is room", async () => {
    const decision = await decided();
    let full = true;
    const writing = flow("late-arrival", { until: "" }, async (step) => {
      await step.run("write", {}, async () => {
        if (full) throw new AppError("storage_full", "The disk is full: no space left on device.");
        return "done";
      });
      return registered(true);
    });
    const definition = watched([drift.psi.above(0.3)], {}, "3d", writing);
    await expect(carryOut(decision, definition, [])).rejects.toMatchObject({ code: "storage_full" });
    const [open] = await openDecisions(place, "late-arrival");
    expect(open).toMatchObject({ id: decision.id, state: "running" });
    full = false;
    const done = await carryOut(open!, definition, []);
    expect(done).toMatchObject({ state: "done", outcome: { promoted: true } });
    const all = await listRuns(openLedger({ database: place.state, clock }));
    expect(all.map(({ status }) => status).toSorted()).toEqual(["failed", "succeeded"]);
  });

  test("whose process died after the run succeeded takes the run's result, and runs nothing", async () => {
    const decision = await decided();
    const definition = watched([drift.psi.above(0.3)]);
    const { work, ledger } = workOf([]);
    // The process dies between the run's end and the decision's: what it would write afterwards is lost.
    let dead = false;
    const state = {
      ...place.state,
      write: <R>(job: Parameters<typeof place.state.write<R>>[0]) => (dead ? new Promise<R>(() => undefined) : place.state.write(job)),
    };
    const started = new Promise<void>((resolve) => {
      const dying: RetrainingWork = {
        ...work,
        async startFlow(wanted, params, options) {
          const result = await work.startFlow(wanted, params, options);
          dead = true;
          resolve();
          return result;
        },
      };
      void runRetraining({ state, ledger, clock, log: silentLog }, definition, decision, dying);
    });
    await started;
    const [open] = await openDecisions(place, "late-arrival");
    const calls: string[] = [];
    const done = await carryOut(open!, definition, calls);
    expect(calls).toEqual([]);
    expect(done).toMatchObject({ state: "done", outcome: { promoted: true } });
    expect(await listRuns(openLedger({ database: place.state, clock }))).toHaveLength(1);
  });

  test("whose project has changed in the meantime begins a run of the new code", async () => {
    const decision = await decided();
    const controller = new AbortController();
    const stopping = flow("late-arrival", { until: "" }, async (step) => {
      controller.abort();
      await step.run("never", {}, async () => 1);
      return registered(true);
    });
    const first = workOf([]);
    const work: RetrainingWork = {
      ...first.work,
      startFlow: (wanted, params, { cause, resume }) =>
        runFlow({ ledger: first.ledger, flow: wanted, params, cause, resume, signal: controller.signal }),
    };
    const before = watched([drift.psi.above(0.3)], {}, "3d", stopping);
    await expect(runRetraining({ state: place.state, ledger: first.ledger, clock, log: silentLog }, before, decision, work)).rejects.toMatchObject({
      code: "cancelled",
    });
    const calls: string[] = [];
    const done = await carryOut(decision, watched([drift.psi.above(0.3)]), calls);
    expect(calls).toEqual(["before", "flow resumed", "flow new"]);
    expect(done.state).toBe("done");
  });

  test("is listed with its reasons and what came of it", async () => {
    const decision = await decided();
    const done = await carryOut(decision);
    const [list] = retrainingRoutes;
    const answer = await list!.handle(
      { retraining: { state: place.state } },
      { endpoint: "late-arrival" },
      { actor: { name: "t", permissions: new Set() }, requestId: "r", signal: new AbortController().signal },
    );
    expect(answer).toEqual({ retrainings: [done] });
    expect(list!.output!.parse(answer)).toEqual(answer);
  });
});
