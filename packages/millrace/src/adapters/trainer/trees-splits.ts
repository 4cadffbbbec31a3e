/**
 * Finds the best split of a leaf by one column, from the column's histogram. Formulas as in LightGBM (feature_histogram.hpp):
 * gain G²/(H+λ) per side less the parent's; categories sorted by G/(H+catSmooth) and cut like numbers, from both ends.
 *
 * Sums are integers in units of the quantisation; `unitGradient` and `unitHessian` turn them into real ones.
 */
import type { TreesParams } from "./trees-params.ts";

export interface SplitRules {
  params: TreesParams;
  unitGradient: number;
  unitHessian: number;
  /** Whether any column is monotone: outputs are then bounded. */
  constrained: boolean;
}

/** What a leaf knows of itself: sums in units, rows, and the bounds that monotone splits above it set on its output. */
export interface LeafSums {
  gradient: number;
  hessian: number;
  rows: number;
  lower: number;
  upper: number;
}

export interface ColumnHistogram {
  /** Pairs per bin: second derivatives (unsigned), first derivatives. */
  sums: Int32Array;
  /** Index of bin 0 in `sums`. */
  start: number;
  /** Bins, the one for missing values (0) included. */
  bins: number;
}

/** The best split, reused from search to search; `gain` is -Infinity when there is none. */
export interface SplitFound {
  gain: number;
  /** Last bin that goes left, or −1 for a set of categories. */
  bin: number;
  missingLeft: boolean;
  leftGradient: number;
  leftHessian: number;
  leftOutput: number;
  rightOutput: number;
  /** Bins that go left, one bit each. */
  members: Uint32Array;
}

export function emptySplit(): SplitFound {
  return {
    gain: -Infinity,
    bin: -1,
    missingLeft: false,
    leftGradient: 0,
    leftHessian: 0,
    leftOutput: 0,
    rightOutput: 0,
    members: new Uint32Array(8),
  };
}

/** Searches the cuts of a numeric column, with missing values on either side. `monotone` is −1, 0 or 1. */
export function findNumericSplit(histogram: ColumnHistogram, leaf: LeafSums, monotone: number, rules: SplitRules, found: SplitFound): void {
  const { sums, start } = histogram;
  found.gain = -Infinity;
  const missingGradient = sums[start + 1] ?? 0;
  const missingHessian = (sums[start] ?? 0) >>> 0;
  const hasMissing = missingGradient !== 0 || missingHessian !== 0;
  const sweep = rules.constrained ? sweepConstrained : sweepFree;
  sweep(histogram, leaf, 0, 0, monotone, rules, found);
  if (!hasMissing) found.missingLeft = found.leftHessian * 2 > leaf.hessian; // never seen in training: with the majority
  else sweep(histogram, leaf, missingGradient, missingHessian, monotone, rules, found);
  if (found.gain > -Infinity) finish(leaf, 0, rules, found);
}

/** One pass over the bins; `gradient` and `hessian` start with what is on the left already (the missing values, or nothing). */
function sweepFree(
  histogram: ColumnHistogram,
  leaf: LeafSums,
  gradient: number,
  hessian: number,
  _monotone: number,
  rules: SplitRules,
  found: SplitFound,
): void {
  const { sums, start, bins } = histogram;
  const { params, unitHessian, unitGradient } = rules;
  const l2 = params.l2 / unitHessian;
  const least = leastHessian(leaf, rules);
  const scale = unitGradient ** 2 / unitHessian;
  const missingLeft = gradient !== 0 || hessian !== 0;
  let best = found.gain / scale;
  for (let bin = 1; bin < bins; bin++) {
    const at = start + bin * 2;
    const h = (sums[at] as number) >>> 0; // in range by construction; this is the inner loop
    const g = sums[at + 1] as number;
    if (h === 0 && g === 0) continue;
    hessian += h;
    gradient += g;
    if (hessian < least) continue;
    const rightHessian = leaf.hessian - hessian;
    if (rightHessian < least) break;
    const rightGradient = leaf.gradient - gradient;
    const gain = (gradient * gradient) / (hessian + l2) + (rightGradient * rightGradient) / (rightHessian + l2);
    if (gain <= best) continue;
    best = gain;
    keep(found, gain * scale, bin, missingLeft, gradient, hessian);
  }
}

function sweepConstrained(
  histogram: ColumnHistogram,
  leaf: LeafSums,
  gradient: number,
  hessian: number,
  monotone: number,
  rules: SplitRules,
  found: SplitFound,
): void {
  const { sums, start, bins } = histogram;
  const least = leastHessian(leaf, rules);
  const missingLeft = gradient !== 0 || hessian !== 0;
  for (let bin = 1; bin < bins; bin++) {
    const at = start + bin * 2;
    hessian += (sums[at] ?? 0) >>> 0;
    gradient += sums[at + 1] ?? 0;
    if (hessian < least) continue;
    if (leaf.hessian - hessian < least) break;
    const leftOutput = output(gradient, hessian, 0, leaf, rules);
    const rightOutput = output(leaf.gradient - gradient, leaf.hessian - hessian, 0, leaf, rules);
    if (monotone * (rightOutput - leftOutput) < 0) continue;
    const gain = gainOf(gradient, hessian, leftOutput, 0, rules) + gainOf(leaf.gradient - gradient, leaf.hessian - hessian, rightOutput, 0, rules);
    if (gain > found.gain) keep(found, gain, bin, missingLeft, gradient, hessian);
  }
}

/** Categories in up to this many bins are tried one against the rest, as LightGBM's `max_cat_to_onehot`. */
const oneAgainstRest = 4;

/** Searches the sets of categories. The set goes left; missing, unseen and rare categories (bin 0) go right. */
export function findCategorySplit(histogram: ColumnHistogram, leaf: LeafSums, rules: SplitRules, found: SplitFound): void {
  const { sums, start, bins } = histogram;
  const { params } = rules;
  found.gain = -Infinity;
  const hessianOf = (bin: number): number => (sums[start + bin * 2] ?? 0) >>> 0;
  const gradientOf = (bin: number): number => sums[start + bin * 2 + 1] ?? 0;
  const single = bins - 1 <= oneAgainstRest;
  const rowsPerHessian = leaf.rows / leaf.hessian;
  const frequent: number[] = [];
  for (let bin = 1; bin < bins; bin++)
    if (single ? hessianOf(bin) > 0 : Math.round(hessianOf(bin) * rowsPerHessian) >= params.catSmooth) frequent.push(bin);
  const extraL2 = single ? 0 : params.catL2;
  const least = leastHessian(leaf, rules);
  const l2 = params.l2 + extraL2;
  const tryLeft = (gradient: number, hessian: number): boolean => {
    const leftOutput = output(gradient, hessian, extraL2, leaf, rules);
    const rightOutput = output(leaf.gradient - gradient, leaf.hessian - hessian, extraL2, leaf, rules);
    const gain =
      gainOf(gradient, hessian, leftOutput, l2 - params.l2, rules) +
      gainOf(leaf.gradient - gradient, leaf.hessian - hessian, rightOutput, extraL2, rules);
    if (gain <= found.gain) return false;
    keep(found, gain, -1, false, gradient, hessian);
    return true;
  };

  if (single) {
    for (const bin of frequent) {
      if (hessianOf(bin) < least || leaf.hessian - hessianOf(bin) < least) continue;
      if (tryLeft(gradientOf(bin), hessianOf(bin))) setMembers(found, [bin]);
    }
  } else {
    const smooth = params.catSmooth / rules.unitHessian;
    const rate = new Float64Array(bins);
    for (const bin of frequent) rate[bin] = gradientOf(bin) / (hessianOf(bin) + smooth);
    frequent.sort((a, b) => (rate[a] ?? 0) - (rate[b] ?? 0) || a - b);
    const most = Math.min(params.maxCatThreshold, Math.floor((frequent.length + 1) / 2));
    const group = params.minRowsPerCategoryGroup / rowsPerHessian;
    const longest = { count: 0, reversed: false };
    for (const reversed of [false, true]) {
      let gradient = 0;
      let hessian = 0;
      let inGroup = 0;
      for (let i = 0; i < most; i++) {
        const bin = frequent[reversed ? frequent.length - 1 - i : i] ?? 0;
        gradient += gradientOf(bin);
        hessian += hessianOf(bin);
        inGroup += hessianOf(bin);
        if (hessian < least) continue;
        if (leaf.hessian - hessian < Math.max(least, group)) break;
        if (inGroup < group) continue;
        inGroup = 0;
        if (tryLeft(gradient, hessian)) Object.assign(longest, { count: i + 1, reversed });
      }
    }
    setMembers(found, longest.reversed ? frequent.slice(frequent.length - longest.count) : frequent.slice(0, longest.count));
  }
  if (found.gain > -Infinity) finish(leaf, extraL2, rules, found);
}

function setMembers(found: SplitFound, bins: number[]): void {
  found.members.fill(0);
  for (const bin of bins) found.members[bin >> 5] = (found.members[bin >> 5] ?? 0) | (1 << (bin & 31));
}

/** The second derivatives, in units, that a side needs for both `minRows` and `minHessian`. */
function leastHessian(leaf: LeafSums, { params, unitHessian }: SplitRules): number {
  // A rounding allowance: with equal second derivatives "rows" is exact, and `minRows` rows must be enough.
  return Math.max(((params.minRows - 1e-6) * leaf.hessian) / leaf.rows, params.minHessian / unitHessian, 1);
}

function output(gradient: number, hessian: number, extraL2: number, leaf: LeafSums, { params, unitGradient, unitHessian }: SplitRules): number {
  const free = (-gradient * unitGradient) / (hessian * unitHessian + params.l2 + extraL2);
  return Math.min(leaf.upper, Math.max(leaf.lower, free));
}

/** Twice the loss that an output takes off, in the second-order approximation. */
function gainOf(gradient: number, hessian: number, value: number, extraL2: number, { params, unitGradient, unitHessian }: SplitRules): number {
  return -(2 * gradient * unitGradient * value + (hessian * unitHessian + params.l2 + extraL2) * value * value);
}

function keep(found: SplitFound, gain: number, bin: number, missingLeft: boolean, gradient: number, hessian: number): void {
  found.gain = gain;
  found.bin = bin;
  found.missingLeft = missingLeft;
  found.leftGradient = gradient;
  found.leftHessian = hessian;
}

/** Takes the unsplit leaf's gain off, and fills in both sides' outputs. */
function finish(leaf: LeafSums, extraL2: number, rules: SplitRules, found: SplitFound): void {
  const own = output(leaf.gradient, leaf.hessian, 0, leaf, rules);
  found.gain -= gainOf(leaf.gradient, leaf.hessian, own, 0, rules);
  found.leftOutput = output(found.leftGradient, found.leftHessian, extraL2, leaf, rules);
  found.rightOutput = output(leaf.gradient - found.leftGradient, leaf.hessian - found.leftHessian, extraL2, leaf, rules);
  if (!(found.gain > Math.max(rules.params.minGain, 1e-10))) found.gain = -Infinity;
}
