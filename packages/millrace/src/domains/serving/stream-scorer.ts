// Hot path. Budget: 12 µs of processor time an event (half of them answered) with five bound views and 100 trees; benchmark: bench/stream.
import type { FeatureView, OnlineFeatures } from "#domains/features";
import type { Topic } from "#domains/ingest";
import { AppError } from "#kit/app-error";
import type { Stream, StreamInput, StreamProducer, StreamRecord, TopicPosition } from "#ports/stream";
import type { WarehouseRow } from "#ports/warehouse";
import { feedOf, isRefusal, keyOf, parseEvent } from "./feed-topics.ts";
import { rowWriter, type RowWriter } from "./matrix-row.ts";
import { mergeByTime } from "./merge-by-time.ts";
import { encodePrediction, type PredictionRecord } from "./prediction-record.ts";
import type { RecentEvents } from "./recent-events.ts";
import { scoreRows } from "./score-rows.ts";
import type { ServedModel } from "./served-model.ts";

/** Which version answers, and which one only computes its score beside it. */
export interface ServingModels {
  serving: ServedModel;
  shadow: ServedModel | undefined;
}

export interface ScorerOptions {
  stream: Stream;
  /** Events to answer; none where the endpoint has no stream and topics only bring features up to date. */
  asks: Topic | undefined;
  /** Topic of the answers, and the one of events that could not be used. */
  out: string;
  rejected: string;
  /** Every topic that the scorer reads, `asks` among them. */
  topics: Topic[];
  online: OnlineFeatures;
  views: FeatureView[];
  /** Moments before this cannot be answered. */
  floorMs: number;
  recent: ReadonlyMap<string, RecentEvents>;
  producer: StreamProducer;
  group: string;
  /** Offsets to begin at, by topic. */
  positions: ReadonlyMap<string, number>;
  /** Asked before each batch. */
  models: () => ServingModels;
  /** Told of every time that is seen. */
  onTime: (timeMs: number) => void;
  /** What was committed, in the order of events. */
  onBatch: (batch: ScoredBatch) => void;
}

/** What one transaction of the log brought. */
export interface ScoredBatch {
  endpoint: string;
  /** Offset of the first prediction in the topic of the answers; 0 where there is none. */
  firstOffset: number;
  predictions: PredictionRecord[];
  /** Events of the other topics that the batch took, in order, repeated ones too. */
  events: { topic: string; events: WarehouseRow[] }[];
  /** By topic that is read: the next offset after the batch. None for answers over HTTP. */
  positions: ReadonlyMap<string, number>;
}

export interface Advanced {
  answered: number;
  events: number;
  /** Events that a sender had repeated, and those that could not be used (they are in the topic `<out>-rejected`). */
  repeated: number;
  rejected: number;
}

export interface StreamScorer {
  /**
   * Takes the events before the given offsets, merged by event time, and answers. `pause` is asked after each batch, with the
   * events taken so far; true ends the call early, all of them committed. After an error the features are ahead of the log: build a new scorer.
   */
  advance(ends: ReadonlyMap<string, number>, signal: AbortSignal | undefined, pause: (events: number) => boolean): Promise<Advanced>;
  readonly positions: ReadonlyMap<string, number>;
}

const batchAsks = 1_024;
const batchEvents = 4_096;

interface Ask {
  key: string;
  timeMs: number;
  known: (number | null)[];
}

interface Batch {
  models: ServingModels;
  serving: RowWriter;
  shadow: RowWriter | undefined;
  matrix: Float32Array;
  shadowMatrix: Float32Array | undefined;
  asks: Ask[];
  others: Map<string, WarehouseRow[]>;
  rejected: StreamInput[];
  repeated: number;
  events: number;
}

/**
 * Reads events, keeps the features up to date and answers, exactly once: the answers and the offsets of all topics are one
 * transaction of the log. Events are taken in the order of their times (those of equal time in the order of `topics`), each
 * question sees what was known before its own moment. While one batch is made durable the next is computed.
 */
export function createStreamScorer(options: ScorerOptions, endpoint: string): StreamScorer {
  const { stream, asks, online } = options;
  const positions = new Map(options.positions);
  const taken = new Map(options.positions);
  const byName = new Map(
    options.topics.map((topic) => [topic.name, { topic, feed: feedOf(topic, options.views, online), recent: options.recent.get(topic.name)! }]),
  );
  const features = new Float32Array(online.names.length);
  const known = new Float64Array(online.aliases.length);
  const writers = new WeakMap<ServedModel, RowWriter>();

  return { advance, positions };

  async function advance(ends: ReadonlyMap<string, number>, signal: AbortSignal | undefined, pause: (events: number) => boolean): Promise<Advanced> {
    const total: Advanced = { answered: 0, events: 0, repeated: 0, rejected: 0 };
    const inputs = options.topics.map(({ name }) => ({ topic: name, from: taken.get(name)!, until: ends.get(name)! }));
    let committing: Promise<void> = Promise.resolve();
    let read = 0;
    const finish = async (batch: Batch) => {
      const predictions = await score(batch);
      const moved = new Map(taken);
      await committing;
      committing = commit(batch, predictions, moved, total);
      committing.catch(() => undefined); // reported by the await of the next batch, or the last
    };
    try {
      let batch = newBatch();
      reading: for await (const list of mergeByTime(stream, inputs, signal)) {
        for (const { topic, record } of list) {
          take(batch, topic, record);
          if (batch.asks.length < batchAsks && batch.events < batchEvents) continue;
          await finish(batch);
          read += batch.events;
          batch = newBatch();
          if (signal?.aborted || pause(read)) break reading;
        }
      }
      if (batch.events > 0) await finish(batch);
      await committing;
    } finally {
      await committing.catch(() => undefined); // already thrown above, unless another error came first
    }
    return total;
  }

  function newBatch(): Batch {
    const models = options.models();
    const serving = writerOf(models.serving);
    const shadow = models.shadow && writerOf(models.shadow);
    return {
      models,
      serving,
      shadow,
      matrix: new Float32Array(batchAsks * serving.width),
      shadowMatrix: shadow && new Float32Array(batchAsks * shadow.width),
      asks: [],
      others: new Map(),
      rejected: [],
      repeated: 0,
      events: 0,
    };
  }

  function writerOf(model: ServedModel): RowWriter {
    let writer = writers.get(model);
    if (!writer) writers.set(model, (writer = rowWriter(model.signature, online.names)));
    return writer;
  }

  function take(batch: Batch, name: string, record: StreamRecord): void {
    batch.events++;
    taken.set(name, record.offset + 1);
    const { topic, feed, recent } = byName.get(name)!;
    const reject = (error: AppError) => {
      const headers = { topic: name, offset: String(record.offset), error: error.message };
      // The buffers are views into the chunk that was read, which nobody writes to.
      batch.rejected.push({ value: record.value, timeMs: record.timeMs, ...(record.key && { key: record.key }), headers });
    };
    let event: WarehouseRow | undefined;
    try {
      event = parseEvent(name, record);
      if (topic !== asks) list(batch.others, name).push(event);
      const key = keyOf(topic, record, event);
      if (!recent.add(key, record.timeMs)) {
        batch.repeated++;
        return;
      }
      options.onTime(record.timeMs);
      if (topic === asks) ask(batch, event, key, record.timeMs);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      reject(error);
    }
    if (event !== undefined) feed(event, reject); // also one that cannot be answered: others may be asked about what it tells
  }

  function ask(batch: Batch, event: WarehouseRow, key: string, timeMs: number): void {
    if (timeMs < options.floorMs) {
      throw new AppError("invalid_argument", `The event asks about ${isoOf(timeMs)}, but the features reach back to ${isoOf(options.floorMs)} only.`);
    }
    online.read(event, timeMs, features, 0, known);
    const at = batch.asks.length;
    batch.serving.write(event, features, batch.matrix, at * batch.serving.width);
    batch.shadow?.write(event, features, batch.shadowMatrix!, at * batch.shadow.width);
    batch.asks.push({ key, timeMs, known: knownTimes(known) });
  }

  async function score({ models, matrix, shadowMatrix, asks: questions }: Batch): Promise<PredictionRecord[]> {
    const count = questions.length;
    if (count === 0) return [];
    const scores = await scoreRows(models.serving.model, matrix, count);
    const beside = models.shadow && (await scoreRows(models.shadow.model, shadowMatrix!, count));
    const { width } = models.serving.model;
    return questions.map(({ key, timeMs, known: times }, i) => ({
      key,
      timeMs,
      version: models.serving.version,
      score: scores[i]!,
      ...(beside && { shadow: { version: models.shadow!.version, score: beside[i]! } }),
      inputs: matrix.subarray(i * width, (i + 1) * width),
      known: times,
      source: "stream",
    }));
  }

  async function commit(batch: Batch, predictions: PredictionRecord[], moved: Map<string, number>, total: Advanced): Promise<void> {
    const records: StreamInput[] = predictions.map((each) => ({ key: each.key, timeMs: each.timeMs, value: encodePrediction(each) }));
    const append = [
      { topic: options.out, records },
      { topic: options.rejected, records: batch.rejected },
    ].filter((part) => part.records.length > 0);
    const next: TopicPosition[] = [...moved].map(([topic, offset]) => ({ topic, partition: 0, offset }));
    const [appended] = await options.producer.commit({ append, offsets: { group: options.group, positions: next } });
    for (const [topic, offset] of moved) positions.set(topic, offset);
    total.answered += predictions.length;
    total.events += batch.events;
    total.repeated += batch.repeated;
    total.rejected += batch.rejected.length;
    const events = [...batch.others].map(([topic, others]) => ({ topic, events: others }));
    options.onBatch({ endpoint, firstOffset: predictions.length > 0 ? appended![0]!.firstOffset : 0, predictions, events, positions: moved });
  }
}

/** Known times as a record keeps them: null for none. */
function knownTimes(known: Float64Array): (number | null)[] {
  const times: (number | null)[] = [];
  for (let i = 0; i < known.length; i++) times.push(Number.isNaN(known[i]!) ? null : known[i]!);
  return times;
}

function list<T>(lists: Map<string, T[]>, name: string): T[] {
  let found = lists.get(name);
  if (!found) lists.set(name, (found = []));
  return found;
}

function isoOf(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}
