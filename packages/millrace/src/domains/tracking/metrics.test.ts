import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSqlite } from "#adapters/database/sqlite";
import { getRun, logMetrics, metricHistory, type MetricPoint, type MetricValue, sampleMetric } from "./index.ts";
import { decodeColumns, encodeColumns, mergeColumns, newColumns } from "./metric-columns.ts";
import { readHistory } from "./metric-history.ts";
import { openTestTracking, type TestTracking } from "../../../../../tests/contracts/tracking.ts";

let test: TestTracking;
beforeEach(async () => {
  test = await openTestTracking();
});
afterEach(() => test.close());

async function wholeHistory(run: string, key: string, limit = 10_000): Promise<MetricValue[]> {
  const points: MetricValue[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await metricHistory(test.services, { run, key, limit, ...(cursor !== undefined && { cursor }) });
    points.push(...page.points);
    if (page.nextCursor === undefined) return points;
    cursor = page.nextCursor;
  }
}

describe("metrics", () => {
  it("give back NaN and both infinities, in histories and as latest values", async () => {
    const run = await test.start();
    const values = [0.5, Number.NaN, Infinity, -Infinity, -0.25];
    await logMetrics(test.services, { run, metrics: values.map((value, step) => ({ key: "loss", value, step })) });
    expect((await wholeHistory(run, "loss", 2)).map((point) => point.value)).toEqual(values);
    await logMetrics(test.services, { run, metrics: [{ key: "loss", value: Number.NaN, step: 9 }] });
    expect((await getRun(test.services, run)).metrics).toEqual({ loss: { value: Number.NaN, step: 9, timeMs: 1_000_000 } });
  });

  it("have as latest the greatest step, then time, then value, in whatever order points arrive", async () => {
    const points: MetricPoint[] = [
      { key: "auc", step: 2, timeMs: 10, value: 0.1 },
      { key: "auc", step: 1, timeMs: 99, value: 0.9 },
      { key: "auc", step: 2, timeMs: 11, value: Number.NaN },
      { key: "auc", step: 2, timeMs: 11, value: 0.3 },
      { key: "auc", step: 2, timeMs: 11, value: 0.2 },
    ];
    for (const order of [points, points.toReversed()]) {
      const run = await test.start();
      for (const point of order) await logMetrics(test.services, { run, metrics: [point] });
      expect((await getRun(test.services, run)).metrics["auc"]).toEqual({ step: 2, timeMs: 11, value: 0.3 });
    }
  });

  it("count a point that is logged again once, wherever the first is stored", async () => {
    const run = await test.start();
    const metrics = Array.from({ length: 40_000 }, (_, step) => ({ key: `m${step % 2}`, value: step, step, timeMs: 1 }));
    await logMetrics(test.services, { run, metrics }); // long enough to become segments at once
    await logMetrics(test.services, { run, metrics: metrics.slice(0, 10) }); // stays in the tail
    await logMetrics(test.services, { run, metrics: metrics.slice(0, 10) });
    expect((await wholeHistory(run, "m0")).map((point) => point.step)).toEqual(Array.from({ length: 20_000 }, (_, i) => 2 * i));
  });

  it("keep a history of 100,000 points, complete by pages and sampled with its peaks", async () => {
    const run = await test.start();
    for (let start = 0; start < 100_000; start += 10_000)
      await logMetrics(test.services, {
        run,
        metrics: Array.from({ length: 10_000 }, (_, i) => ({
          key: "loss",
          step: start + i,
          value: start + i === 54_321 ? 1e9 : Math.sin(start + i),
          timeMs: start + i,
        })),
      });
    const points = await wholeHistory(run, "loss", 25_000);
    expect(points).toHaveLength(100_000);
    expect(points[99_999]).toEqual({ step: 99_999, value: Math.sin(99_999), timeMs: 99_999 });
    const buckets = await sampleMetric(test.services, { run, key: "loss", buckets: 100 });
    expect(buckets).toHaveLength(100);
    expect(buckets.reduce((sum, bucket) => sum + bucket.count, 0)).toBe(100_000);
    expect(buckets[54]).toMatchObject({ fromStep: 54_000, toStep: 54_999, count: 1_000, notNumbers: 0, max: { step: 54_321, value: 1e9 } });
    expect(buckets[54]!.last).toEqual(points[54_999]);
    const zoomed = await sampleMetric(test.services, { run, key: "loss", fromStep: 10, toStep: 19, buckets: 500 });
    expect(zoomed.map((bucket) => bucket.last)).toEqual(points.slice(10, 20));
  });

  it("are sampled by equal numbers of points where steps say little", async () => {
    const run = await test.start();
    await logMetrics(test.services, { run, metrics: Array.from({ length: 10 }, (_, i) => ({ key: "m", value: i, step: 0, timeMs: i })) });
    const parts = await sampleMetric(test.services, { run, key: "m", buckets: 4, each: "points" });
    expect(parts.map(({ first, last, count }) => [first.value, last.value, count])).toEqual([
      [0, 2, 3],
      [3, 5, 3],
      [6, 7, 2],
      [8, 9, 2],
    ]);
    expect(await sampleMetric(test.services, { run, key: "m", buckets: 100, each: "points" })).toHaveLength(10);
  });

  it("sample a stretch of NaN without making up values", async () => {
    const run = await test.start();
    await logMetrics(test.services, { run, metrics: [0, 1].map((step) => ({ key: "m", value: Number.NaN, step })) });
    expect(await sampleMetric(test.services, { run, key: "m", buckets: 1 })).toMatchObject([
      { count: 2, notNumbers: 2, min: undefined, max: undefined },
    ]);
  });

  it("come by time where asked, in pages too", async () => {
    const run = await test.start();
    await logMetrics(test.services, { run, metrics: [3, 1, 2, 0].map((step, i) => ({ key: "m", value: i, step, timeMs: 1000 + i })) });
    const first = await metricHistory(test.services, { run, key: "m", order: "time", limit: 3 });
    const second = await metricHistory(test.services, { run, key: "m", order: "time", limit: 3, cursor: first.nextCursor! });
    expect([...first.points, ...second.points].map((point) => point.step)).toEqual([3, 1, 2, 0]);
  });

  it("stay in page order while more points are logged between two pages", async () => {
    const run = await test.start();
    const log = (steps: number[]) => logMetrics(test.services, { run, metrics: steps.map((step) => ({ key: "m", value: step, step })) });
    await log([0, 2, 4, 6]);
    const first = await metricHistory(test.services, { run, key: "m", limit: 2 });
    await log([1, 3, 5]);
    const second = await metricHistory(test.services, { run, key: "m", limit: 10, cursor: first.nextCursor! });
    expect([...first.points, ...second.points].map((point) => point.step)).toEqual([0, 2, 3, 4, 5, 6]);
    await expect(metricHistory(test.services, { run, key: "m", cursor: "nonsense" })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("are named in the error for one the run does not have", async () => {
    const run = await test.start();
    await expect(metricHistory(test.services, { run, key: "auc" })).rejects.toThrow(`Run "${run}" has no metric "auc"`);
    await expect(metricHistory(test.services, { run: "nobody", key: "auc" })).rejects.toMatchObject({ code: "not_found" });
  });

  it("lose nothing when many callers log to one run together, past the point where the tail is sorted away", async () => {
    const run = await test.start();
    const log = (writer: number, step: number) => logMetrics(test.services, { run, metrics: [{ key: `w${writer}`, value: step, step }] });
    for (let step = 0; step < 300; step++) await Promise.all([0, 1, 2, 3].map((writer) => log(writer, step)));
    for (const writer of [0, 1, 2, 3]) expect(await wholeHistory(run, `w${writer}`)).toHaveLength(300);
  });

  it("equal a plain list of points, whatever is logged in whatever pieces", async () => {
    const point = fc.record({
      key: fc.constantFrom("a", "b", "c"),
      value: fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, 0)),
      step: fc.integer({ min: -3, max: 3 }),
      timeMs: fc.integer({ min: 0, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(point, { maxLength: 8 }), { maxLength: 6 }), async (calls) => {
        const run = await test.start();
        for (const metrics of calls) await logMetrics(test.services, { run, metrics });
        const order = (value: number) => (Number.isNaN(value) ? "" : String(value));
        for (const key of ["a", "b", "c"]) {
          const distinct = new Map(
            calls
              .flat()
              .flatMap((logged) => (logged.key === key ? [[`${logged.step}/${logged.timeMs}/${order(logged.value)}`, logged] as const] : [])),
          );
          if (distinct.size === 0) continue;
          const expected = [...distinct.values()]
            .map(({ value, step, timeMs }) => ({ value, step, timeMs }))
            .sort(
              (x, y) =>
                x.step - y.step || x.timeMs - y.timeMs || (Number.isNaN(x.value) ? -1 : Number.isNaN(y.value) ? 1 : x.value < y.value ? -1 : 1),
            );
          const plain = (points: MetricValue[]) => points.map(({ value, step, timeMs }) => [order(value), step, timeMs]);
          expect(plain(await wholeHistory(run, key, 3))).toEqual(plain(expected));
          expect(plain([(await getRun(test.services, run)).metrics[key]!])).toEqual(plain(expected.slice(-1)));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("keep every acknowledged point of a writer that was killed, and none of them twice after a retry", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-killed-"));
    const path = join(folder, "state.db");
    const program = `
      import { openSqlite } from ${JSON.stringify(new URL("../../adapters/database/sqlite.ts", import.meta.url).href)};
      import { systemClock } from ${JSON.stringify(new URL("../../kit/clock.ts", import.meta.url).href)};
      import { createExperiment, logMetrics, startRun, trackingMigrations } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
      const state = openSqlite({ path: ${JSON.stringify(path)} });
      await state.migrate(trackingMigrations);
      const services = { state, clock: systemClock };
      const { id: experiment } = await createExperiment(services, { name: "killed" });
      await startRun(services, { experiment, id: "run" });
      for (let step = 0; ; step++) {
        await logMetrics(services, { run: "run", metrics: [{ key: "loss", value: step, step, timeMs: step }, { key: "auc", value: step, step, timeMs: step }] });
        process.stdout.write(step + "\\n");
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    let acknowledged = -1;
    child.stdout.on("data", (chunk: Buffer) => {
      acknowledged = Number(chunk.toString().trim().split("\n").at(-1));
      if (acknowledged > 1_500) child.kill("SIGKILL");
    });
    await new Promise((resolve) => child.on("close", resolve));
    const state = openSqlite({ path });
    const services = { ...test.services, state };
    for (const key of ["loss", "auc"]) {
      const before = await readHistory(services, "run", key);
      expect(before.count).toBeGreaterThan(acknowledged);
      expect([...before.steps]).toEqual(Array.from({ length: before.count }, (_, i) => i));
      const last = acknowledged;
      await logMetrics(services, { run: "run", metrics: [{ key, value: last, step: last, timeMs: last }] });
      expect((await readHistory(services, "run", key)).count).toBe(before.count);
    }
    await state.close();
    await rm(folder, { recursive: true, force: true });
  });
});

describe("metric columns", () => {
  it("survive storage at any offset of a buffer, and tell damaged bytes", () => {
    const columns = newColumns(3);
    columns.values.set([1, Number.NaN, -Infinity]);
    columns.metrics.set([2, 0, 1]);
    const bytes = encodeColumns(columns);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(decodeColumns(shifted.subarray(3))).toEqual(columns);
    expect(() => decodeColumns(bytes.subarray(0, 20))).toThrow("damaged");
    expect(() => decodeColumns(new Uint8Array(0))).toThrow("damaged");
  });

  it("merge pieces that are in order without sorting them, and others by sorting", () => {
    const piece = (...steps: number[]) => ({ ...newColumns(steps.length), steps: Float64Array.from(steps) });
    expect([...mergeColumns([piece(1, 2), piece(3)]).steps]).toEqual([1, 2, 3]);
    expect([...mergeColumns([piece(3, 5), piece(1, 3)]).steps]).toEqual([1, 3, 5]);
    expect([...mergeColumns([piece(2, 2)]).steps]).toEqual([2]);
  });
});
