import fc from "fast-check";
import { expect, it } from "vitest";
import type { Run } from "#domains/tracking";
import { wireMetric, wireRun } from "./wire-run.ts";
import { pointsText, runText } from "./wire-text.ts";

const point = fc.record({ value: fc.double(), step: fc.maxSafeInteger(), timeMs: fc.nat() });
const texts = fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }));
const run: fc.Arbitrary<Run> = fc.record({
  ...{ id: fc.uuid(), experiment: fc.constant("1"), name: fc.string(), parent: fc.option(fc.uuid(), { nil: undefined }) },
  ...{ actor: fc.option(fc.string(), { nil: undefined }), status: fc.constantFrom("running", "finished", "failed", "killed") },
  ...{ startedMs: fc.nat(), endedMs: fc.option(fc.nat(), { nil: undefined }), deletedMs: fc.option(fc.nat(), { nil: undefined }) },
  ...{ params: texts, tags: texts, metrics: fc.dictionary(fc.string({ unit: "binary" }), point) },
});

it("a run's text says what its object says, with every name and number", () => {
  fc.assert(
    fc.property(run, (each) => {
      expect(runText(each, "mlflow-artifacts:/1")).toBe(JSON.stringify(wireRun(each, "mlflow-artifacts:/1")));
    }),
  );
});

it("the text of points says what their objects say: NaN, the infinities and -0 too", () => {
  fc.assert(
    fc.property(fc.string(), fc.array(point), (key, points) => {
      const columns = {
        count: points.length,
        steps: Float64Array.from(points, ({ step }) => step),
        times: Float64Array.from(points, ({ timeMs }) => timeMs),
        values: Float64Array.from(points, ({ value }) => value),
      };
      const whole = JSON.stringify(points.map((each) => wireMetric(key, each)));
      const half = points.length >> 1;
      const parts = [pointsText(key, columns, 0, half), pointsText(key, columns, half, points.length)];
      expect(`[${parts.filter((part) => part !== "").join(",")}]`).toBe(whole);
    }),
  );
});
