import { AppError } from "#kit/app-error";
import { jensenShannon, kullbackLeibler, populationStabilityIndex, sharesOf, zeroFill } from "./drift-distances.ts";
import { numpyCounts, numpyEdges } from "./numpy-bins.ts";
import { countValues, presentOf, type RawColumn, type RawValues } from "./raw-column.ts";
import { goodnessOfFit, kolmogorovSmirnov, proportionsTest, wasserstein } from "./two-sample-tests.ts";

/** The drift tests of Evidently 0.7 that this dialect knows, by Evidently's names. */
export type EvidentlyTest = "psi" | "kl_div" | "jensenshannon" | "ks" | "wasserstein" | "chisquare" | "z";

/** A drift score as Evidently reports it: a p-value for `ks`, `chisquare` and `z`, a distance for the others. */
export interface DialectDrift {
  test: string;
  score: number;
  threshold: number;
  drifted: boolean;
}

/**
 * Evidently's drift of one column, from its raw values: the same default test for the column's kind and the reference's size, the
 * same bins, zero fill and thresholds (the p-value of `ks` is Kolmogorov's limit, not SciPy's, where a side has more than 10,000
 * values). Missing and infinite values are dropped; throws `invalid_argument` when none is left.
 */
export function evidentlyDrift(reference: RawColumn, current: RawColumn, test?: EvidentlyTest): DialectDrift {
  const [before, now] = [presentOf(reference, "reference"), presentOf(current, "current")];
  if (before.kind !== now.kind) throw new AppError("invalid_argument", `The column is a ${before.kind} in the reference and a ${now.kind} now.`);
  const chosen = test ?? defaultTest(before, now);
  const score = scoreOf(chosen, before, now);
  const isPValue = chosen === "ks" || chosen === "chisquare" || chosen === "z";
  const threshold = isPValue ? 0.05 : 0.1;
  // Evidently compares p <= threshold for `ks` and p < threshold for the two others.
  const drifted = isPValue ? (chosen === "ks" ? score <= threshold : score < threshold) : score >= threshold;
  return { test: chosen, score, threshold, drifted };
}

/** Evidently's verdict on a table: drifted when the share of drifted columns reaches `driftShare`. */
export function evidentlyDatasetDrift(columns: readonly DialectDrift[], driftShare = 0.5): { share: number; drifted: boolean } {
  const share = columns.length > 0 ? columns.filter((column) => column.drifted).length / columns.length : 0;
  return { share, drifted: share >= driftShare };
}

/** The test that Evidently chooses: by kind, number of different values of both sides together, and rows of the reference. */
function defaultTest(before: RawValues, now: RawValues): EvidentlyTest {
  const different = new Set([...countValues(before).keys(), ...countValues(now).keys()]).size;
  const large = before.values.length > 1_000;
  if (before.kind === "number" && different > 5) return large ? "wasserstein" : "ks";
  return large ? "jensenshannon" : different > 2 ? "chisquare" : "z";
}

function scoreOf(test: EvidentlyTest, before: RawValues, now: RawValues): number {
  switch (test) {
    case "ks": {
      const [a, b] = numbersOf(test, before, now);
      return kolmogorovSmirnov(a, b).pValue;
    }
    case "wasserstein": {
      const [a, b] = numbersOf(test, before, now);
      return wasserstein(a, b) / Math.max(populationDeviation(a), 0.001);
    }
    case "psi":
    case "kl_div": {
      const [p, q] = binnedShares(before, now).map(filled) as [Float64Array, Float64Array]; // two sides in, two out
      // SciPy's `entropy`, which Evidently calls for KL, makes the filled shares sum to 1 again; its PSI does not.
      return test === "psi" ? populationStabilityIndex(p, q) : kullbackLeibler(sharesOf(p), sharesOf(q));
    }
    case "jensenshannon":
      return jensenShannon(...binnedShares(before, now));
    case "chisquare":
      return goodnessOfFit(...countsByValue(before, now)).pValue;
    case "z":
      return zTest(before, now);
  }
}

/** Sturges' bins over both sides for numbers with more than 20 different values in the reference, else one bin a value. */
function binnedShares(before: RawValues, now: RawValues): [Float64Array, Float64Array] {
  if (before.kind === "number" && now.kind === "number" && countValues(before).size > 20) {
    const both = new Float64Array(before.values.length + now.values.length);
    both.set(before.values);
    both.set(now.values, before.values.length);
    const edges = numpyEdges(both, "sturges");
    return [sharesOf(numpyCounts(before.values, edges)), sharesOf(numpyCounts(now.values, edges))];
  }
  const [a, b] = countsByValue(before, now);
  return [sharesOf(a), sharesOf(b)];
}

function countsByValue(before: RawValues, now: RawValues): [number[], number[]] {
  const [a, b] = [countValues(before), countValues(now)];
  const values = [...new Set([...a.keys(), ...b.keys()])];
  return [values.map((value) => a.get(value) ?? 0), values.map((value) => b.get(value) ?? 0)];
}

/** Evidently's fill of empty bins: 0.0001, or a millionth of the smallest share when that is 0.0001 or less. */
function filled(shares: Float64Array): Float64Array {
  const least = shares.reduce((low, share) => (share > 0 && share < low ? share : low), 1);
  return shares.map((share) => (share > 0 ? share : least <= zeroFill ? least / 1e6 : zeroFill));
}

function zTest(before: RawValues, now: RawValues): number {
  const [a, b] = [countValues(before), countValues(now)];
  const first = [...new Set([...a.keys(), ...b.keys()])].sort((x, y) => (x < y ? -1 : 1))[0]!;
  const rows: [number, number] = [before.values.length, now.values.length];
  return proportionsTest([rows[0] - (a.get(first) ?? 0), rows[1] - (b.get(first) ?? 0)], rows).pValue;
}

function numbersOf(test: EvidentlyTest, before: RawValues, now: RawValues): [Float64Array, Float64Array] {
  if (before.kind === "number" && now.kind === "number") return [before.values, now.values];
  throw new AppError("invalid_argument", `Evidently's test "${test}" is for numbers, and the column has categories.`);
}

function populationDeviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
