import { z } from "zod";
import { AppError } from "#kit/app-error";
import type { Floats } from "./metric-input.ts";

const counts = z.array(z.number().int().min(0));

/**
 * Probabilities counted by label over equal-width bins: enough for AUC, log loss and calibration of a window, and windows add up.
 * Late outcomes are added to the window of their prediction at any time.
 */
export const scoreHistogramSchema = z.object({
  positives: counts,
  negatives: counts,
  /** Sum of the log losses in nats, so that the log loss is exact. */
  logLossSum: z.number(),
  scoreSum: z.number(),
});

export type ScoreHistogram = z.infer<typeof scoreHistogramSchema>;

/** 1,024 bins give the AUC of well-spread scores to about 1e-4. */
const defaultBins = 1_024;

export function emptyScoreHistogram(bins = defaultBins): ScoreHistogram {
  const zeros = () => Array.from({ length: bins }, () => 0);
  return { positives: zeros(), negatives: zeros(), logLossSum: 0, scoreSum: 0 };
}

/** Adds outcomes in place. Scores must be probabilities, labels 0 or 1; throws `invalid_argument` before anything is added otherwise. */
export function addScores(histogram: ScoreHistogram, labels: Floats, scores: Floats): void {
  for (let i = 0; i < labels.length; i++) {
    const [label, score] = [labels[i]!, scores[i]!];
    if ((label !== 0 && label !== 1) || !(score >= 0 && score <= 1)) {
      throw new AppError("invalid_argument", `Outcome ${i} has the label ${label} and the score ${score}; a label is 0 or 1, a score a probability.`);
    }
  }
  const bins = histogram.positives.length;
  const clip = 2 ** -23;
  for (let i = 0; i < labels.length; i++) {
    const score = scores[i]!;
    const p = Math.min(Math.max(score, clip), 1 - clip);
    (labels[i] === 1 ? histogram.positives : histogram.negatives)[Math.min(bins - 1, Math.floor(score * bins))]!++;
    histogram.logLossSum -= labels[i] === 1 ? Math.log(p) : Math.log1p(-p);
    histogram.scoreSum += score;
  }
}

/** The histogram of both windows together. */
export function mergeScores(a: ScoreHistogram, b: ScoreHistogram): ScoreHistogram {
  if (a.positives.length !== b.positives.length) {
    throw new AppError("conflict", `Score histograms of ${a.positives.length} and ${b.positives.length} bins cannot be merged.`);
  }
  return {
    positives: a.positives.map((count, i) => count + b.positives[i]!),
    negatives: a.negatives.map((count, i) => count + b.negatives[i]!),
    logLossSum: a.logLossSum + b.logLossSum,
    scoreSum: a.scoreSum + b.scoreSum,
  };
}

export interface HistogramMetrics {
  rows: number;
  positives: number;
  negatives: number;
  /** Scores of one bin count as equal. Undefined with one class. */
  auc: number | undefined;
  /** Hanley and McNeil's (1982) standard error, which needs the AUC and the class sizes only. */
  aucStandardError: number | undefined;
  logLoss: number | undefined;
  /** Mean score - share of positives. */
  inTheLarge: number | undefined;
}

/** Metrics of a window from its histogram. */
export function histogramMetrics(histogram: ScoreHistogram): HistogramMetrics {
  let [positives, negatives, ordered] = [0, 0, 0];
  histogram.positives.forEach((up, bin) => {
    const down = histogram.negatives[bin]!;
    ordered += up * (negatives + down / 2);
    positives += up;
    negatives += down;
  });
  const rows = positives + negatives;
  const auc = positives > 0 && negatives > 0 ? ordered / positives / negatives : undefined;
  return {
    rows,
    positives,
    negatives,
    auc,
    aucStandardError: auc === undefined ? undefined : hanleyMcNeil(auc, positives, negatives),
    logLoss: rows > 0 ? histogram.logLossSum / rows : undefined,
    inTheLarge: rows > 0 ? (histogram.scoreSum - positives) / rows : undefined,
  };
}

function hanleyMcNeil(auc: number, positives: number, negatives: number): number {
  const square = auc * auc;
  const [q1, q2] = [auc / (2 - auc), (2 * square) / (1 + auc)];
  return Math.sqrt((auc * (1 - auc) + (positives - 1) * (q1 - square) + (negatives - 1) * (q2 - square)) / (positives * negatives));
}
