import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import { fixedClock } from "#kit/clock";
import { sql } from "#kit/sql";
import type { Database } from "#ports/database";
import { flow } from "./define.ts";
import { events, getRun, listRuns, openLedger, reclaim, type Ledger } from "./ledger.ts";
import { pipelinesMigrations } from "./migrations.ts";
import { runFlow } from "./run-flow.ts";

let database: Database;
let clock: ReturnType<typeof fixedClock>;
beforeEach(async () => {
  database = await openTestState(pipelinesMigrations);
  clock = fixedClock(1_000_000);
});
afterEach(() => database.close());

/** Another process on a database that processes share. */
const worker = (name: string, leaseMs = 10_000, write: Database["write"] = database.write): Ledger => {
  const shared: Database = { ...database, write, capabilities: { ...database.capabilities, sharedByProcesses: true } };
  return openLedger({ database: shared, clock, worker: name, leaseMs });
};

/** A flow of one step that waits to be let go, and that tells when it has begun; whoever runs it. */
function gated() {
  const begun: Record<number, PromiseWithResolvers<AbortSignal>> = { 1: Promise.withResolvers(), 2: Promise.withResolvers() };
  const release: Record<number, PromiseWithResolvers<string>> = { 1: Promise.withResolvers(), 2: Promise.withResolvers() };
  const make = (name: string) =>
    flow(name, {}, (step) =>
      step.run("gated", {}, async (_inputs, context) => {
        context.publish((transaction) => transaction.run(sql`insert into made (attempt) values (${context.attempt})`).then(() => undefined));
        begun[context.attempt]!.resolve(context.signal);
        return release[context.attempt]!.promise;
      }),
    );
  return { begun, release, make, flow: make("gated") };
}

describe("a worker that lost its run", () => {
  it("cannot commit a step that another worker has begun anew", async () => {
    await database.run(sql`create table made (attempt bigint)`);
    const { begun, release, flow } = gated();
    const first = runFlow({ ledger: worker("a"), flow });
    await begun[1]!.promise;
    const [run] = await listRuns(worker("a"));
    clock.advance(10_001); // the first worker is frozen: it does not renew its lease
    const second = runFlow({ ledger: worker("b"), flow, resume: run!.id });
    await begun[2]!.promise;
    release[1]!.resolve("late");
    await expect(first).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("Another worker holds run") });
    release[2]!.resolve("in time");
    expect(await second).toMatchObject({ runId: run!.id, resumed: true, result: "in time" });
    const { steps, status } = await getRun(worker("b"), run!.id);
    expect({ status, steps }).toMatchObject({ status: "succeeded", steps: [{ attempt: 2, worker: "b", output: "in time" }] });
    expect(await database.all(sql`select attempt from made`)).toEqual([{ attempt: 2 }]);
    const ends = (await events(worker("b"), { runId: run!.id })).filter(({ event }) => event.type === "step-finished");
    expect(ends).toHaveLength(1);
  });

  it("hears of it with the next heartbeat, and its step's signal is aborted", async () => {
    await database.run(sql`create table made (attempt bigint)`);
    const { begun, release, flow } = gated();
    const first = runFlow({ ledger: worker("a", 8), flow });
    first.catch(() => undefined);
    const signal = await begun[1]!.promise;
    const [run] = await listRuns(worker("a"));
    await database.run(sql`update pipeline_run set attempt = 2, worker = 'b' where id = ${run!.id}`);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await expect(first).rejects.toMatchObject({ code: "conflict" });
    release[1]!.resolve("dropped");
    expect(await database.all(sql`select attempt from made`)).toEqual([]);
  });
});

describe("a run that another worker holds", () => {
  it("is taken up once its lease has run out", async () => {
    await database.run(sql`create table made (attempt bigint)`);
    const { begun, release, flow } = gated();
    const first = runFlow({ ledger: worker("a"), flow });
    first.catch(() => undefined);
    await begun[1]!.promise;
    const [run] = await listRuns(worker("a"));
    let asked = 0;
    const impatient = worker("b", 10_000, async (work) => {
      const result = await database.write(work);
      if (++asked === 1) clock.advance(10_001); // it finds the run held, and asks again after the lease
      return result;
    });
    release[2]!.resolve("second");
    expect(await runFlow({ ledger: impatient, flow })).toMatchObject({ runId: run!.id, resumed: true, result: "second" });
    expect(asked).toBeGreaterThan(1);
    release[1]!.resolve("late");
    await expect(first).rejects.toMatchObject({ code: "conflict" });
  });

  it("is left to it while it lives: an explicit resume is refused, `last` begins a run of its own", async () => {
    await database.run(sql`create table made (attempt bigint)`);
    const { begun, release, flow } = gated();
    const first = runFlow({ ledger: worker("a"), flow });
    await begun[1]!.promise;
    const [run] = await listRuns(worker("a"));
    const renewing = () => {
      let asked = 0;
      return worker("b", 10_000, async (work) => {
        const result = await database.write(work);
        if (++asked === 1) await database.run(sql`update pipeline_run set lease_until_ms = lease_until_ms + 1 where id = ${run!.id}`);
        return result;
      });
    };
    await expect(runFlow({ ledger: renewing(), flow, resume: run!.id })).rejects.toMatchObject({ code: "conflict" });
    const onEvent = () => release[1]!.resolve("first");
    const own = await runFlow({ ledger: renewing(), flow, onEvent });
    expect(own).toMatchObject({ resumed: false, result: "first", steps: { cached: 1, ran: 0 } });
    expect(own.runId).not.toBe(run!.id);
    expect((await first).runId).toBe(run!.id);
  });
});

describe("a step whose key another worker runs", () => {
  it("waits for that one and takes its output", async () => {
    await database.run(sql`create table made (attempt bigint)`);
    const { begun, release, make } = gated();
    const first = runFlow({ ledger: worker("a"), flow: make("one") });
    await begun[1]!.promise;
    const waits: string[] = [];
    const second = await runFlow({
      ledger: worker("b"),
      flow: make("two"),
      onEvent(event) {
        if (event.type !== "step-progress") return;
        waits.push(event.text!);
        release[1]!.resolve("made once");
      },
    });
    expect(second).toMatchObject({ result: "made once", steps: { ran: 0, cached: 1 } });
    expect(waits[0]).toBe(`waiting for gated of run ${(await first).runId}`);
  });

  it("runs itself when that worker's lease runs out", async () => {
    await database.run(sql`create table made (attempt bigint)`);
    let ran = 0;
    const begun = Promise.withResolvers<void>();
    const never = new Promise<never>(() => undefined);
    const make = (name: string) =>
      flow(name, {}, (step) =>
        step.run("half", {}, async () => {
          begun.resolve();
          return ++ran === 1 ? never : "made";
        }),
      );
    const dead = new AbortController();
    const first = runFlow({ ledger: worker("a"), flow: make("one"), signal: dead.signal });
    first.catch(() => undefined);
    await begun.promise;
    const onEvent = (event: { type: string }) => void (event.type === "step-progress" && clock.advance(10_001));
    expect(await runFlow({ ledger: worker("b"), flow: make("two"), onEvent })).toMatchObject({ result: "made", steps: { ran: 1 } });
    dead.abort();
    await expect(first).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("several workers at once", () => {
  it("run many steps beside each other, and those with equal keys once", async () => {
    const ran: string[] = [];
    const many = flow("many", { who: "" }, (step, { who }) =>
      Promise.all(
        Array.from({ length: 12 }, (_, i) => {
          const input = i < 6 ? `own ${who}${i}` : `common ${i}`;
          return step.run("one", { input }, async () => ran.push(input));
        }),
      ),
    );
    const names = ["a", "b", "c"];
    const results = await Promise.all(names.map((who) => runFlow({ ledger: worker(who), flow: many, params: { who } })));
    expect(new Set(ran).size).toBe(ran.length);
    expect(ran).toHaveLength(3 * 6 + 6);
    for (const { result } of results) expect(result).toHaveLength(12);
  });
});

it("events of a shared database are told when none can come before them any more", async () => {
  await runFlow({ ledger: worker("a"), flow: flow("quick", {}, async () => 1) });
  expect(await events(worker("a"))).toEqual([]);
  clock.advance(5_000);
  expect((await events(worker("a"))).map(({ event }) => event.type)).toEqual(["run-started", "run-finished"]);
});

describe("what a dead process left", () => {
  it("is interrupted at once where one process holds the project, and after the lease where several share it", async () => {
    await database.run(sql`create table made (attempt bigint)`);
    const { begun, release, flow } = gated();
    const first = runFlow({ ledger: worker("a"), flow });
    first.catch(() => undefined);
    await begun[1]!.promise;
    expect(await reclaim(worker("b"))).toEqual({ runs: 0, steps: 0 });
    expect((await listRuns(worker("b"))).map(({ status }) => status)).toEqual(["running"]);
    clock.advance(10_001);
    expect((await listRuns(worker("b"), { status: "interrupted" })).map(({ status }) => status)).toEqual(["interrupted"]);
    clock.advance(-10_001);
    const embedded: Database = { ...database, capabilities: { ...database.capabilities, sharedByProcesses: false } };
    const next = openLedger({ database: embedded, clock, worker: "next" });
    expect(await reclaim(next)).toEqual({ runs: 1, steps: 1 });
    const [run] = await listRuns(next);
    expect(run!.status).toBe("interrupted");
    release[2]!.resolve("again");
    expect(await runFlow({ ledger: next, flow })).toMatchObject({ runId: run!.id, resumed: true, result: "again" });
    release[1]!.resolve("late");
    await expect(first).rejects.toMatchObject({ code: "conflict" });
  });

  it("does not stop a slow worker that nobody has replaced", async () => {
    await database.run(sql`create table made (attempt bigint)`);
    const { begun, release, flow } = gated();
    const slow = runFlow({ ledger: worker("a"), flow });
    await begun[1]!.promise;
    clock.advance(10_001);
    expect(await reclaim(worker("b"))).toEqual({ runs: 1, steps: 1 });
    release[1]!.resolve("slow but right");
    expect(await slow).toMatchObject({ result: "slow but right" });
    expect((await listRuns(worker("b")))[0]).toMatchObject({ status: "succeeded", attempt: 1 });
  });
});
