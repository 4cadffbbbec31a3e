import fc from "fast-check";
import { expect, it } from "vitest";
import type { Run } from "#domains/tracking";
import { wireMetric, wireRun } from "./wire-run.ts";
import { addPoints, newAnswerText, runText } from "./wire-text.ts";

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
      const text = newAnswerText();
      addPoints(text, key, {
        count: points.length,
        steps: Float64Array.from(points, ({ step }) => step),
        times: Float64Array.from(points, ({ timeMs }) => timeMs),
        values: Float64Array.from(points, ({ value }) => value),
      });
      expect(`[${Buffer.from(text.bytes()).toString()}]`).toBe(JSON.stringify(points.map((each) => wireMetric(key, each))));
    }),
  );
});

it("a long text arrives whole, whatever its characters and the length of its pieces", () => {
  const pieces = Array.from({ length: 300 }, (_, i) => ["plain ", "größer ", "数 ", "🙂 "][i % 4]!.repeat((i * 37) % 1_000));
  const text = newAnswerText();
  for (const piece of pieces) text.add(piece);
  expect(Buffer.from(text.bytes()).toString()).toBe(pieces.join(""));
});
