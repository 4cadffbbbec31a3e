import { checkBinaryInput, type Floats } from "./metric-input.ts";
import { rankOrder } from "./rank-order.ts";

/** How far from 0 and 1 a score is kept before its logarithm: the machine epsilon of its type, as in scikit-learn. */
export function clipOf(scores: Floats): number {
  return scores instanceof Float32Array ? 2 ** -23 : 2 ** -52;
}

/** Log loss in nats of one row. `score` is clipped to [clip, 1 - clip]. */
export function rowLogLoss(label: number, score: number, clip: number): number {
  const p = Math.min(Math.max(score, clip), 1 - clip);
  return label === 1 ? -Math.log(p) : -Math.log1p(-p);
}

/** Weighted mean log loss in nats (scikit-learn's `log_loss`). Scores must be probabilities. */
export function meanLogLoss(labels: Floats, scores: Floats, weights?: Floats): number {
  checkBinaryInput(labels, scores, weights);
  const clip = clipOf(scores);
  return weightedMean(labels.length, (i) => rowLogLoss(labels[i]!, scores[i]!, clip), weights);
}

/** Mean squared difference of score and label (scikit-learn's `brier_score_loss`). */
export function brierScore(labels: Floats, scores: Floats, weights?: Floats): number {
  checkBinaryInput(labels, scores, weights);
  return weightedMean(labels.length, (i) => (scores[i]! - labels[i]!) ** 2, weights);
}

/** Mean difference of the two models' log losses on the same rows (positive: `scores` are worse), with its paired standard error. */
export function compareLogLoss(labels: Floats, scores: Floats, otherScores: Floats): { difference: number; standardError: number } {
  checkBinaryInput(labels, scores);
  checkBinaryInput(labels, otherScores);
  const [clip, otherClip] = [clipOf(scores), clipOf(otherScores)];
  let mean = 0;
  let squares = 0;
  for (let i = 0; i < labels.length; i++) {
    const loss = rowLogLoss(labels[i]!, scores[i]!, clip) - rowLogLoss(labels[i]!, otherScores[i]!, otherClip);
    const step = loss - mean;
    mean += step / (i + 1);
    squares += step * (loss - mean);
  }
  const n = labels.length;
  return { difference: mean, standardError: n > 1 ? Math.sqrt(squares / (n - 1) / n) : 0 };
}

/**
 * Area under the precision-recall curve as average precision: the sum over thresholds of the gain in recall times precision,
 * without interpolation (scikit-learn's `average_precision_score`). Undefined when there is no positive row.
 */
export function averagePrecision(labels: Floats, scores: Floats, weights?: Floats): number | undefined {
  checkBinaryInput(labels, scores, weights);
  const order = rankOrder(scores);
  let found = 0;
  let taken = 0;
  let area = 0;
  for (let i = order.length - 1; i >= 0;) {
    const score = scores[order[i]!];
    let gained = 0;
    for (; i >= 0 && scores[order[i]!] === score; i--) {
      const row = order[i]!;
      const weight = weights ? weights[row]! : 1;
      taken += weight;
      if (labels[row] === 1) gained += weight;
    }
    found += gained;
    if (taken > 0) area += gained * (found / taken);
  }
  return found > 0 ? area / found : undefined;
}

/** Weighted counts of outcomes where a score at or above the threshold says "positive", and the shares that follow; undefined where nothing is divided. */
export interface ThresholdMetrics {
  threshold: number;
  truePositives: number;
  falsePositives: number;
  trueNegatives: number;
  falseNegatives: number;
  accuracy: number;
  precision: number | undefined;
  recall: number | undefined;
  f1: number | undefined;
}

/** Accuracy, precision, recall and F1 of the decision `score >= threshold`. */
export function thresholdMetrics(labels: Floats, scores: Floats, threshold = 0.5, weights?: Floats): ThresholdMetrics {
  checkBinaryInput(labels, scores, weights);
  let [truePositives, falsePositives, trueNegatives, falseNegatives] = [0, 0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    const weight = weights ? weights[i]! : 1;
    const yes = scores[i]! >= threshold;
    if (labels[i] === 1 && yes) truePositives += weight;
    else if (labels[i] === 1) falseNegatives += weight;
    else if (yes) falsePositives += weight;
    else trueNegatives += weight;
  }
  const share = (part: number, whole: number): number | undefined => (whole > 0 ? part / whole : undefined);
  return {
    threshold,
    truePositives,
    falsePositives,
    trueNegatives,
    falseNegatives,
    accuracy: (truePositives + trueNegatives) / (truePositives + falsePositives + trueNegatives + falseNegatives),
    precision: share(truePositives, truePositives + falsePositives),
    recall: share(truePositives, truePositives + falseNegatives),
    f1: share(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
  };
}

function weightedMean(n: number, valueAt: (row: number) => number, weights?: Floats): number {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < n; i++) {
    const weight = weights ? weights[i]! : 1;
    sum += weight * valueAt(i);
    total += weight;
  }
  return sum / total;
}
