/** Survival functions of the distributions that the tests need, accurate in the far tail (about 1e-13 relative). */

/** P(X ≥ x) of a chi-square variable with `freedom` degrees of freedom. */
export function chiSquareTail(x: number, freedom: number): number {
  return x <= 0 ? 1 : upperGamma(freedom / 2, x / 2);
}

/** P(|Z| ≥ |z|) of a standard normal variable. */
export function normalTwoSided(z: number): number {
  return z === 0 ? 1 : upperGamma(0.5, (z * z) / 2);
}

/** P(K ≥ x) of Kolmogorov's limit distribution (SciPy's `special.kolmogorov`). */
export function kolmogorovTail(x: number): number {
  if (x <= 0.04) return 1; // the tail differs from 1 by less than any double can say
  if (x < 1.18) {
    // The dual series converges fast near zero.
    let sum = 0;
    for (let k = 1; k <= 19; k += 2) sum += Math.exp((-k * k * Math.PI * Math.PI) / (8 * x * x));
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  let sum = 0;
  for (let k = 1; k <= 20; k++) sum += (k % 2 === 1 ? 1 : -1) * Math.exp(-2 * k * k * x * x);
  return 2 * sum;
}

/** Regularised upper incomplete gamma function Q(a, x): a series below a + 1, Lentz's continued fraction above. */
function upperGamma(a: number, x: number): number {
  const front = Math.exp(-x + a * Math.log(x) - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < 10_000 && term > sum * 1e-17; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return 1 - front * sum;
  }
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < 10_000; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / (Math.abs(an * d + b) < tiny ? tiny : an * d + b);
    c = Math.abs(b + an / c) < tiny ? tiny : b + an / c;
    const step = d * c;
    fraction *= step;
    if (Math.abs(step - 1) < 1e-16) break;
  }
  return front * fraction;
}

/** ln Γ(x) for x > 0: Lanczos' approximation with g = 7 and nine terms. */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const shifted = x - 1;
  let sum = 0.999_999_999_999_809_93;
  lanczos.forEach((coefficient, i) => (sum += coefficient / (shifted + i + 1)));
  const t = shifted + lanczos.length - 0.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

const lanczos = [
  676.520_368_121_885_1, -1_259.139_216_722_402_8, 771.323_428_777_653_13, -176.615_029_162_140_6, 12.507_343_278_686_905, -0.138_571_095_265_720_12,
  9.984_369_578_019_572e-6, 1.505_632_735_149_311_6e-7,
];
