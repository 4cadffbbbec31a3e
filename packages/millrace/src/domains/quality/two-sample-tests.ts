import { AppError } from "#kit/app-error";
import type { Floats } from "./metric-input.ts";
import { chiSquareTail, kolmogorovTail, normalTwoSided } from "./tail-probabilities.ts";

export interface TestResult {
  statistic: number;
  pValue: number;
}

/** Samples up to this size get the exact p-value of the Kolmogorov-Smirnov test, as in SciPy. */
const exactLimit = 10_000;

/**
 * Two-sided Kolmogorov-Smirnov test of two samples: sup |F - G|. The p-value is exact (by counting lattice paths) when both
 * samples have at most 10,000 values, otherwise Kolmogorov's limit. Values must not be NaN.
 */
export function kolmogorovSmirnov(reference: Floats, current: Floats): TestResult & { exact: boolean } {
  let most = 0;
  forEachStep(reference, current, (f, g) => (most = Math.max(most, Math.abs(f - g))));
  const exact = Math.max(reference.length, current.length) <= exactLimit;
  const pValue = exact ? exactTail(most, reference.length, current.length) : kolmogorovPValue(most, reference.length, current.length);
  return { statistic: most, pValue, exact };
}

/** Kolmogorov's limit for the two-sample statistic: good for thousands of values. */
export function kolmogorovPValue(statistic: number, n: number, m: number): number {
  return kolmogorovTail(Math.sqrt((n * m) / (n + m)) * statistic);
}

/** Wasserstein-1 distance of two samples: the area between their distribution functions, in the column's unit. Values must not be NaN. */
export function wasserstein(reference: Floats, current: Floats): number {
  let area = 0;
  forEachStep(reference, current, (f, g, width) => (area += Math.abs(f - g) * width));
  return area;
}

/** Chi-square goodness of fit: are current counts drawn from the reference's shares? Treats the reference as truth without error. */
export function goodnessOfFit(reference: ArrayLike<number>, current: ArrayLike<number>): TestResult {
  const scale = total(current) / total(reference);
  let statistic = 0;
  for (let i = 0; i < reference.length; i++) {
    const expected = reference[i]! * scale;
    if (expected > 0) statistic += (current[i]! - expected) ** 2 / expected;
    else if (current[i]! > 0) return { statistic: Infinity, pValue: 0 }; // a category that cannot happen has happened
  }
  return { statistic, pValue: chiSquareTail(statistic, reference.length - 1) };
}

/**
 * Chi-square test of homogeneity: are both counts drawn from one distribution? Unlike goodness of fit it knows that the
 * reference is a sample too. `yates` is the continuity correction for two categories that SciPy's `chi2_contingency` applies by default.
 */
export function homogeneity(reference: ArrayLike<number>, current: ArrayLike<number>, { yates = false } = {}): TestResult {
  const [n, m] = [total(reference), total(current)];
  const kept = Array.from(reference, (count, i) => [count, current[i]!] as const).filter(([a, b]) => a + b > 0);
  let statistic = 0;
  for (const [a, b] of kept) {
    for (const [observed, rows] of [
      [a, n],
      [b, m],
    ] as const) {
      const expected = ((a + b) * rows) / (n + m);
      const gap = Math.abs(observed - expected);
      statistic += (yates && kept.length === 2 ? gap - Math.min(0.5, gap) : gap) ** 2 / expected;
    }
  }
  return { statistic, pValue: kept.length > 1 ? chiSquareTail(statistic, kept.length - 1) : 1 };
}

/** Z-test of two proportions with pooled variance. */
export function proportionsTest(successes: [number, number], rows: [number, number]): TestResult {
  const pooled = (successes[0] + successes[1]) / (rows[0] + rows[1]);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / rows[0] + 1 / rows[1]));
  const difference = successes[0] / rows[0] - successes[1] / rows[1];
  return deviation === 0 ? { statistic: 0, pValue: 1 } : { statistic: difference / deviation, pValue: normalTwoSided(difference / deviation) };
}

/** Walks the merged values of both samples: distribution functions after each value, and the width up to the next one. */
function forEachStep(reference: Floats, current: Floats, visit: (f: number, g: number, width: number) => void): void {
  if (reference.length === 0 || current.length === 0) {
    throw new AppError(
      "invalid_argument",
      `Two samples are compared, but the ${reference.length === 0 ? "reference" : "current"} one has no values.`,
    );
  }
  const a = reference.slice().sort();
  const b = current.slice().sort();
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const x = j >= b.length || (i < a.length && a[i]! <= b[j]!) ? a[i]! : b[j]!;
    while (i < a.length && a[i] === x) i++;
    while (j < b.length && b[j] === x) j++;
    const next = Math.min(i < a.length ? a[i]! : Infinity, j < b.length ? b[j]! : Infinity);
    visit(i / a.length, j / b.length, next === Infinity ? 0 : next - x);
  }
}

/**
 * P(D ≥ statistic): 1 - the probability that a random path over the n × m lattice stays where |i/n - j/m| < statistic.
 * The recurrence of Kim and Jennrich (1973), with probabilities instead of counts so that nothing overflows; O(n m).
 */
function exactTail(statistic: number, n: number, m: number): number {
  const steps = Math.round(statistic * n * m); // |i/n - j/m| is a multiple of 1/(n m): compare whole numbers
  if (steps === 0) return 1;
  let inside = new Float64Array(m + 1);
  for (let j = 0; j <= m; j++) inside[j] = j * n < steps ? 1 : 0;
  for (let i = 1; i <= n; i++) {
    const weight = i / (i + m);
    inside[0] = i * m < steps ? inside[0]! * weight : 0;
    for (let j = 1; j <= m; j++) inside[j] = Math.abs(i * m - j * n) < steps ? inside[j]! * weight + inside[j - 1]! : 0;
  }
  return Math.min(1, Math.max(0, 1 - inside[m]!));
}

function total(counts: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i]!;
  return sum;
}
