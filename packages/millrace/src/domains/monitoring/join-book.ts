// Hot path: 500,000 predictions a month of events cost well under a second here.
import { dayOf } from "./model.ts";

/** A prediction as the monitor holds it, until its day is given up. */
export interface MonitoredPrediction {
  offset: number;
  key: string;
  timeMs: number;
  version: number;
  score: number;
  shadowVersion: number | undefined;
  shadowScore: number;
  source: string;
  /** Released once the record is in the table. */
  inputs: Float32Array | undefined;
  /** NaN until the outcome is known. */
  label: number;
  labelMs: number;
  /** The one before it with the same key. */
  older: MonitoredPrediction | undefined;
}

export interface Outcome {
  offset: number;
  key: string;
  timeMs: number;
  /** NaN for an outcome without a value. */
  label: number;
}

export interface OpenDay {
  startMs: number;
  predictions: MonitoredPrediction[];
  firstOffset: number;
}

/** What taking predictions and outcomes has changed. */
export interface Joined {
  labelled: MonitoredPrediction[];
  late: MonitoredPrediction[];
  duplicates: number;
  withoutPrediction: number;
  withoutLabel: number;
  /** Starts of the days that have more predictions or outcomes than before. */
  touched: Set<number>;
}

/**
 * The predictions of the days that still wait for outcomes. An outcome belongs to every prediction of its key that was made
 * before it and has none yet. A day is given up once all its predictions have waited for `maturityMs`.
 */
export interface JoinBook {
  readonly days: ReadonlyMap<number, OpenDay>;
  /** Start of the oldest day that takes predictions and outcomes; -Infinity before any was given up. */
  readonly openFromMs: number;
  take(predictions: MonitoredPrediction[], outcomes: Outcome[]): Joined;
  /** Gives up the days that have waited long enough at a moment, and returns their predictions that never got an outcome. */
  giveUp(nowMs: number): { days: OpenDay[]; unlabelled: MonitoredPrediction[] };
}

export function createJoinBook(maturityMs: number, openFrom = -Infinity): JoinBook {
  const days = new Map<number, OpenDay>();
  const byKey = new Map<string, MonitoredPrediction>();
  let newest: OpenDay | undefined; // the day that the last prediction went to
  let openFromMs = openFrom;
  return {
    days,
    get openFromMs() {
      return openFromMs;
    },
    take(predictions, outcomes) {
      const joined: Joined = { labelled: [], late: [], duplicates: 0, withoutPrediction: 0, withoutLabel: 0, touched: new Set() };
      for (const prediction of predictions) add(prediction, joined);
      for (const outcome of inTimeOrder(outcomes)) label(outcome, joined);
      return joined;
    },
    giveUp(nowMs) {
      const untilMs = dayOf(nowMs - maturityMs);
      const mature = [...days.values()].filter((day) => day.startMs < untilMs);
      openFromMs = Math.max(openFromMs, untilMs);
      newest = undefined;
      for (const day of mature) {
        days.delete(day.startMs);
        for (const prediction of day.predictions) forget(prediction);
      }
      return { days: mature, unlabelled: mature.flatMap((day) => day.predictions.filter((prediction) => Number.isNaN(prediction.label))) };
    },
  };

  function add(prediction: MonitoredPrediction, joined: Joined): void {
    const startMs = dayOf(prediction.timeMs);
    if (startMs < openFromMs) {
      joined.late.push(prediction);
      return;
    }
    if (newest?.startMs !== startMs) {
      newest = days.get(startMs);
      if (!newest) days.set(startMs, (newest = { startMs, predictions: [], firstOffset: prediction.offset }));
    }
    newest.predictions.push(prediction);
    if (prediction.offset < newest.firstOffset) newest.firstOffset = prediction.offset;
    prediction.older = byKey.get(prediction.key);
    byKey.set(prediction.key, prediction);
    joined.touched.add(startMs);
  }

  function label(outcome: Outcome, joined: Joined): void {
    if (Number.isNaN(outcome.label)) {
      joined.withoutLabel++;
      return;
    }
    let known = false;
    let found = false;
    for (let prediction = byKey.get(outcome.key); prediction; prediction = prediction.older) {
      if (prediction.timeMs > outcome.timeMs) continue;
      if (!Number.isNaN(prediction.label)) {
        known = true;
        continue;
      }
      found = true;
      prediction.label = outcome.label;
      prediction.labelMs = outcome.timeMs;
      joined.labelled.push(prediction);
      joined.touched.add(dayOf(prediction.timeMs));
    }
    if (!found && known) joined.duplicates++;
    else if (!found) joined.withoutPrediction++;
  }

  function forget(prediction: MonitoredPrediction): void {
    const latest = byKey.get(prediction.key);
    if (latest === prediction) {
      if (prediction.older) byKey.set(prediction.key, prediction.older);
      else byKey.delete(prediction.key);
      return;
    }
    for (let at = latest; at; at = at.older) if (at.older === prediction) at.older = prediction.older;
  }
}

/** Outcomes by time, those of one time by offset. A topic has them in this order, but for the few that came late. */
function inTimeOrder(outcomes: Outcome[]): Outcome[] {
  const sorted = outcomes.every((outcome, i) => i === 0 || outcome.timeMs > outcomes[i - 1]!.timeMs);
  return sorted ? outcomes : outcomes.toSorted((a, b) => a.timeMs - b.timeMs || a.offset - b.offset);
}
