// Hot path. Budget: 50 µs for a row alone, 12 µs among many, beside the HTTP layer; benchmark: bench/stream.
import { setImmediate } from "node:timers/promises";
import type { Topic } from "#domains/ingest";
import { AppError } from "#kit/app-error";
import type { Stream } from "#ports/stream";
import type { LiveFeatures } from "./live-features.ts";
import type { AskingRow } from "./matrix-row.ts";
import { encodePrediction, predictionId, type PredictionRecord } from "./prediction-record.ts";
import { questionReader, type Question, type QuestionReader } from "./question.ts";
import { scoreRows } from "./score-rows.ts";
import type { ScoredBatch, ServingModels } from "./stream-scorer.ts";

export interface PredictOptions {
  /** Keep the predictions durably, so that they have an id, can be traced and are compared with what happens. Default: true. */
  record?: boolean;
  /** Which of the loaded versions answers; the one that serves unless said otherwise. */
  version?: number;
  signal?: AbortSignal;
}

export interface Prediction {
  /** Null where it was not recorded. */
  id: string | null;
  /** Probability or value, a float32. */
  score: number;
  version: number;
}

export interface PredictResult {
  /** In the order of the rows. */
  predictions: Prediction[];
  /** Columns of the model that a row left out; they were missing to the model. */
  missing: string[];
}

export interface PredictorOptions {
  stream: Stream;
  endpoint: string;
  out: string;
  asks: Topic | undefined;
  now: () => number;
  state: () => { models: ServingModels; live: LiveFeatures };
  onBatch: (batch: ScoredBatch) => void;
}

export interface Predictor {
  predict(rows: readonly AskingRow[], options?: PredictOptions): Promise<PredictResult>;
  /** Resolves once all that was asked so far is answered. */
  settled(): Promise<void>;
}

/** Rows of one call that wait to be scored with others of the same turn. */
interface Asked {
  reader: QuestionReader;
  matrix: Float32Array;
  questions: Question[];
  record: boolean;
  resolve: (predictions: Prediction[]) => void;
  reject: (error: unknown) => void;
}

const rowsPerTurn = 512;

/**
 * Answers rows. All calls of one turn of the event loop are scored together and recorded in one append; nobody waits for more to
 * come. A call is answered as a whole or, where one row is wrong, not at all.
 */
export function createPredictor(options: PredictorOptions): Predictor {
  const readers = new WeakMap<LiveFeatures, Map<number, QuestionReader>>();
  let waiting: Asked[] = [];
  let turn: Promise<void> | undefined;
  const running = new Set<Promise<unknown>>();

  return {
    async predict(rows, { record = true, version, signal } = {}) {
      const work = ask(rows, record, version, signal);
      running.add(work);
      try {
        return await work;
      } finally {
        running.delete(work);
      }
    },
    async settled() {
      await Promise.allSettled(running);
    },
  };

  async function ask(
    rows: readonly AskingRow[],
    record: boolean,
    version: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<PredictResult> {
    if (rows.length === 0) return { predictions: [], missing: [] };
    const reader = readerOf(version);
    const { width } = reader.model.model;
    const matrix = new Float32Array(rows.length * width);
    const questions: Question[] = [];
    const absent = new Set<string>();
    const defaultMs = options.state().live.newestMs ?? options.now();
    for (let i = 0; i < rows.length; i++) {
      questions.push(readRow(reader, rows, i, defaultMs, matrix, i * width, absent));
      if (i % rowsPerTurn === rowsPerTurn - 1) {
        await setImmediate();
        signal?.throwIfAborted();
      }
    }
    const predictions = await new Promise<Prediction[]>((resolve, reject) => {
      waiting.push({ reader, matrix, questions, record, resolve, reject });
      turn ??= answerTurn();
    });
    return { predictions, missing: [...absent] };
  }

  function readerOf(version: number | undefined): QuestionReader {
    const { models, live } = options.state();
    const model = [models.serving, models.shadow].find((each) => each && (version === undefined || each.version === version));
    if (!model) {
      const loaded = [models.serving, models.shadow].flatMap((each) => (each ? [`v${each.version}`] : [])).join(" and ");
      throw new AppError("not_found", `Endpoint "${options.endpoint}" does not serve version ${version} (it serves ${loaded}).`);
    }
    let byVersion = readers.get(live);
    if (!byVersion) readers.set(live, (byVersion = new Map()));
    let reader = byVersion.get(model.version);
    if (reader?.model !== model) {
      const { asks } = options;
      reader = questionReader(model, live, asks ? Object.keys(asks.columns) : [], asks?.key ?? model.signature.id);
      byVersion.set(model.version, reader);
    }
    return reader;
  }

  async function answerTurn(): Promise<void> {
    await setImmediate();
    const asked = waiting;
    waiting = [];
    turn = undefined;
    const byModel = new Map<QuestionReader, Asked[]>();
    for (const each of asked) byModel.set(each.reader, [...(byModel.get(each.reader) ?? []), each]);
    await Promise.all([...byModel].map(([reader, group]) => answerGroup(reader, group)));
  }

  async function answerGroup({ model: { model, version } }: QuestionReader, group: Asked[]): Promise<void> {
    try {
      const rows = group.reduce((sum, each) => sum + each.questions.length, 0);
      const matrix = group.length === 1 ? group[0]!.matrix : joined(group, rows * model.width);
      const scores = await scoreRows(model, matrix, rows);
      const records: PredictionRecord[] = [];
      let row = 0;
      for (const { questions, record } of group) {
        for (const question of questions) {
          if (record)
            records.push({
              ...question,
              version,
              score: scores[row]!,
              inputs: matrix.subarray(row * model.width, (row + 1) * model.width),
              source: "http",
            });
          row++;
        }
      }
      let offset = await keep(records);
      row = 0;
      for (const { questions, record, resolve } of group) {
        resolve(questions.map(() => ({ id: record ? predictionId(options.endpoint, 0, offset++) : null, score: scores[row++]!, version })));
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  /** Appends the records, durably; resolves to the offset of the first. */
  async function keep(records: PredictionRecord[]): Promise<number> {
    if (records.length === 0) return 0;
    const [appended] = await options.stream.append(
      options.out,
      records.map((each) => ({ ...(each.key !== "" && { key: each.key }), timeMs: each.timeMs, value: encodePrediction(each) })),
    );
    options.onBatch({ endpoint: options.endpoint, firstOffset: appended!.firstOffset, predictions: records, events: [], positions: new Map() });
    return appended!.firstOffset;
  }
}

function joined(group: Asked[], length: number): Float32Array {
  const matrix = new Float32Array(length);
  let at = 0;
  for (const each of group) {
    matrix.set(each.matrix, at);
    at += each.matrix.length;
  }
  return matrix;
}

function readRow(
  reader: QuestionReader,
  rows: readonly AskingRow[],
  i: number,
  defaultMs: number,
  out: Float32Array,
  offset: number,
  absent: Set<string>,
): Question {
  try {
    return reader.read(rows[i]!, defaultMs, out, offset, absent);
  } catch (error) {
    if (!(error instanceof AppError) || rows.length === 1) throw error;
    throw new AppError(error.code, `Row ${i}: ${error.message}`, {
      cause: error,
      ...(error.hint !== undefined && { hint: error.hint }),
      details: { ...error.details, row: i },
    });
  }
}
