import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureExperiment, logMetrics, type RunFilter, searchRuns, startRun, updateRun } from "./index.ts";
import { parseRunQuery } from "./run-query.ts";
import { runQueryText } from "./run-query-text.ts";
import { filters, holdsFor, type PlainRun, plainRuns } from "../../../../../tests/contracts/run-queries.ts";
import { openTestTracking, type TestTracking } from "../../../../../tests/contracts/tracking.ts";

let test: TestTracking;
beforeEach(async () => {
  test = await openTestTracking();
});
afterEach(() => test.close());

async function start({ experimentName, status, metrics, endedMs, actor, ...run }: Omit<PlainRun, "id" | "experiment">): Promise<PlainRun> {
  const { id: experiment } = await ensureExperiment(test.services, experimentName);
  const { id } = await startRun(test.services, { ...run, experiment, ...(actor !== undefined && { actor }) });
  const points = Object.entries(metrics).map(([key, value]) => ({ key, value }));
  if (points.length > 0) await logMetrics(test.services, { run: id, metrics: points });
  if (status !== "running") await updateRun(test.services, { run: id, status, ...(endedMs !== undefined && { endedMs }) });
  return { ...run, id, experiment, experimentName, status, metrics, endedMs, actor };
}

describe("a query", () => {
  it("finds the runs that a plain reading of it finds", async () => {
    let seen = 0;
    let matched = 0;
    await fc.assert(
      fc.asyncProperty(plainRuns(), fc.array(filters(), { minLength: 20, maxLength: 20 }), async (made, asked) => {
        const runs: PlainRun[] = [];
        for (const run of made) runs.push(await start(run));
        const mine: RunFilter = { attribute: "id", op: "in", value: runs.map(({ id }) => id) };
        for (const filter of asked) {
          const query = runQueryText(filter);
          const page = await searchRuns(test.services, { filter: { and: [mine, parseRunQuery(query, { nowMs: 0 })] }, limit: 1_000 });
          const expected = runs.filter((run) => holdsFor(run, filter)).map(({ id }) => id);
          expect(page.runs.map(({ id }) => id).toSorted(), query).toEqual(expected.toSorted());
          seen += runs.length;
          matched += expected.length;
        }
      }),
      { numRuns: 25 },
    );
    expect(matched / seen).toBeGreaterThan(0.1);
    expect(matched / seen).toBeLessThan(0.9);
  });

  it("sees inputs and notes that came after the first search for them", async () => {
    const found = async (query: string) =>
      (await searchRuns(test.services, { filter: parseRunQuery(query, { nowMs: 0 }) })).runs.map(({ name }) => name);
    const run = await test.start({ name: "a", inputs: [{ name: "flights", table: "marts.flights", use: "train" }] });
    expect(await found("inputs.table LIKE 'marts.%' AND inputs.use = train")).toEqual(["a"]);
    expect(await found("weather")).toEqual([]);
    await updateRun(test.services, { run, note: "with weather" });
    await test.start({ name: "b", note: "fine Weather" });
    expect((await found("weather")).toSorted()).toEqual(["a", "b"]);
    expect(await found("note = 'with weather'")).toEqual(["a"]);
    await updateRun(test.services, { run, note: "" });
    expect(await found("weather")).toEqual(["b"]);
    expect(await found("note IS NULL")).toEqual(["a"]);
  });
});
