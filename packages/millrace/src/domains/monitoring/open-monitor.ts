import type { Lake } from "#domains/lake";
import { decodePrediction, type Endpoint, type PredictionRecord, type ScoredBatch } from "#domains/serving";
import { AppError } from "#kit/app-error";
import type { Clock } from "#kit/clock";
import type { Log } from "#kit/log";
import type { Database } from "#ports/database";
import type { Stream, StreamRecord } from "#ports/stream";
import { dayReport } from "./day-report.ts";
import { driftRow, type DriftRow } from "./day-drift.ts";
import { dayRows } from "./day-metrics.ts";
import { createJoinBook, type JoinBook, type Joined, type MonitoredPrediction, type OpenDay, type Outcome } from "./join-book.ts";
import { appendJoined } from "./joined-table.ts";
import { dayMs, dayOf, type DayReport, type MonitorReference, type ReferenceOf } from "./model.ts";
import { insertClose, lastClose, saveDay, saveDrift, type Checkpoint, type Close } from "./store.ts";
import { createTopicFeed, type TopicFeed } from "./topic-feed.ts";

export interface MonitorOptions {
  endpoint: Pick<Endpoint, "name" | "outcomes" | "stream">;
  state: Database;
  lake: Lake;
  stream: Stream;
  /** Training profile and test AUC of a version. */
  reference: ReferenceOf;
  clock: Clock;
  log: Log;
  /** Topic of the predictions, and the group under which the scorer commits how far it has read. */
  predictions?: string;
  group?: string;
  /** How long a prediction waits for its outcome, in event time; 7 days when not given. */
  maturityMs?: number;
}

/** What watches an endpoint. All of its state is a checkpoint and the two topics: it can be dropped and opened again at any moment. */
export interface Monitor {
  /** Takes what was just recorded, from the stream or over HTTP. What it is not told of is read from the topics later, which takes longer. */
  observe(batch: ScoredBatch): void;
  /** After a restart: takes everything since the last closed day up to where the scorer stands. */
  catchUp(): Promise<void>;
  /**
   * Finishes every day of event time that ends at or before `dayEndMs`, which must be the end of a UTC day. Call it when the scorer has
   * committed all events before that moment. A day that is closed already is only reported. What the day brought (live metrics,
   * also of earlier days whose outcomes came now; drift; the checkpoint) is written in one transaction.
   */
  closeDay(dayEndMs: number): Promise<DayReport>;
  /** End of the last closed day. */
  readonly closedUntilMs: number | undefined;
}

interface Work {
  book: JoinBook;
  predictions: TopicFeed<MonitoredPrediction>;
  outcomes: TopicFeed<Outcome> | undefined;
  /** Records of the last closing's time that have been counted and must be joined again before anything else. */
  again: Checkpoint | undefined;
  /** Lowest offset of the outcomes of a day. */
  firstOutcome: Map<number, number>;
}

const sevenDaysMs = 7 * dayMs;

/** Opens the monitor of an endpoint where its last checkpoint left it. */
export async function openMonitor(options: MonitorOptions): Promise<Monitor> {
  const { endpoint, state, stream, log, clock, maturityMs = sevenDaysMs } = options;
  const { predictions: predictionsTopic = endpoint.stream?.out ?? `${endpoint.name}-predictions`, group = `endpoint/${endpoint.name}` } = options;
  const truth = endpoint.outcomes;
  const references = new Map<number, MonitorReference>();
  const reference: ReferenceOf = async (version) => {
    const known = references.get(version) ?? (await options.reference(version));
    references.set(version, known);
    return known;
  };
  let last = await lastClose(state, endpoint.name);
  let work = begin(last);
  let turn: Promise<unknown> = Promise.resolve();

  return {
    get closedUntilMs() {
      return last?.dayEndMs;
    },
    observe({ firstOffset, predictions, events, positions }) {
      if (predictions.length > 0) {
        work.predictions.offer(
          firstOffset,
          predictions.map((record, i) => monitored(record, firstOffset + i)),
        );
      }
      const next = truth && positions.get(truth.from.name);
      if (!truth || next === undefined) return;
      const told = events.find(({ topic }) => topic === truth.from.name)?.events ?? [];
      work.outcomes!.offer(
        next - told.length, // where events were left out this leaves a gap, and the feed reads them itself
        told.map((event, i) => outcomeOf(truth, event, Number(event[truth.from.time]), next - told.length + i)),
      );
    },
    catchUp: () => inTurn(fill),
    closeDay: (dayEndMs) =>
      inTurn(async () => {
        if (!Number.isInteger(dayEndMs / dayMs))
          throw new AppError("invalid_argument", `${dayEndMs} is not the end of a UTC day.`, {
            hint: "Give a whole number of days since 1970 in ms.",
          });
        if (last === undefined || dayEndMs > last.dayEndMs) {
          await fill();
          for (const end of endsOfDays(dayEndMs)) await close(end);
        }
        return dayReport({ state }, endpoint.name, dayEndMs);
      }),
  };

  function begin(from: Close | undefined): Work {
    const checkpoint = from?.checkpoint;
    const predictions = createTopicFeed({
      ...{ stream, log, topic: predictionsTopic, from: checkpoint?.predictions.from ?? 0 },
      decode: (record) => monitored(decodePrediction(record.value), record.offset),
    });
    const outcomes =
      truth &&
      createTopicFeed({
        ...{ stream, log, topic: truth.from.name, from: checkpoint?.outcomes.from ?? 0 },
        decode: (record) => outcomeOf(truth, parseEvent(record), record.timeMs, record.offset),
      });
    if (checkpoint) predictions.reaches(checkpoint.predictions.to);
    if (checkpoint) outcomes?.reaches(checkpoint.outcomes.to);
    const book = createJoinBook(maturityMs, checkpoint?.openFromMs ?? -Infinity);
    return { book, predictions, outcomes, again: checkpoint, firstOutcome: new Map() };
  }

  /** One call after the other; after an error everything in memory is dropped, and the next call begins at the checkpoint. */
  function inTurn<Result>(job: () => Promise<Result>): Promise<Result> {
    const result = turn.then(async () => {
      try {
        return await job();
      } catch (error) {
        work = begin(last);
        throw error;
      }
    });
    turn = result.catch(() => undefined);
    return result;
  }

  async function fill(): Promise<void> {
    // Positions first: the predictions that answer what stands before them are in their topic by now.
    const position = truth && (await stream.groups(group)).find(({ topic, partition }) => topic === truth.from.name && partition === 0);
    const answers = (await stream.topics()).find(({ name }) => name === predictionsTopic);
    work.predictions.reaches(answers?.partitions[0]?.endOffset ?? 0);
    work.outcomes?.reaches(position?.offset ?? 0);
    await work.predictions.fill();
    await work.outcomes?.fill();
    if (work.again) joinAgain(work.again);
    work.again = undefined;
  }

  /** Brings the open days to where they were when the checkpoint was written: nothing is counted a second time. */
  function joinAgain({ predictions, outcomes }: Checkpoint): void {
    const before = last!.dayEndMs; // a checkpoint comes from a closing
    const counted = work.predictions.before(before, predictions.to).filter(({ timeMs }) => dayOf(timeMs) >= work.book.openFromMs);
    const { labelled } = take(counted, work.outcomes?.before(before, outcomes.to) ?? []);
    for (const prediction of labelled) prediction.inputs = undefined;
  }

  function take(predictions: MonitoredPrediction[], outcomes: Outcome[]): Joined {
    const { firstOutcome } = work;
    let seen = Number.NaN; // the day of the outcome before: offsets rise, so the first of a run is its lowest
    for (const { timeMs, offset } of outcomes) {
      const day = dayOf(timeMs);
      if (day === seen) continue;
      seen = day;
      if (!(firstOutcome.get(day)! <= offset)) firstOutcome.set(day, offset);
    }
    return work.book.take(predictions, outcomes);
  }

  /** Ends of the days to close: those in which something happened, and the one that was asked for. */
  function endsOfDays(untilMs: number): number[] {
    const ends = new Set([untilMs]);
    for (const { timeMs } of [...work.predictions.waiting, ...(work.outcomes?.waiting ?? [])]) {
      const end = Math.max(dayOf(timeMs) + dayMs, (last?.dayEndMs ?? -Infinity) + dayMs);
      if (end < untilMs) ends.add(end);
    }
    return [...ends].sort((a, b) => a - b);
  }

  async function close(dayEndMs: number): Promise<void> {
    // What the scorer hands over from here on is not part of this closing.
    const ends = { predictions: work.predictions.next, outcomes: work.outcomes?.next ?? 0 };
    const predictions = work.predictions.before(dayEndMs);
    const outcomes = work.outcomes?.before(dayEndMs) ?? [];
    const joined = take(predictions, outcomes);
    const drift = await driftRows(dayEndMs - dayMs, predictions);
    const given = work.book.giveUp(dayEndMs);
    const days: { day: OpenDay; mature: boolean }[] = [
      ...[...joined.touched].flatMap((start) => work.book.days.get(start) ?? []).map((day) => ({ day, mature: false })),
      ...given.days.map((day) => ({ day, mature: true })),
    ];
    const finished = [...joined.labelled, ...given.unlabelled, ...joined.late];
    const added = await appendJoined({ lake: options.lake, reference }, endpoint.name, dayEndMs, finished);
    const next: Close = {
      endpoint: endpoint.name,
      dayEndMs,
      servingVersion: answering(predictions)?.version ?? last?.servingVersion,
      tableVersion: added ?? last?.tableVersion,
      counts: {
        ...{ predictions: predictions.length, outcomes: outcomes.length, labelled: joined.labelled.length },
        ...{ duplicates: joined.duplicates, withoutPrediction: joined.withoutPrediction, withoutLabel: joined.withoutLabel },
        ...{ unlabelled: given.unlabelled.length, late: joined.late.length },
      },
      checkpoint: checkpoint(ends),
    };
    const nowMs = clock.now();
    const rows = days.flatMap(({ day, mature }) => dayRows(day, mature));
    await state.write(async (transaction) => {
      await insertClose(transaction, next, nowMs);
      for (const row of rows) await saveDay(transaction, endpoint.name, row, nowMs);
      for (const row of drift) await saveDrift(transaction, endpoint.name, row);
    });
    for (const prediction of finished) prediction.inputs = undefined;
    last = next;
  }

  async function driftRows(startMs: number, predictions: MonitoredPrediction[]): Promise<DriftRow[]> {
    const byVersion = Map.groupBy(
      predictions.filter(({ timeMs }) => dayOf(timeMs) === startMs),
      ({ version }) => version,
    );
    const rows: DriftRow[] = [];
    for (const [version, inputs] of byVersion) {
      const row = driftRow(startMs, await reference(version), inputs);
      if (row) rows.push(row);
    }
    return rows;
  }

  function checkpoint(ends: { predictions: number; outcomes: number }): Checkpoint {
    const { book, predictions, outcomes, firstOutcome } = work;
    for (const day of firstOutcome.keys()) if (day < book.openFromMs) firstOutcome.delete(day);
    const cursor = (to: number, waiting: readonly { offset: number }[], open: Iterable<number>) => {
      let from = to;
      for (const offset of open) from = Math.min(from, offset);
      for (const { offset } of waiting) from = Math.min(from, offset);
      return { from, to };
    };
    const openDays = [...book.days.values()];
    return {
      predictions: cursor(
        ends.predictions,
        predictions.waiting,
        openDays.map((day) => day.firstOffset),
      ),
      outcomes: cursor(ends.outcomes, outcomes?.waiting ?? [], firstOutcome.values()),
      openFromMs: Number.isFinite(book.openFromMs) ? book.openFromMs : null,
    };
  }
}

function monitored(record: PredictionRecord, offset: number): MonitoredPrediction {
  const { key, timeMs, version, score, shadow, source, inputs } = record;
  return {
    ...{ offset, key, timeMs, version, score, source, inputs },
    ...{ shadowVersion: shadow?.version, shadowScore: shadow?.score ?? Number.NaN },
    ...{ label: Number.NaN, labelMs: Number.NaN, older: undefined },
  };
}

function outcomeOf(
  { from, label }: NonNullable<Endpoint["outcomes"]>,
  event: Readonly<Record<string, unknown>>,
  timeMs: number,
  offset: number,
): Outcome {
  const value = event[label];
  const known = typeof value === "number" || typeof value === "boolean";
  return { offset, key: String(event[from.key]), timeMs, label: known ? Number(value) : Number.NaN };
}

/** An event's fields; none for one that is no event, which the scorer has rejected. */
function parseEvent(record: StreamRecord): Readonly<Record<string, unknown>> {
  try {
    const event: unknown = JSON.parse(record.value.toString("utf8"));
    return typeof event === "object" && event !== null ? (event as Record<string, unknown>) : {}; // any object can be read by names
  } catch {
    return {};
  }
}

/** The newest prediction; one of the stream where there are such, because a caller over HTTP may ask for another version. */
function answering(predictions: readonly MonitoredPrediction[]): MonitoredPrediction | undefined {
  let found: MonitoredPrediction | undefined;
  for (const prediction of predictions) {
    const [mine, other] = [prediction.source === "stream", found?.source === "stream"];
    if (!found || (mine === other ? prediction.timeMs >= found.timeMs : mine)) found = prediction;
  }
  return found;
}
