import { setImmediate } from "node:timers/promises";
import type { Trainer } from "#ports/trainer";
import { drawTrials, seededRandom } from "./random-search.ts";
import type { SearchSpace } from "./define.ts";
import type { TrainingTable } from "./training-table.ts";

export interface TuneRequest {
  trainer: Trainer;
  space: SearchSpace;
  /** Rows sorted by time. */
  rows: TrainingTable;
  trials: number;
  /** Folds of the time-ordered cross-validation. */
  folds: number;
  seed: number;
  threads: number;
  /** Parameters that every trial shares. */
  fixed: Record<string, unknown>;
  signal: AbortSignal;
  onTrial: (done: number, best: number) => void;
}

export interface Trial {
  params: Record<string, unknown>;
  /** Log loss, averaged over the folds; lower is better. */
  score: number;
  folds: number[];
}

/**
 * Random search: each trial is judged by cross-validation in time order (learn on the past, judge on what follows), one
 * trial a core. The trials and their scores depend on the seed alone.
 */
export async function tune(request: TuneRequest): Promise<{ best: Trial; trials: Trial[] }> {
  const points = drawTrials(request.space, request.trials, request.seed);
  const folds = timeFolds(request.rows.rows, request.folds);
  const trials: Trial[] = [];
  let next = 0;
  let done = 0;
  const work = async () => {
    for (let i = next++; i < points.length; i = next++) {
      const scores: number[] = [];
      for (const fold of folds) {
        request.signal.throwIfAborted();
        scores.push(await judge(request, points[i]!, fold));
      }
      trials[i] = { params: points[i]!, folds: scores, score: scores.reduce((sum, score) => sum + score, 0) / scores.length };
      request.onTrial(++done, Math.min(...trials.filter(Boolean).map((trial) => trial.score)));
    }
  };
  await Promise.all(Array.from({ length: Math.min(request.threads, points.length) }, work));
  const best = trials.reduce((winner, trial) => (trial.score < winner.score ? trial : winner));
  return { best, trials };
}

/** A share of the rows, evenly drawn, in their order. Copies into memory that threads share. */
export async function sampleRows(table: TrainingTable, wanted: number, seed: number): Promise<TrainingTable> {
  if (wanted >= table.rows) return table;
  const random = seededRandom(seed);
  const rows = new Int32Array(wanted);
  for (let i = 0, taken = 0; taken < wanted; i++) {
    if (random() * (table.rows - i) < wanted - taken) rows[taken++] = i;
  }
  await setImmediate();
  const gather = <T extends Float32Array | Float64Array | Int32Array>(values: T, out: T): T => {
    for (let i = 0; i < wanted; i++) out[i] = values[rows[i]!]!;
    return out;
  };
  const shared = (bytes: number) => new SharedArrayBuffer(bytes * wanted);
  return {
    rows: wanted,
    features: table.features.map((feature) =>
      feature.kind === "number"
        ? { ...feature, values: gather(feature.values, new Float32Array(shared(4))) }
        : { ...feature, codes: gather(feature.codes, new Int32Array(shared(4))) },
    ),
    label: gather(table.label, new Float32Array(shared(4))),
    time: gather(table.time, new Float64Array(shared(8))),
    id: gather(table.id, new Float64Array(shared(8))),
  };
}

interface Fold {
  trainTo: number;
  validTo: number;
}

/** Expanding windows: of `folds + 1` equal parts, fold k learns on the first k and is judged on the next. */
export function timeFolds(rows: number, folds: number): Fold[] {
  const at = (part: number) => Math.floor((rows * part) / (folds + 1));
  return Array.from({ length: folds }, (_, k) => ({ trainTo: at(k + 1), validTo: at(k + 2) }));
}

async function judge(request: TuneRequest, params: Record<string, unknown>, { trainTo, validTo }: Fold): Promise<number> {
  const fitted = await request.trainer.fit({
    train: slice(request.rows, 0, trainTo),
    valid: slice(request.rows, trainTo, validTo),
    params: { ...request.fixed, ...params },
    seed: request.seed,
    threads: 1,
    signal: request.signal,
  });
  const history = fitted.history["valid_logloss"] ?? Object.values(fitted.history)[0]!;
  return Math.min(...history);
}

function slice(table: TrainingTable, from: number, to: number): TrainingTable {
  return {
    rows: to - from,
    features: table.features.map((feature) =>
      feature.kind === "number" ? { ...feature, values: feature.values.subarray(from, to) } : { ...feature, codes: feature.codes.subarray(from, to) },
    ),
    label: table.label.subarray(from, to),
    time: table.time.subarray(from, to),
    id: table.id.subarray(from, to),
  };
}
