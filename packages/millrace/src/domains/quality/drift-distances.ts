/**
 * Distances of two discrete distributions over the same bins, given as shares that sum to 1 (or counts: see `sharesOf`).
 * Natural logarithms unless a base is named. Formulas as in SciPy (`entropy`, `spatial.distance.jensenshannon`).
 */

/** Share that an empty bin counts as in PSI and KL, where a zero would make them infinite. Evidently's value. */
export const zeroFill = 1e-4;

/** Counts as shares of their sum; all zero when there is nothing. */
export function sharesOf(counts: ArrayLike<number>): Float64Array {
  const shares = Float64Array.from(counts);
  const total = shares.reduce((sum, count) => sum + count, 0);
  return total > 0 ? shares.map((count) => count / total) : shares;
}

/** Population stability index: the sum of (p - q) ln(p / q). Symmetric, never negative. Zero shares count as `fill`, without rescaling the rest. */
export function populationStabilityIndex(p: Float64Array, q: Float64Array, fill = zeroFill): number {
  return sumOver(p, q, (a, b) => {
    const [x, y] = [a === 0 ? fill : a, b === 0 ? fill : b];
    return a === 0 && b === 0 ? 0 : (x - y) * Math.log(x / y);
  });
}

/** Kullback-Leibler divergence of q from p: the sum of p ln(p / q), zero shares counting as `fill` on both sides. */
export function kullbackLeibler(p: Float64Array, q: Float64Array, fill = zeroFill): number {
  return sumOver(p, q, (a, b) => (a === 0 ? fill : a) * Math.log((a === 0 ? fill : a) / (b === 0 ? fill : b)));
}

/** Jensen-Shannon distance (the square root of the divergence): 0 to 1 with `base` 2, 0 to 0.8326 with the natural logarithm. */
export function jensenShannon(p: Float64Array, q: Float64Array, base: "e" | 2 = "e"): number {
  const divergence = sumOver(p, q, (a, b) => {
    const middle = (a + b) / 2;
    return (a > 0 ? a * Math.log(a / middle) : 0) + (b > 0 ? b * Math.log(b / middle) : 0);
  });
  return Math.sqrt(Math.max(0, divergence) / 2 / (base === 2 ? Math.LN2 : 1));
}

/** Total variation distance: half the sum of |p - q|. */
export function totalVariation(p: Float64Array, q: Float64Array): number {
  return sumOver(p, q, (a, b) => Math.abs(a - b)) / 2;
}

/** The largest |p - q|. */
export function lInfinity(p: Float64Array, q: Float64Array): number {
  return p.reduce((most, a, i) => Math.max(most, Math.abs(a - q[i]!)), 0);
}

/** Hellinger distance, 0 to 1. Written as a sum of squares: the usual square root of 1 - sum(sqrt(pq)) cancels near 0. */
export function hellinger(p: Float64Array, q: Float64Array): number {
  return Math.sqrt(sumOver(p, q, (a, b) => (Math.sqrt(a) - Math.sqrt(b)) ** 2) / 2);
}

function sumOver(p: Float64Array, q: Float64Array, term: (a: number, b: number) => number): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += term(p[i]!, q[i]!);
  return sum;
}
