import fc from "fast-check";
import { expect, test } from "vitest";
import { checkData } from "./check-data.ts";
import { checkResultSchema, verdictOf } from "./check-result.ts";
import { decay, drift } from "./define-policy.ts";
import { evaluateModel } from "./evaluate-model.ts";
import { evaluateDecay, evaluateDrift } from "./evaluate-policy.ts";
import { meanLogLoss } from "./probability-metrics.ts";
import { profileOf, type TableColumn } from "./profile-columns.ts";
import reference from "./reference-values.json" with { type: "json" };
import { rocAuc } from "./roc-auc.ts";
import { addScores, emptyScoreHistogram, histogramMetrics, mergeScores } from "./score-histogram.ts";
import { seededRandom } from "./seeded-random.ts";

const random = seededRandom(11, "monitoring data");
const table = (rows: number, shift: number, levels: readonly string[] = ["a", "b"], missing = 0): TableColumn[] => [
  { name: "steady", kind: "number", values: Float64Array.from({ length: rows }, () => random.number()) },
  { name: "moving", kind: "number", values: Float64Array.from({ length: rows }, () => (random.number() < missing ? NaN : random.number() + shift)) },
  {
    name: "place",
    kind: "category",
    levels: [...levels],
    codes: Int32Array.from({ length: rows }, () => Math.floor(random.number(0, levels.length))),
  },
];
const like = profileOf(table(5_000, 0));
const window = (rows: number, shift: number, levels?: readonly string[], missing?: number) =>
  profileOf(table(rows, shift, levels, missing), { like });

test("a drift policy fires when one feature has moved, and names it", () => {
  const fired = evaluateDrift(drift.psi.above(0.2), like, window(2_000, 0.3));
  expect(fired).toMatchObject({ kind: "drift", status: "failed", details: { judged: 3, drifted: [{ column: "moving" }] } });
  expect(fired.reason).toMatch(/^1 feature drifted: the PSI of moving is [\d.]+, above 0\.2\.$/);
  const ks = evaluateDrift(drift.ks.above(0.1, { over: "3d" }), like, window(2_000, 0.3));
  expect(ks.status).toBe("failed");
  expect(ks.actual).toBeCloseTo(0.3, 1);
  expect(checkResultSchema.parse(JSON.parse(JSON.stringify(ks)))).toEqual(ks);
});

test("a drift policy does not fire without drift, or for features it does not watch", () => {
  expect(evaluateDrift(drift.psi.above(0.2), like, window(2_000, 0))).toMatchObject({ status: "passed" });
  expect(evaluateDrift(drift.psi.above(0.2, { features: ["steady"] }), like, window(2_000, 0.3))).toMatchObject({ status: "passed" });
  expect(() => evaluateDrift(drift.psi.above(0.2, { features: ["none"] }), like, window(10, 0))).toThrow('has no column "none"');
});

test("a window too small to tell drift from chance is inconclusive", () => {
  const small = evaluateDrift(drift.psi.above(0.2, { features: ["moving"] }), like, window(40, 0.3));
  expect(small).toMatchObject({ status: "inconclusive", actual: null });
  expect(small.reason).toBe("No feature can be judged: the window has 40 rows; the window is too small to judge moving.");
  expect(evaluateDrift(drift.ks.above(0.2, { features: ["moving"] }), like, window(30, 0.3))).toMatchObject({ status: "inconclusive" });
});

test("a decay policy compares the live AUC with the champion's less the margin, or with a number", () => {
  const live = (auc: number, positives = 500) => ({ auc, positives, negatives: 1_500 });
  const policy = decay.auc.below("champion", { by: 0.02, over: "3d" });
  expect(policy).toEqual({ kind: "decay", metric: "auc", below: "champion", by: 0.02, over: "3d", overMs: 259_200_000 });
  expect(evaluateDecay(policy, live(0.771), 0.79)).toMatchObject({ status: "passed" });
  const fired = evaluateDecay(policy, live(0.75), 0.79);
  expect(fired.reason).toBe("The live AUC over 3d is 0.75 (2,000 rows), below the champion's 0.79 - 0.02.");
  expect(fired).toMatchObject({ status: "failed", kind: "decay", expected: "AUC ≥ 0.77" });
  expect(evaluateDecay(decay.auc.below(0.7), live(0.69))).toMatchObject({ status: "failed" });
  expect(evaluateDecay(policy, live(0.5, 20), 0.79)).toMatchObject({ status: "inconclusive" });
  expect(() => evaluateDecay(policy, live(0.5))).toThrow("the champion's AUC is not known");
});

test("policies that cannot be judged are refused where they are written", () => {
  expect(() => drift.psi.above(0)).toThrow("drift.psi.above(0) is not a limit.");
  expect(() => drift.ks.above(1)).toThrow("drift.ks.above(1) is not a limit.");
  expect(() => decay.auc.below(76)).toThrow("decay.auc.below(76) is not a limit.");
  // @ts-expect-error -- the compiler refuses it as well
  expect(() => decay.auc.below("champion", { over: "soon" })).toThrow('"soon" is not a length of time.');
});

test("data like the reference passes every check", () => {
  const results = checkData(like, window(2_000, 0), { rows: { atLeast: 1_000 } });
  expect(results.map((result) => result.status)).toEqual(results.map(() => "passed"));
  expect(results).toHaveLength(8);
});

test("missing values, unseen levels, values out of range and too few rows fail with a plain sentence", () => {
  const results = checkData(like, window(2_000, 0.5, ["a", "b", "zz"], 0.3), { rows: { atLeast: 5_000 } });
  const failed = results.filter((result) => result.status === "failed").map((result) => result.reason);
  expect(failed).toEqual([
    "The batch has 2,000 rows, expected are at least 5,000 rows.",
    expect.stringMatching(/^0\.\d+ of moving is missing, in the reference 0\.$/),
    expect.stringMatching(/^0\.\d+ of moving lies outside the reference's range of [\d.e-]+ to 0\.\d+\.$/),
    expect.stringMatching(/^0\.3\d+ of place has levels that the reference lacks \(zz\)\.$/),
  ]);
  expect(verdictOf(results)).toBe("failed");
});

test("an absent column fails, a small batch is inconclusive", () => {
  const [steady] = table(50, 0);
  const results = checkData(like, profileOf([steady!], { like }));
  expect(results.find((result) => result.name === "columns")).toMatchObject({ status: "failed", reason: "The batch lacks moving, place." });
  expect(results.find((result) => result.name === "range of steady")).toMatchObject({ status: "inconclusive" });
});

test("levels that a capped reference does not name are not called unseen", () => {
  const places = (levels: string[]): TableColumn => ({
    name: "p",
    kind: "category",
    levels,
    codes: Int32Array.from({ length: 300 }, (_, i) => i % levels.length),
  });
  const capped = profileOf([places(["a", "b", "c"])], { levels: 2 });
  const result = checkData(capped, profileOf([places(["a", "b", "c"])], { like: capped })).find((one) => one.name === "levels of p");
  expect(result).toMatchObject({ status: "inconclusive", reason: "The reference of p has more levels than it names." });
});

const binary = reference.binary;
const labels = Float64Array.from(binary.labels);
const scores = Float64Array.from(binary.scores);

test("a model's evaluation has the metrics for tracking, slices from worst to best, and days in order", () => {
  const start = Date.UTC(2001, 4, 30);
  const evaluation = evaluateModel({
    task: "binary",
    labels,
    scores,
    slices: { columns: [{ name: "half", kind: "number", values: labels.map((_, i) => (i < 350 ? i % 2 : 2)) }], support: 100 },
    timeMs: labels.map((_, i) => start + (i % 3) * 86_400_000 + 1),
  });
  expect(evaluation.metrics["auc"]).toBeCloseTo(binary.auc, 12);
  expect(evaluation.metrics["log_loss"]).toBeCloseTo(binary.logLoss, 12);
  expect(Object.keys(evaluation.metrics)).toEqual(
    expect.arrayContaining(["auc_standard_error", "pr_auc", "brier", "calibration_error", "f1", "base_rate"]),
  );
  expect(evaluation.byDay.map((day) => day.day)).toEqual(["2001-05-30", "2001-05-31", "2001-06-01"]);
  expect(evaluation.byDay.reduce((sum, day) => sum + day.rows, 0)).toBe(400);
  expect(evaluation.slices.map((slice) => slice.rows)).toEqual([175, 175]);
  expect(evaluation.slices[0]!.metrics["auc"]).toBeLessThanOrEqual(evaluation.slices[1]!.metrics["auc"]!);
  expect(evaluation.smallSlices).toEqual({ half: 1 });
  expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation);
});

test("a day with one class has no AUC, and regression has its own metrics", () => {
  const oneClass = evaluateModel({ task: "binary", labels: Float64Array.of(0, 0), scores: Float64Array.of(0.1, 0.2), timeMs: Float64Array.of(0, 1) });
  expect(oneClass.byDay[0]!.metrics).not.toHaveProperty("auc");
  const r = reference.regression;
  const regression = evaluateModel({ task: "regression", labels: Float64Array.from(r.labels), scores: Float64Array.from(r.predictions) });
  expect(regression.metrics["rmse"]).toBeCloseTo(r.rmse, 12);
  expect(regression.calibration).toEqual([]);
});

test("score histograms add up, and give the AUC of their scores to about 1e-4", () => {
  const n = 20_000;
  const y = Float64Array.from({ length: n }, () => (random.number() < 0.2 ? 1 : 0));
  const s = y.map((label) => 1 / (1 + Math.exp(1.5 - label + 2 * random.number(-1, 1))));
  const [all, early, late] = [emptyScoreHistogram(), emptyScoreHistogram(), emptyScoreHistogram()];
  addScores(all, y, s);
  addScores(early, y.subarray(0, 7_000), s.subarray(0, 7_000));
  addScores(late, y.subarray(7_000), s.subarray(7_000));
  const merged = mergeScores(early, late);
  expect(merged.positives).toEqual(all.positives);
  const metrics = histogramMetrics(merged);
  expect(Math.abs(metrics.auc! - rocAuc(y, s)!)).toBeLessThan(2e-4);
  expect(metrics.logLoss).toBeCloseTo(meanLogLoss(y, s), 10);
  expect(() => addScores(all, Float64Array.of(1, 1), Float64Array.of(0.5, 1.5))).toThrow("Outcome 1 has the label 1 and the score 1.5");
  expect(histogramMetrics(all).rows).toBe(n);
  expect(histogramMetrics(emptyScoreHistogram()).auc).toBeUndefined();
});

test("a histogram with a bin for every score has exactly the AUC of the scores", () => {
  const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 15 })), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(pairs, (list) => {
      const [y, s] = [Float64Array.from(list, (one) => one[0]), Float64Array.from(list, (one) => one[1] / 16)];
      const histogram = emptyScoreHistogram(16);
      addScores(histogram, y, s);
      const exact = rocAuc(y, s);
      if (exact === undefined) expect(histogramMetrics(histogram).auc).toBeUndefined();
      else expect(histogramMetrics(histogram).auc).toBeCloseTo(exact, 12);
    }),
  );
});
