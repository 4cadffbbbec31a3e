import fc from "fast-check";
import { expect, test } from "vitest";
import { hellinger, jensenShannon, kullbackLeibler, lInfinity, populationStabilityIndex, sharesOf, totalVariation } from "./drift-distances.ts";
import reference from "./reference-values.json" with { type: "json" };
import { goodnessOfFit, homogeneity, kolmogorovPValue, kolmogorovSmirnov, proportionsTest, wasserstein } from "./two-sample-tests.ts";

test("distances over counts equal SciPy's", () => {
  for (const c of reference.counts) {
    const [p, q] = [sharesOf(c.reference), sharesOf(c.current)];
    expect(populationStabilityIndex(p, q)).toBeCloseTo(c.psi, 13);
    expect(kullbackLeibler(p, q)).toBeCloseTo(c.kl, 13);
    expect(jensenShannon(p, q)).toBeCloseTo(c.jsNat, 12);
    expect(jensenShannon(p, q, 2)).toBeCloseTo(c.jsBase2, 12);
    expect(totalVariation(p, q)).toBeCloseTo(c.tvd, 13);
    expect(lInfinity(p, q)).toBeCloseTo(c.lInfinity, 13);
    expect(hellinger(p, q)).toBeCloseTo(c.hellinger, 10);
  }
});

test("chi-square tests equal SciPy's, and doubling the reference leaves goodness of fit alone", () => {
  for (const c of reference.counts) {
    const fit = goodnessOfFit(c.reference, c.current);
    expect([fit.statistic, fit.pValue]).toEqual(c.goodnessOfFit.map((value) => expect.closeTo(value, 12)));
    const both = homogeneity(c.reference, c.current);
    expect([both.statistic, both.pValue]).toEqual(c.homogeneity.map((value) => expect.closeTo(value, 12)));
  }
  const [r6, c6] = [reference.counts[0]!.reference, reference.counts[0]!.current];
  expect(goodnessOfFit(r6, c6).pValue).toBeCloseTo(0.6730876, 7);
  expect(
    goodnessOfFit(
      r6.map((count) => count * 2),
      c6,
    ).pValue,
  ).toBeCloseTo(0.6730876, 7);
  expect(goodnessOfFit([5, 5, 0], [4, 4, 1])).toEqual({ statistic: Infinity, pValue: 0 });
});

test("two-sample Kolmogorov-Smirnov with exact p-value and Wasserstein equal SciPy's, ties included", () => {
  for (const c of reference.twoSamples) {
    const [a, b] = [Float64Array.from(c.reference), Float64Array.from(c.current)];
    const ks = kolmogorovSmirnov(a, b);
    expect(ks.statistic).toBeCloseTo(c.ks, 13);
    expect(ks.pValue).toBeCloseTo(c.ksExactP, 11);
    expect(wasserstein(a, b)).toBeCloseTo(c.wasserstein, 12);
  }
  expect(() => wasserstein(new Float64Array(0), Float64Array.of(1))).toThrow("the reference one has no values");
});

test("the limit of the Kolmogorov-Smirnov p-value comes near the exact one", () => {
  const a = Float64Array.from({ length: 900 }, (_, i) => i);
  const b = Float64Array.from({ length: 700 }, (_, i) => i * 1.22 + 3);
  const exact = kolmogorovSmirnov(a, b);
  expect(kolmogorovPValue(exact.statistic, 900, 700) / exact.pValue).toBeCloseTo(1, 1);
});

test("the Z-test of proportions is the square root of the chi-square test", () => {
  const z = proportionsTest([50, 20], [100, 60]);
  const chi = homogeneity([50, 50], [20, 40]);
  expect(z.statistic ** 2).toBeCloseTo(chi.statistic, 12);
  expect(z.pValue).toBeCloseTo(chi.pValue, 12);
});

test("PSI and Jensen-Shannon are symmetric, never negative, and zero only for equal shares", () => {
  const counts = fc
    .array(fc.tuple(fc.nat(50), fc.nat(50)), { minLength: 2, maxLength: 12 })
    .filter((rows) => rows.some((r) => r[0] > 0) && rows.some((r) => r[1] > 0));
  fc.assert(
    fc.property(counts, (rows) => {
      const [p, q] = [sharesOf(rows.map((r) => r[0])), sharesOf(rows.map((r) => r[1]))];
      for (const distance of [populationStabilityIndex, jensenShannon, totalVariation, hellinger, lInfinity] as ((
        p: Float64Array,
        q: Float64Array,
      ) => number)[]) {
        expect(distance(p, q)).toBeGreaterThanOrEqual(0);
        expect(distance(p, q)).toBeCloseTo(distance(q, p), 12);
        expect(distance(p, p)).toBe(0);
      }
      expect(jensenShannon(p, q)).toBeLessThanOrEqual(Math.sqrt(Math.LN2) + 1e-12);
    }),
  );
});
