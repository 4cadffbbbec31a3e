import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import { AppError } from "#kit/app-error";
import { sql } from "#kit/sql";
import type { Database } from "#ports/database";
import { defineStep, flow, flowWith, type AnyStepKind, type StepsOf, type StepTools } from "./define.ts";
import { events, getRun, listRuns, openLedger, type Ledger } from "./ledger.ts";
import { pipelinesMigrations } from "./migrations.ts";
import type { RunEvent } from "./model.ts";
import { runFlow } from "./run-flow.ts";

let database: Database;
let ledger: Ledger;
beforeEach(async () => {
  database = await openTestState(pipelinesMigrations);
  ledger = openLedger({ database });
});
afterEach(() => database.close());

/** A step kind that counts how often it ran. */
function counted() {
  const ran: number[] = [];
  const kinds = {
    double: defineStep({
      name: "double",
      label: "double",
      version: 1,
      run: async (_context, value: number) => {
        ran.push(value);
        return { value: value * 2 };
      },
      describe: (output) => `gave ${output.value}`,
    }),
  } satisfies Record<string, AnyStepKind>;
  return { kinds, ran, flow: flowWith<StepTools & StepsOf<typeof kinds>>() };
}

describe("a flow that runs", () => {
  it("gives back its result, and the ledger shows each step with its output, summary and cost", async () => {
    const { kinds, flow } = counted();
    const sum = flow("sum", { from: 1 }, async (step, { from }) => {
      const [a, b] = await Promise.all([step.double(from), step.double(from + 1)]);
      return step.run("add", { a, b }, async (inputs) => inputs.a.value + inputs.b.value);
    });
    const { runId, result, resumed, steps } = await runFlow({ ledger, flow: sum, steps: kinds, params: { from: 3 }, cause: "test" });
    expect({ result, resumed, steps }).toEqual({ result: 14, resumed: false, steps: { ran: 3, cached: 0 } });
    const run = await getRun(ledger, runId);
    expect(run).toMatchObject({ flow: "sum", params: { from: 3 }, status: "succeeded", attempt: 1, result: 14, cause: "test", error: null });
    expect(run.steps.map(({ id, index, state, output, summary }) => ({ id, index, state, output, summary }))).toEqual([
      { id: "double", index: 0, state: "succeeded", output: { value: 6 }, summary: "gave 6" },
      { id: "double#2", index: 1, state: "succeeded", output: { value: 8 }, summary: "gave 8" },
      { id: "add", index: 2, state: "succeeded", output: 14, summary: null },
    ]);
    for (const step of run.steps) expect(step.cost!.peakRssBytes).toBeGreaterThan(1_000_000);
    expect(run.cost.wallMs).toBeGreaterThan(0);
  });

  it("takes outputs of equal keys from any earlier run, and runs what changed", async () => {
    const { kinds, flow, ran } = counted();
    const make = (name: string) => flow(name, { values: [1, 2] }, async (step, { values }) => Promise.all(values.map((value) => step.double(value))));
    const first = await runFlow({ ledger, flow: make("first"), steps: kinds });
    const second = await runFlow({ ledger, flow: make("second"), steps: kinds, params: { values: [2, 3] } });
    expect(second.result).toEqual([{ value: 4 }, { value: 6 }]);
    expect(second.steps).toEqual({ ran: 1, cached: 1 });
    expect(ran).toEqual([1, 2, 3]);
    const { steps } = await getRun(ledger, second.runId);
    expect(steps[0]).toMatchObject({
      state: "cached",
      cachedFrom: { runId: first.runId, stepId: "double#2" },
      output: { value: 4 },
      summary: "gave 4",
    });
  });

  it("ignores the cache when asked to, for a run or a step", async () => {
    const { kinds, flow, ran } = counted();
    const both = flow("both", {}, async (step) => [await step.double(1), await step.with({ fresh: true }).double(2)]);
    await runFlow({ ledger, flow: both, steps: kinds });
    await runFlow({ ledger, flow: both, steps: kinds });
    expect(ran).toEqual([1, 2, 2]);
    await runFlow({ ledger, flow: both, steps: kinds, fresh: true });
    expect(ran).toEqual([1, 2, 2, 1, 2]);
  });

  it("runs equal calls of one moment once, within a run and between runs", async () => {
    let ran = 0;
    const same = flow("same", { who: "a" }, async (step) => {
      const slow = () =>
        step.run("slow", { n: 1 }, async () => {
          ran++;
          await new Promise((resolve) => setImmediate(resolve));
          return 7;
        });
      return Promise.all([slow(), slow(), slow()]);
    });
    const results = await Promise.all([runFlow({ ledger, flow: same }), runFlow({ ledger, flow: same, params: { who: "b" } })]);
    expect(ran).toBe(1);
    expect(results.map(({ result }) => result)).toEqual([
      [7, 7, 7],
      [7, 7, 7],
    ]);
    expect((await getRun(ledger, results[0].runId)).steps.map(({ id }) => id)).toEqual(["slow", "slow#2", "slow#3"]);
  });

  it("runs a step again when what its output refers to is gone", async () => {
    const stored = new Set<string>();
    let made = 0;
    const kinds = {
      store: defineStep({
        name: "store",
        label: "store",
        version: 1,
        run: async () => {
          const blob = `blob-${++made}`;
          stored.add(blob);
          return { blob };
        },
        intact: async ({ blob }) => stored.has(blob),
      }),
    };
    const storing = flowWith<StepTools & StepsOf<typeof kinds>>()("storing", {}, (step) => step.store());
    const results = [];
    for (let i = 0; i < 2; i++) results.push((await runFlow({ ledger, flow: storing, steps: kinds })).result.blob);
    stored.clear();
    for (let i = 0; i < 2; i++) results.push((await runFlow({ ledger, flow: storing, steps: kinds })).result.blob);
    expect(results).toEqual(["blob-1", "blob-1", "blob-2", "blob-2"]);
  });

  it("takes the parts of the environment into the key that the kind names", async () => {
    let ran = 0;
    const kinds = { env: defineStep({ name: "env", label: "env", version: 1, environment: ["python"], run: async () => ++ran }) };
    const using = flowWith<StepTools & StepsOf<typeof kinds>>()("using", {}, (step) => step.env());
    for (const environment of [{ python: "3.11" }, { python: "3.11", node: "24" }, { python: "3.12" }]) {
      await runFlow({ ledger, flow: using, steps: kinds, environment });
    }
    expect(ran).toBe(2);
  });

  it("tells what happens, and keeps all but the progress", async () => {
    const seen: RunEvent[] = [];
    const told = flow("told", {}, (step) =>
      step.run("work", {}, async (_inputs, { progress }) => {
        progress("half way");
        progress(0.5);
        return 1;
      }),
    );
    await runFlow({ ledger, flow: told, onEvent: (event) => seen.push(event) });
    expect(seen.map(({ type }) => type)).toEqual(["run-started", "step-started", "step-progress", "step-progress", "step-finished", "run-finished"]);
    expect(seen[3]).toMatchObject({ stepId: "work", fraction: 0.5, text: "half way" });
    const { runId } = await runFlow({ ledger, flow: told });
    const all = await events(ledger, { runId });
    expect(all.map(({ event }) => event)).toMatchObject([
      { type: "run-started", flow: "told", attempt: 1 },
      { type: "step-finished", stepId: "work", state: "cached" },
      { type: "run-finished", status: "succeeded" },
    ]);
    expect(await events(ledger, { runId, since: all[0]!.id, limit: 1 })).toEqual([all[1]]);
  });

  it("keeps a step's output and what it publishes together or not at all", async () => {
    await database.run(sql`create table version (name text primary key)`);
    const names = async () => (await database.all<{ name: string }>(sql`select name from version order by name`)).map(({ name }) => name);
    const publish = flow("publish", { name: "a", fail: false }, (step, params) =>
      step.run("register", params, async ({ name, fail }, context) => {
        context.publish(async (transaction) => {
          await transaction.run(sql`insert into version (name) values (${name})`);
          if (fail) throw new AppError("conflict", "no");
        });
        return name;
      }),
    );
    await runFlow({ ledger, flow: publish });
    await expect(runFlow({ ledger, flow: publish, params: { name: "b", fail: true } })).rejects.toMatchObject({ code: "conflict", message: "no" });
    expect(await names()).toEqual(["a"]);
    expect((await getRun(ledger, (await listRuns(ledger))[0]!.id)).steps[0]).toMatchObject({ state: "failed", output: undefined });
    await runFlow({ ledger, flow: publish, params: { name: "b" } });
    expect(await names()).toEqual(["a", "b"]);
  });

  it("gives a step a scratch folder and removes it afterwards, also when it fails", async () => {
    const folders: string[] = [];
    const scratching = flow("scratching", { fail: false }, (step, params) =>
      step.run("write/it", params, async ({ fail }, context) => {
        const folder = await context.scratch();
        folders.push(folder);
        await writeFile(join(folder, "file"), "text");
        if (fail) throw new Error("no");
        return 1;
      }),
    );
    await runFlow({ ledger, flow: scratching });
    await expect(runFlow({ ledger, flow: scratching, params: { fail: true } })).rejects.toThrow("no");
    expect(folders).toHaveLength(2);
    expect(folders.map((folder) => existsSync(folder))).toEqual([false, false]);
  });

  it("limits how many steps run at the same time", async () => {
    let running = 0;
    let most = 0;
    const three = Promise.withResolvers<void>();
    const wide = flow("wide", {}, (step) =>
      Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          step.run("one", { i }, async () => {
            most = Math.max(most, ++running);
            if (running === 3) three.resolve();
            await three.promise; // however long each takes to begin
            await new Promise((resolve) => setImmediate(resolve));
            running--;
          }),
        ),
      ),
    );
    await runFlow({ ledger, flow: wide, parallel: 3 });
    expect(most).toBe(3);
  });
});

describe("a flow that goes wrong", () => {
  it("names the step that failed, keeps what had finished, and takes up the same run", async () => {
    let broken = true;
    const ran: string[] = [];
    const build = flow("build", {}, async (step) => {
      const one = await step.run("one", {}, async () => ran.push("one"));
      return step.run("two", { one }, async () => {
        ran.push("two");
        if (broken) throw new Error("no such column");
        return "done";
      });
    });
    await expect(runFlow({ ledger, flow: build })).rejects.toMatchObject({ code: "step_failed", message: "Step two failed: no such column" });
    const [failed] = await listRuns(ledger, { status: "failed" });
    expect(failed!.error).toMatchObject({
      code: "step_failed",
      message: "Step two failed: no such column",
      stack: expect.stringContaining("run-flow.test.ts"),
    });
    broken = false;
    const { runId, resumed, result } = await runFlow({ ledger, flow: build });
    expect({ runId, resumed, result }).toEqual({ runId: failed!.id, resumed: true, result: "done" });
    expect(ran).toEqual(["one", "two", "two"]);
    const run = await getRun(ledger, runId);
    expect(run).toMatchObject({ status: "succeeded", attempt: 2, error: null });
    expect(run.steps).toMatchObject([
      { id: "one", attempt: 1, state: "succeeded" },
      { id: "two", attempt: 2, state: "succeeded", error: null },
    ]);
  });

  it("lets a caught error be a branch", async () => {
    const careful = flow("careful", {}, async (step) => {
      try {
        return await step.run("risky", {}, async () => Promise.reject(new AppError("gate_failed", "below 0.7")));
      } catch (error) {
        return step.run("fallback", { because: (error as AppError).code }, async ({ because }) => `fallback for ${because}`);
      }
    });
    const { result, runId } = await runFlow({ ledger, flow: careful });
    expect(result).toBe("fallback for gate_failed");
    expect((await getRun(ledger, runId)).steps.map(({ state }) => state)).toEqual(["failed", "succeeded"]);
  });

  it("lets the others finish when one of several parallel steps fails, and starts nothing after them", async () => {
    const late = Promise.withResolvers<void>();
    const afterwards: string[] = [];
    const parallel = flow("parallel", {}, async (step) => {
      const slow = step.run("slow", {}, async () => {
        await late.promise;
        return 1;
      });
      const chain = slow.then(() => step.run("next", {}, async () => afterwards.push("next")));
      const failing = step.run("failing", {}, async () => Promise.reject(new Error("no")));
      return Promise.all([slow, failing, chain]);
    });
    const running = runFlow({
      ledger,
      flow: parallel,
      onEvent: (event) => event.type === "step-finished" && event.stepId === "failing" && late.resolve(),
    });
    await expect(running).rejects.toMatchObject({ message: "Step failing failed: no" });
    expect(afterwards).toEqual([]);
    const [run] = await listRuns(ledger);
    expect((await getRun(ledger, run!.id)).steps).toMatchObject([
      { id: "slow", state: "succeeded", output: 1 },
      { id: "failing", state: "failed" },
    ]);
  });

  it("fails the run when a step that was not awaited fails", async () => {
    const forgetful = flow("forgetful", {}, async (step) => {
      void step.run("forgotten", {}, async () => Promise.reject(new Error("lost")));
      return 1;
    });
    await expect(runFlow({ ledger, flow: forgetful })).rejects.toThrow("Step forgotten failed: lost");
  });

  it("refuses a step that is called after the run has ended", async () => {
    let kept: StepTools | undefined;
    await runFlow({ ledger, flow: flow("leaky", {}, async (step) => void (kept = step)) });
    await expect(kept!.run("late", {}, async () => 1)).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("after run") });
  });

  it("refuses a step inside a step, and two steps with one id", async () => {
    const nested = flow("nested", {}, (step) => step.run("outer", {}, () => step.run("inner", {}, async () => 1)));
    await expect(runFlow({ ledger, flow: nested })).rejects.toThrow("Step inner was called inside step outer");
    const twice = flow("twice", {}, (step) => Promise.all([1, 2].map((i) => step.with({ id: "same" }).run("x", { i }, async () => i))));
    await expect(runFlow({ ledger, flow: twice })).rejects.toThrow("have the id same");
  });

  it("tries again as often as asked, but not after errors that no further try can mend", async () => {
    const attempts: number[] = [];
    const flaky = flow("flaky", { code: "unavailable" as "unavailable" | "invalid_argument" }, (step, { code }) =>
      step.with({ retry: { times: 2, delayMs: 0 } }).run("call", { code }, async (_inputs, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 3) throw new AppError(code, "not yet");
        return attempt;
      }),
    );
    expect((await runFlow({ ledger, flow: flaky })).result).toBe(3);
    expect(attempts.splice(0)).toEqual([1, 2, 3]);
    await expect(runFlow({ ledger, flow: flaky, params: { code: "invalid_argument" } })).rejects.toThrow("not yet");
    expect(attempts).toEqual([1]);
  });

  it("gives up an attempt that runs out of time and aborts its signal", async () => {
    const reasons: unknown[] = [];
    const slow = flow("slow", {}, (step) =>
      step.with({ timeoutMs: 1 }).run("sleep", {}, (_inputs, { signal }) => {
        return new Promise((resolve) =>
          signal.addEventListener("abort", () => {
            reasons.push(signal.reason);
            resolve("too late");
          }),
        );
      }),
    );
    await expect(runFlow({ ledger, flow: slow })).rejects.toMatchObject({ code: "step_failed", message: "Step sleep did not end within 1 ms." });
    expect(reasons).toHaveLength(1);
  });

  it("cancels: signals are aborted, nothing more starts, the run can be taken up", async () => {
    const controller = new AbortController();
    let aborted = false;
    const cancellable = flow("cancellable", {}, async (step) => {
      const one = await step.run("one", {}, async () => 1);
      await step.run("two", { one }, async (_inputs, { signal }) => {
        if (controller.signal.aborted) return;
        signal.addEventListener("abort", () => (aborted = true));
        controller.abort();
        await new Promise(() => undefined); // deaf to the signal
      });
      return step.run("three", {}, async () => 3);
    });
    await expect(runFlow({ ledger, flow: cancellable, signal: controller.signal })).rejects.toMatchObject({ code: "cancelled" });
    expect(aborted).toBe(true);
    const [run] = await listRuns(ledger, { status: "cancelled" });
    expect((await getRun(ledger, run!.id)).steps.map(({ state }) => state)).toEqual(["succeeded", "cancelled"]);
    expect(await runFlow({ ledger, flow: cancellable })).toMatchObject({ runId: run!.id, resumed: true, result: 3 });
  });

  it("refuses outputs that JSON would change, and says where", async () => {
    const bad = (output: unknown) =>
      runFlow({ ledger, flow: flow("bad", {}, (step) => step.run("make", { n: String(output) }, async () => output)) });
    await expect(bad({ metrics: { auc: NaN } })).rejects.toThrow("The output of step make cannot be kept: metrics.auc is NaN");
    await expect(bad([new Map()])).rejects.toThrow("0 is a Map");
    await expect(bad("x".repeat(2_000_000))).rejects.toThrow("1.9 MB");
  });

  it("refuses parameters that the flow does not have, or of another type", async () => {
    const typed = flow("typed", { trees: 100 }, async () => 1);
    await expect(runFlow({ ledger, flow: typed, params: { leaves: 3 } as object })).rejects.toThrow(
      "Flow typed has no parameter `leaves` (it has: trees)",
    );
    await expect(runFlow({ ledger, flow: typed, params: { trees: "9" } as unknown as { trees: number } })).rejects.toThrow(
      "is a number, not a string",
    );
  });
});
