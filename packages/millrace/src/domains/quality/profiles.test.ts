import fc from "fast-check";
import { expect, test } from "vitest";
import { deviationOf, parseProfile, type NumberProfile, type TableProfile } from "./column-profile.ts";
import { compareProfiles } from "./compare-profiles.ts";
import { populationStabilityIndex, sharesOf } from "./drift-distances.ts";
import { mergeProfiles } from "./merge-profiles.ts";
import { profileOf, type TableColumn } from "./profile-columns.ts";
import reference from "./reference-values.json" with { type: "json" };
import { kolmogorovSmirnov, wasserstein } from "./two-sample-tests.ts";

const numbers = (values: Iterable<number>, name = "x"): TableColumn => ({ name, kind: "number", values: Float64Array.from(values) });
const category = (values: (string | null)[], name = "c"): TableColumn => {
  const levels = [...new Set(values.filter((value) => value !== null))];
  return { name, kind: "category", levels, codes: Int32Array.from(values, (value) => (value === null ? -1 : levels.indexOf(value))) };
};
const numberProfile = (values: number[]) => profileOf([numbers(values)]).columns["x"] as NumberProfile; // a number column has a number profile

test("a numeric profile has the moments, the range and the missing values of its column", () => {
  const profile = numberProfile([1, 2, NaN, 4, Infinity, 5]);
  expect(profile).toMatchObject({ count: 4, missing: 2, mean: 3, min: 1, max: 5, cells: "values" });
  expect(deviationOf(profile)).toBeCloseTo(Math.sqrt(2.5), 12);
  expect(profile.counts).toEqual([0, 1, 1, 1, 1, 0]);
});

test("values outside the reference's range are counted in the outer cells, on the last bit", () => {
  const like = profileOf([numbers([0, 0.1, 0.3])]);
  const window = profileOf([numbers([-Number.MIN_VALUE, 0.3, 0.30000000000000004])], { like });
  const { counts } = window.columns["x"]!;
  expect([counts[0], counts[counts.length - 1]]).toEqual([1, 1]);
});

test("a reference made from float32 features meets float64 values as float32", () => {
  const like = profileOf([{ name: "x", kind: "number", values: Float32Array.of(0.1, 0.2, 0.3) }]);
  expect(profileOf([numbers([0.1, 0.2, 0.3])], { like })).toEqual(like);
});

test("every value falls into the cell that a plain search finds, whatever the spread of the edges", () => {
  const value = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -5, max: 5 }),
    fc.double({ min: 1e12, max: 1e12 + 1e-2, noNaN: true }),
  );
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 50 }),
      fc.array(value, { maxLength: 50 }),
      fc.integer({ min: 2, max: 20 }),
      (a, b, cells) => {
        const like = profileOf([numbers(a)], { cells });
        const window = profileOf([numbers(b)], { like }).columns["x"] as NumberProfile; // a number column has a number profile
        const expected = window.counts.map(() => 0);
        for (const x of b) expected[window.edges.filter((edge) => edge <= x).length]!++;
        expect(window.counts).toEqual(expected);
      },
    ),
  );
});

test("merged profiles are the profile of the union", () => {
  const value = fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constant(NaN), fc.integer({ min: 0, max: 3 }));
  const row = fc.tuple(value, fc.constantFrom("a", "b", "c", "d", null));
  const rows = fc.array(row, { maxLength: 60 });
  fc.assert(
    fc.property(rows, rows, rows, (first, second, basis) => {
      const columns = (list: [number, string | null][]) => [numbers(list.map((r) => r[0])), category(list.map((r) => r[1]))];
      const like = profileOf(columns(basis), { cells: 8 });
      const [a, b, union] = [first, second, [...first, ...second]].map((list) => profileOf(columns(list), { like }));
      const merged = mergeProfiles(a!, b!);
      expect(withoutMoments(merged)).toEqual(withoutMoments(union!));
      expect(withoutMoments(mergeProfiles(b!, a!))).toEqual(withoutMoments(merged));
      const [x, y] = [merged.columns["x"], union!.columns["x"]] as [NumberProfile, NumberProfile]; // as `columns` makes them
      const size = Math.max(Math.abs(y.min ?? 0), Math.abs(y.max ?? 0));
      expect(Math.abs((x.mean ?? 0) - (y.mean ?? 0))).toBeLessThanOrEqual(1e-12 * size + 1e-300);
      expect(Math.abs(x.squares - y.squares)).toBeLessThanOrEqual(1e-12 * size * size * y.count + 1e-300);
    }),
  );
});

/** Moments are equal only up to rounding, all else exactly. */
const withoutMoments = (profile: TableProfile) => ({
  ...profile,
  columns: Object.entries(profile.columns).map(([name, column]) => [name, column.kind === "number" ? { ...column, mean: 0, squares: 0 } : column]),
});

test("a profile survives JSON, and what is not one is refused by name", () => {
  const profile = profileOf([numbers([1, NaN, 2.5]), numbers([NaN, NaN, NaN], "empty"), category(["a", null, "b"])]);
  expect(parseProfile(JSON.parse(JSON.stringify(profile)))).toEqual(profile);
  expect(() => parseProfile({ ...profile, version: 2 })).toThrow("The profile has version 2; this Millrace reads version 1.");
  expect(() => parseProfile({ ...profile, rows: -1 })).toThrow("This is not a profile of columns: rows");
});

test("levels past the cap are counted together, the most frequent ones kept", () => {
  const profile = profileOf([category(["a", "b", "b", "c", "c", "c"])], { levels: 2 });
  expect(profile.columns["c"]).toMatchObject({ levels: ["c", "b"], counts: [3, 2], other: 1, count: 6 });
});

test("profiles over different cells are neither merged nor compared", () => {
  const [a, b] = [profileOf([numbers([1, 2])]), profileOf([numbers([1, 3])])];
  expect(() => mergeProfiles(a, b)).toThrow('The profiles of column "x" cannot be merged: they count over different cells.');
  expect(() => compareProfiles(a, b)).toThrow('The profiles of column "x" count over different cells.');
  expect(() => compareProfiles(a, a, { features: ["y"] })).toThrow('The reference profile has no column "y" (it has: x).');
});

test("PSI of a small categorical column equals Evidently's 2.9341472", () => {
  const like = profileOf([category(["3", "2", "2"])]);
  const [drift] = compareProfiles(like, profileOf([category(["1", "2", "3"])], { like }));
  expect(drift!.psi).toBeCloseTo(2.9341472, 7);
});

test("KS and Wasserstein of profiles equal SciPy's where cells are values, and come near with few cells", () => {
  for (const { reference: a, current: b, ks, wasserstein: area } of reference.twoSamples) {
    const union = profileOf([numbers([...a, ...b])], { cells: 1_000 }); // edges at every value of both
    const exact = compareProfiles(profileOf([numbers(a)], { like: union }), profileOf([numbers(b)], { like: union }))[0]!;
    expect(exact.ks).toBeCloseTo(ks, 12);
    expect(exact.wasserstein! * deviationOf(numberProfile(a))!).toBeCloseTo(area, 12);
    const like = profileOf([numbers(a)], { cells: 30 });
    const rough = compareProfiles(like, profileOf([numbers(b)], { like }))[0]!;
    expect(Math.abs(rough.ks! - ks)).toBeLessThan(0.04);
    expect(Math.abs(rough.wasserstein! * deviationOf(numberProfile(a))! - area)).toBeLessThan(0.02 + 0.03 * area);
  }
});

test("PSI of a numeric column is taken over ten equal-mass bins of the reference", () => {
  const before = Array.from({ length: 1_000 }, (_, i) => i);
  const now = before.map((value) => value * 0.9 + 50);
  const like = profileOf([numbers(before)], { cells: 100 });
  const [drift] = compareProfiles(like, profileOf([numbers(now)], { like }));
  expect(drift!.bins.map((bin) => bin.reference)).toEqual(Array.from({ length: 10 }, () => 0.1));
  const counts = (values: number[]) => sharesOf(Array.from({ length: 10 }, (_, i) => values.filter((v) => v >= i * 100 && v < i * 100 + 100).length));
  expect(drift!.psi).toBeCloseTo(populationStabilityIndex(counts(before), counts(now)), 12);
});

test("a constant column that changes, and values that go missing, are drift", () => {
  const like = profileOf([numbers(Array(500).fill(7)), category(Array(500).fill("a"))]);
  const same = compareProfiles(like, like);
  expect(same.map((drift) => drift.psi)).toEqual([0, 0]);
  const moved = compareProfiles(like, profileOf([numbers(Array(500).fill(8)), category(Array(500).fill(null))], { like }));
  expect(moved.every((drift) => drift.psi! > 5)).toBe(true);
  expect(moved[1]!.missing).toEqual({ reference: 0, current: 1 });
});

test("without drift, PSI is about what its sample sizes predict", () => {
  const pseudo = (seed: number, n: number) => Array.from({ length: n }, (_, i) => Math.abs(Math.sin((i + 1) * 12.9898 + seed) * 43758.5453) % 1);
  const like = profileOf([numbers(pseudo(1, 20_000))]);
  const psis = Array.from({ length: 40 }, (_, seed) => compareProfiles(like, profileOf([numbers(pseudo(seed + 2, 500))], { like }))[0]!);
  const mean = psis.reduce((total, drift) => total + drift.psi!, 0) / psis.length;
  expect(mean / psis[0]!.psiWithoutDrift!).toBeGreaterThan(0.7);
  expect(mean / psis[0]!.psiWithoutDrift!).toBeLessThan(1.4);
});

test("an empty window has no drift to measure", () => {
  const like = profileOf([numbers([1, 2, 3])]);
  const [drift] = compareProfiles(like, profileOf([numbers([])], { like }));
  expect(drift).toMatchObject({ psi: null, ks: null, wasserstein: null, currentRows: 0 });
});

test("samples and profiles agree on KS and area", () => {
  expect(kolmogorovSmirnov(Float64Array.of(1, 2, 3), Float64Array.of(1, 2, 3))).toEqual({ statistic: 0, pValue: 1, exact: true });
  expect(wasserstein(Float64Array.of(0, 1, 3), Float64Array.of(5, 6, 8))).toBeCloseTo(5, 12);
});
