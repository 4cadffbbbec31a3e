import { normalTwoSided } from "./tail-probabilities.ts";
import { checkBinaryInput, type Floats } from "./metric-input.ts";
import { rankOrder } from "./rank-order.ts";

/** An area under the ROC curve with DeLong's standard error and the 95 % interval that follows from it. */
export interface AucEstimate {
  auc: number;
  standardError: number;
  low: number;
  high: number;
  positives: number;
  negatives: number;
}

const z95 = 1.959963984540054;

/**
 * Area under the ROC curve: the share of (positive, negative) pairs that the scores order rightly, ties counting half
 * (scikit-learn's `roc_auc_score`, weights included). Undefined when one class is absent.
 */
export function rocAuc(labels: Floats, scores: Floats, weights?: Floats): number | undefined {
  checkBinaryInput(labels, scores, weights);
  let below = 0; // weight of negatives with a lower score
  let positives = 0;
  let ordered = 0;
  forEachTie(scores, (order, from, to) => {
    let tiedPositives = 0;
    let tiedNegatives = 0;
    for (let i = from; i < to; i++) {
      const row = order[i]!;
      const weight = weights ? weights[row]! : 1;
      if (labels[row] === 1) tiedPositives += weight;
      else tiedNegatives += weight;
    }
    ordered += tiedPositives * (below + tiedNegatives / 2);
    positives += tiedPositives;
    below += tiedNegatives;
  });
  return positives > 0 && below > 0 ? ordered / positives / below : undefined;
}

/**
 * AUC with its standard error after DeLong, DeLong and Clarke-Pearson (1988), in the O(n log n) form of Sun and Xu (2014).
 * Undefined when a class has fewer than two rows.
 */
export function aucEstimate(labels: Floats, scores: Floats): AucEstimate | undefined {
  checkBinaryInput(labels, scores);
  const parts = structuralComponents(labels, scores);
  if (parts.positives < 2 || parts.negatives < 2) return undefined;
  const standardError = Math.sqrt(covariance(labels, parts, parts));
  const low = Math.max(0, parts.auc - z95 * standardError);
  const high = Math.min(1, parts.auc + z95 * standardError);
  return { auc: parts.auc, standardError, low, high, positives: parts.positives, negatives: parts.negatives };
}

/** The difference of two AUCs on the very same rows, with its paired standard error and two-sided p-value. */
export interface AucComparison {
  auc: number;
  otherAuc: number;
  /** `auc - otherAuc`. */
  difference: number;
  standardError: number;
  low: number;
  high: number;
  pValue: number;
}

/** DeLong's paired test of two models on the same rows. Undefined when a class has fewer than two rows. */
export function compareAuc(labels: Floats, scores: Floats, otherScores: Floats): AucComparison | undefined {
  checkBinaryInput(labels, scores);
  checkBinaryInput(labels, otherScores);
  const one = structuralComponents(labels, scores);
  if (one.positives < 2 || one.negatives < 2) return undefined;
  const other = structuralComponents(labels, otherScores);
  const variance = covariance(labels, one, one) + covariance(labels, other, other) - 2 * covariance(labels, one, other);
  const standardError = Math.sqrt(Math.max(0, variance));
  const difference = one.auc - other.auc;
  return {
    auc: one.auc,
    otherAuc: other.auc,
    difference,
    standardError,
    low: difference - z95 * standardError,
    high: difference + z95 * standardError,
    pValue: standardError === 0 ? (difference === 0 ? 1 : 0) : normalTwoSided(difference / standardError),
  };
}

interface Components {
  auc: number;
  positives: number;
  negatives: number;
  /** By row: for a positive the share of negatives below it, for a negative the share of positives above it, ties half. */
  values: Float64Array;
}

function structuralComponents(labels: Floats, scores: Floats): Components {
  let positives = 0;
  for (let i = 0; i < labels.length; i++) positives += labels[i]!;
  const negatives = labels.length - positives;
  const values = new Float64Array(labels.length);
  let positivesBelow = 0;
  let negativesBelow = 0;
  let sum = 0;
  forEachTie(scores, (order, from, to) => {
    let tied = 0;
    for (let i = from; i < to; i++) tied += labels[order[i]!]!;
    const tiedNegatives = to - from - tied;
    const ofPositive = (negativesBelow + tiedNegatives / 2) / negatives;
    const ofNegative = (positives - positivesBelow - tied / 2) / positives;
    for (let i = from; i < to; i++) {
      const row = order[i]!;
      values[row] = labels[row] === 1 ? ofPositive : ofNegative;
    }
    sum += tied * ofPositive;
    positivesBelow += tied;
    negativesBelow += tiedNegatives;
  });
  return { auc: sum / positives, positives, negatives, values };
}

/** Covariance of two AUC estimates on the same rows: each class contributes the sample covariance of its components over its size. */
function covariance(labels: Floats, a: Components, b: Components): number {
  let ofPositives = 0;
  let ofNegatives = 0;
  for (let i = 0; i < labels.length; i++) {
    const product = (a.values[i]! - a.auc) * (b.values[i]! - b.auc);
    if (labels[i] === 1) ofPositives += product;
    else ofNegatives += product;
  }
  return ofPositives / (a.positives - 1) / a.positives + ofNegatives / (a.negatives - 1) / a.negatives;
}

/** Calls back with each run of equal scores, in ascending order. */
function forEachTie(scores: Floats, visit: (order: Uint32Array, from: number, to: number) => void): void {
  const order = rankOrder(scores);
  for (let from = 0, to = 0; from < order.length; from = to) {
    const score = scores[order[from]!];
    while (to < order.length && scores[order[to]!] === score) to++;
    visit(order, from, to);
  }
}
