import { checkBinaryInput, type Floats } from "./metric-input.ts";
import { rankOrder } from "./rank-order.ts";

export interface CalibrationBin {
  /** Lowest and highest score in the bin. */
  low: number;
  high: number;
  rows: number;
  /** Sum of the rows' weights; equals `rows` without weights. */
  weight: number;
  meanScore: number;
  /** Share of positive rows. */
  observed: number;
}

/**
 * How well scores are probabilities. `error` is the expected calibration error: the weighted mean over bins of
 * |mean score - observed share|. `inTheLarge` is mean score - observed share over all rows; its size never exceeds `error`.
 */
export interface CalibrationCurve {
  error: number;
  maxError: number;
  inTheLarge: number;
  meanScore: number;
  observed: number;
  bins: CalibrationBin[];
}

/**
 * Calibration over equal-mass bins: rows in order of score are cut into `bins` parts with equal numbers of rows, and rows of
 * equal score stay together (in the lower part), so there may be fewer bins. Without ties these are the bins of scikit-learn's
 * `calibration_curve(strategy="quantile")`.
 */
export function calibrationCurve(labels: Floats, scores: Floats, { bins = 10, weights }: { bins?: number; weights?: Floats } = {}): CalibrationCurve {
  checkBinaryInput(labels, scores, weights);
  const n = labels.length;
  const order = rankOrder(scores);
  const table: CalibrationBin[] = [];
  let at = 0;
  for (let b = 1; b <= bins; b++) {
    const from = at;
    at = Math.max(at, Math.round((b * n) / bins));
    while (at > from && at < n && scores[order[at]!] === scores[order[at - 1]!]) at++;
    if (at > from) table.push(binOf(labels, scores, order.subarray(from, at), weights));
  }
  const total = sumOf(table, (bin) => bin.weight);
  const meanScore = sumOf(table, (bin) => bin.weight * bin.meanScore) / total;
  const observed = sumOf(table, (bin) => bin.weight * bin.observed) / total;
  return {
    error: sumOf(table, (bin) => bin.weight * gapOf(bin)) / total,
    maxError: Math.max(...table.map(gapOf)),
    inTheLarge: meanScore - observed,
    meanScore,
    observed,
    bins: table,
  };
}

/** |mean score - observed share| of one bin. */
export function gapOf(bin: CalibrationBin): number {
  return Math.abs(bin.meanScore - bin.observed);
}

function binOf(labels: Floats, scores: Floats, rows: Uint32Array, weights?: Floats): CalibrationBin {
  let [weight, score, positive] = [0, 0, 0];
  for (const row of rows) {
    const w = weights ? weights[row]! : 1;
    weight += w;
    score += w * scores[row]!;
    positive += w * labels[row]!;
  }
  const over = weight > 0 ? weight : 1; // a bin whose rows all weigh nothing counts for nothing
  const [low, high] = [scores[rows[0]!]!, scores[rows[rows.length - 1]!]!];
  return { low, high, rows: rows.length, weight, meanScore: score / over, observed: positive / over };
}

function sumOf(bins: CalibrationBin[], value: (bin: CalibrationBin) => number): number {
  return bins.reduce((sum, bin) => sum + value(bin), 0);
}
