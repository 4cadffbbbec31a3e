import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import { fixedClock } from "#kit/clock";
import type { Database } from "#ports/database";
import { defineStep, flowWith, type StepsOf, type StepTools } from "./define.ts";
import { openLedger, type Ledger } from "./ledger.ts";
import { pipelinesMigrations } from "./migrations.ts";
import { runFlow } from "./run-flow.ts";
import { why } from "./why.ts";

let database: Database;
let ledger: Ledger;
let clock: ReturnType<typeof fixedClock>;
beforeEach(async () => {
  database = await openTestState(pipelinesMigrations);
  clock = fixedClock(1_000_000);
  ledger = openLedger({ database, clock });
});
afterEach(() => database.close());

let failing = false;
const kinds = {
  fit: defineStep({
    name: "fit",
    label: "fit",
    version: 1,
    environment: ["node"],
    run: async (_context, params: { leaves: number; rate: number }, data: { table: string; version: number }) => {
      if (failing) throw new Error("no");
      return { model: `${data.table}-${params.leaves}` };
    },
    key: (params, data) => ({ params, data }),
  }),
};
const train = flowWith<StepTools & StepsOf<typeof kinds>>()("train", { leaves: 31, rate: 0.1, version: 1 }, (step, { leaves, rate, version }) =>
  step.fit({ leaves, rate }, { table: "flights", version }),
);

async function run(params: Partial<typeof train.params> = {}, options: { fresh?: boolean; node?: string; resume?: "new" } = {}) {
  clock.advance(1_000);
  const { runId } = await runFlow({
    ledger,
    flow: train,
    steps: kinds,
    params,
    resume: options.resume ?? "last",
    fresh: options.fresh ?? false,
    environment: { node: options.node ?? "24.1" },
  });
  return { runId, why: await why(ledger, runId, "fit") };
}

describe("why a step ran", () => {
  it("because it was the first of its kind, or was cached", async () => {
    const first = await run();
    expect(first.why).toMatchObject({ reason: "first", other: null, changed: [] });
    const second = await run();
    expect(second.why).toMatchObject({ reason: "cached", other: { runId: first.runId, stepId: "fit" }, changed: [] });
  });

  it("because parts of its key changed against the nearest execution before it", async () => {
    const near = await run({ leaves: 31 });
    await run({ leaves: 63, rate: 0.3 });
    const asked = await run({ leaves: 31, version: 2 });
    expect(asked.why).toMatchObject({ reason: "changed", other: { runId: near.runId }, changed: [{ part: "data.version", before: 1, after: 2 }] });
    const upgraded = await run({ leaves: 63, rate: 0.3 }, { node: "24.2" });
    expect(upgraded.why.changed).toEqual([{ part: "environment.node", before: "24.1", after: "24.2" }]);
  });

  it("because it was asked to, or the execution before had failed", async () => {
    await run();
    expect((await run({}, { fresh: true })).why).toMatchObject({ reason: "asked", changed: [] });
    failing = true;
    await expect(run({ leaves: 7 })).rejects.toThrow();
    failing = false;
    const anew = await run({ leaves: 7 }, { resume: "new" });
    expect(anew.why).toMatchObject({ reason: "unfinished", attempt: 1, changed: [] });
  });

  it("because its own attempt before did not end, if nothing else ran before", async () => {
    failing = true;
    await expect(run()).rejects.toThrow();
    failing = false;
    expect((await run()).why).toMatchObject({ reason: "unfinished", attempt: 2, other: null });
  });

  it("is not found for steps that are not there", async () => {
    await expect(why(ledger, "01J00000000000000000000000", "fit")).rejects.toMatchObject({ code: "not_found" });
  });
});
