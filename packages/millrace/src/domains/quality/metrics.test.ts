import fc from "fast-check";
import { expect, test } from "vitest";
import { calibrationCurve } from "./calibration-curve.ts";
import { averagePrecision, brierScore, compareLogLoss, meanLogLoss, thresholdMetrics } from "./probability-metrics.ts";
import { rankOrder } from "./rank-order.ts";
import reference from "./reference-values.json" with { type: "json" };
import { regressionMetrics } from "./regression-metrics.ts";
import { aucEstimate, compareAuc, rocAuc } from "./roc-auc.ts";
import { chiSquareTail, kolmogorovTail, normalTwoSided } from "./tail-probabilities.ts";

const b = reference.binary;
const labels = Float64Array.from(b.labels);
const scores = Float64Array.from(b.scores);
const other = Float64Array.from(b.other);
const weights = Float64Array.from(b.weights);

test("binary metrics equal scikit-learn's, with ties and with weights", () => {
  expect(rocAuc(labels, scores)).toBeCloseTo(b.auc, 13);
  expect(rocAuc(labels, scores, weights)).toBeCloseTo(b.aucWeighted, 13);
  expect(meanLogLoss(labels, scores)).toBeCloseTo(b.logLoss, 13);
  expect(meanLogLoss(labels, scores, weights)).toBeCloseTo(b.logLossWeighted, 13);
  expect(brierScore(labels, scores)).toBeCloseTo(b.brier, 13);
  expect(brierScore(labels, scores, weights)).toBeCloseTo(b.brierWeighted, 13);
  expect(averagePrecision(labels, scores)).toBeCloseTo(b.averagePrecision, 13);
  expect(averagePrecision(labels, scores, weights)).toBeCloseTo(b.averagePrecisionWeighted, 13);
  const at = thresholdMetrics(labels, scores, b.threshold, weights);
  for (const name of ["accuracy", "precision", "recall", "f1"] as const) expect(at[name]).toBeCloseTo(b[name], 13);
});

test("the log loss of certain scores is clipped at the machine epsilon, as in scikit-learn", () => {
  expect(meanLogLoss(Float64Array.of(0, 1, 1), Float64Array.of(0, 1, 0))).toBeCloseTo(b.logLossOfCertainty, 10);
  expect(meanLogLoss(Float32Array.of(1), Float32Array.of(0))).toBeCloseTo(23 * Math.LN2, 12);
});

test("the standard error of the AUC is DeLong's, alone and paired", () => {
  const estimate = aucEstimate(labels, scores)!;
  expect(estimate.standardError).toBeCloseTo(b.delongStandardError, 6); // the package computes ranks in float32
  expect(estimate.auc).toBeCloseTo(b.auc, 13);
  expect(estimate.low).toBeLessThan(estimate.auc);
  const comparison = compareAuc(labels, scores, other)!;
  expect(comparison.difference).toBeCloseTo(b.auc - b.aucOther, 13);
  expect(comparison.standardError).toBeCloseTo(b.delongDifferenceStandardError, 13);
  expect(comparison.pValue).toBeCloseTo(normalTwoSided((b.auc - b.aucOther) / b.delongDifferenceStandardError), 10);
  expect(compareAuc(labels, scores, scores)!.pValue).toBe(1);
});

test("calibration bins equal scikit-learn's quantile bins where scores are distinct", () => {
  const curve = calibrationCurve(labels, Float64Array.from(b.distinct));
  expect(curve.bins.map((bin) => bin.rows)).toEqual(Array.from({ length: 10 }, () => 40));
  curve.bins.forEach((bin, i) => {
    expect(bin.observed).toBeCloseTo(b.calibrationObserved[i]!, 13);
    expect(bin.meanScore).toBeCloseTo(b.calibrationMeanScore[i]!, 13);
  });
  const error = b.calibrationObserved.reduce((sum, observed, i) => sum + Math.abs(observed - b.calibrationMeanScore[i]!) / 10, 0);
  expect(curve.error).toBeCloseTo(error, 13);
  expect(Math.abs(curve.inTheLarge)).toBeLessThanOrEqual(curve.error);
});

test("rows of equal score share a calibration bin", () => {
  const curve = calibrationCurve(Float64Array.of(0, 1, 0, 1, 1, 1), Float64Array.of(0.2, 0.2, 0.2, 0.2, 0.2, 0.9), { bins: 3 });
  expect(curve.bins.map(({ rows, observed }) => [rows, observed])).toEqual([
    [5, 0.6],
    [1, 1],
  ]);
});

test("regression metrics equal scikit-learn's", () => {
  const r = reference.regression;
  const [y, p, w] = [Float64Array.from(r.labels), Float64Array.from(r.predictions), Float64Array.from(r.weights)];
  const plain = regressionMetrics(y, p);
  expect([plain.mae, plain.rmse]).toEqual([expect.closeTo(r.mae, 12), expect.closeTo(r.rmse, 12)]);
  expect(plain.r2).toBeCloseTo(r.r2, 12);
  const weighted = regressionMetrics(y, p, w);
  expect([weighted.mae, weighted.rmse]).toEqual([expect.closeTo(r.maeWeighted, 12), expect.closeTo(r.rmseWeighted, 12)]);
  expect(weighted.r2).toBeCloseTo(r.r2Weighted, 12);
  expect(regressionMetrics(Float64Array.of(2, 2), Float64Array.of(1, 4)).r2).toBeUndefined();
});

test("tail probabilities equal SciPy's far into the tail", () => {
  for (const [x, freedom, p] of reference.tails.chiSquare) expect(chiSquareTail(x!, freedom!) / p!).toBeCloseTo(1, 10);
  for (const [z, p] of reference.tails.normal) expect(normalTwoSided(z!) / p!).toBeCloseTo(1, 10);
  for (const [x, p] of reference.tails.kolmogorov) expect(kolmogorovTail(x!) / p!).toBeCloseTo(1, 10);
});

const binaryRows = fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: -8, max: 8 })), { minLength: 1, maxLength: 60 });
const columnsOf = (rows: [number, number][]) => [Float64Array.from(rows, (row) => row[0]), Float64Array.from(rows, (row) => row[1] / 4)] as const;

test("the AUC is the share of pairs in order, whatever the order of the rows", () => {
  fc.assert(
    fc.property(binaryRows, (rows) => {
      const [y, s] = columnsOf(rows);
      let [inOrder, pairs] = [0, 0];
      y.forEach((a, i) =>
        y.forEach((c, j) => {
          if (a !== 1 || c !== 0) return;
          pairs++;
          inOrder += s[i]! > s[j]! ? 1 : s[i] === s[j] ? 0.5 : 0;
        }),
      );
      if (pairs === 0) expect(rocAuc(y, s)).toBeUndefined();
      else expect(rocAuc(y, s)).toBeCloseTo(inOrder / pairs, 12);
    }),
  );
});

test("a monotone transform of the scores leaves the AUC alone, and reversing them mirrors it", () => {
  fc.assert(
    fc.property(binaryRows, (rows) => {
      const [y, s] = columnsOf(rows);
      const auc = rocAuc(y, s);
      expect(rocAuc(y, s.map(Math.exp))).toBe(auc);
      expect(rocAuc(y, Float32Array.from(s))).toBe(auc);
      if (auc !== undefined)
        expect(
          rocAuc(
            y,
            s.map((x) => -x),
          ),
        ).toBeCloseTo(1 - auc, 12);
    }),
  );
});

test("the order of ranks is a stable sort for both float types", () => {
  const floats = fc.array(fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(0, -0, 1, -1, Infinity, -Infinity)), { maxLength: 80 });
  fc.assert(
    fc.property(floats, (list) => {
      for (const values of [Float64Array.from(list), Float32Array.from(list)]) {
        const expected = Array.from(values.keys()).sort((i, j) => (values[i]! < values[j]! ? -1 : values[i]! > values[j]! ? 1 : i - j));
        expect(Array.from(rankOrder(values))).toEqual(expected);
      }
    }),
  );
});

test("a model as good as another has no difference in log loss, and a worse one has a positive one", () => {
  expect(compareLogLoss(labels, scores, scores)).toEqual({ difference: 0, standardError: 0 });
  const worse = compareLogLoss(labels, other, scores);
  expect(worse.difference).toBeCloseTo(meanLogLoss(labels, other) - b.logLoss, 12);
  expect(worse.standardError).toBeGreaterThan(0);
});

test("input that cannot be measured is refused with the row and the reason", () => {
  expect(() => rocAuc(Float64Array.of(0, 2), Float64Array.of(0.1, 0.2))).toThrow("The label of row 1 is 2.");
  expect(() => brierScore(Float64Array.of(0, 1), Float64Array.of(0.1, NaN))).toThrow("The score of row 1 is NaN.");
  expect(() => meanLogLoss(Float64Array.of(0), Float64Array.of(0.1, 0.2))).toThrow("was given 1 labels, 2 scores");
  expect(() => calibrationCurve(new Float64Array(0), new Float64Array(0))).toThrow("There are no rows to measure.");
});
