import { addScores, aucEstimate, emptyScoreHistogram, meanLogLoss, rocAuc, type ScoreHistogram } from "#domains/quality";
import type { OpenDay } from "./join-book.ts";
import { dayName, type DailyMetrics, type Role } from "./model.ts";

export interface DayRow extends DailyMetrics {
  startMs: number;
  /** Labelled scores by bin, so that days can be added up; null where the outcomes are not yes or no. */
  histogram: ScoreHistogram | null;
}

/** Rows of a day: one for each version that answered, one for each that was scored beside. AUC and its error are exact. */
export function dayRows(day: OpenDay, mature: boolean): DayRow[] {
  return [...groupsOf(day)].map(({ version, role, predictions, scoreSum, labelled, labels, scores }) => ({
    startMs: day.startMs,
    day: dayName(day.startMs),
    ...{ version, role, mature, predictions, labelled },
    meanScore: scoreSum / predictions,
    ...outcomeMetrics(labels.subarray(0, labelled), scores.subarray(0, labelled)),
  }));
}

interface Group {
  version: number;
  role: Role;
  predictions: number;
  scoreSum: number;
  /** How much of `labels` and `scores` is filled. */
  labelled: number;
  labels: Float32Array;
  scores: Float32Array;
}

function groupsOf({ predictions }: OpenDay): Iterable<Group> {
  const groups = { serving: new Map<number, Group>(), shadow: new Map<number, Group>() };
  const add = (role: Role, version: number, score: number, label: number) => {
    let group = groups[role].get(version);
    if (!group) {
      const empty = () => new Float32Array(predictions.length);
      group = { version, role, predictions: 0, scoreSum: 0, labelled: 0, labels: empty(), scores: empty() };
      groups[role].set(version, group);
    }
    group.predictions++;
    group.scoreSum += score;
    if (Number.isNaN(label)) return;
    group.labels[group.labelled] = label;
    group.scores[group.labelled++] = score;
  };
  for (const { version, score, shadowVersion, shadowScore, label } of predictions) {
    add("serving", version, score, label);
    if (shadowVersion !== undefined) add("shadow", shadowVersion, shadowScore, label);
  }
  return [...groups.serving.values(), ...groups.shadow.values()];
}

function outcomeMetrics(labels: Float32Array, scores: Float32Array) {
  const binary = labels.every((label) => label === 0 || label === 1) && scores.every((score) => score >= 0 && score <= 1);
  const baseRate = mean(labels);
  const none = { positives: 0, baseRate, auc: null, aucStandardError: null, logLoss: null, calibration: null, histogram: null };
  if (!binary || labels.length === 0) return none;
  const histogram = emptyScoreHistogram();
  addScores(histogram, labels, scores);
  const estimate = aucEstimate(labels, scores);
  return {
    positives: labels.reduce((sum, label) => sum + label, 0),
    baseRate,
    auc: estimate?.auc ?? rocAuc(labels, scores) ?? null,
    aucStandardError: estimate?.standardError ?? null,
    logLoss: meanLogLoss(labels, scores),
    calibration: mean(scores)! - baseRate!,
    histogram,
  };
}

function mean(values: ArrayLike<number>): number | null {
  if (values.length === 0) return null;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}
