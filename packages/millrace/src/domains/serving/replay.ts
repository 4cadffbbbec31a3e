// Budget: 1,000,000 events of ten columns read, encoded and appended in 4 s of processor time; benchmark: bench/stream.
import { setImmediate } from "node:timers/promises";
import { fileRelation, findSourceFile, laterRows, tableOf, type Topic } from "#domains/ingest";
import { AppError } from "#kit/app-error";
import { digestOf } from "#kit/hash";
import { newId } from "#kit/id";
import { quoteName } from "#kit/sql-text";
import type { Warehouse } from "#ports/warehouse";
import type { Replay } from "./define.ts";
import { eventEncoder } from "./event-json.ts";
import type { ServingServices } from "./services.ts";
import { findReplayState, saveReplayState, type ReplayState } from "./store.ts";

/** The rows of a SQL model as SQL for a FROM clause, with other rows in the place of some of its sources (`raw.flights`). */
export type RelationOf = (model: string, options: { replace: Record<string, string> }) => Promise<string>;

export interface ReplayServices extends Pick<ServingServices, "state" | "stream" | "warehouse" | "clock"> {
  projectFolder: string;
  relationOf: RelationOf;
}

export interface ReplayedDay {
  /** The UTC day, such as `2001-06-01`, and its end, epoch ms. */
  day: string;
  endMs: number;
  /** Number of the day from 0, and of days in all. */
  index: number;
  days: number;
  /** Events of the day by topic, whether this call appended them or an earlier one had. */
  events: Record<string, number>;
}

const eventsPerAppend = 8_192;

/**
 * Plays back the rows that a source left for later, through the SQL that prepares history, a day of event time at a time: a row goes
 * to each topic at that topic's own time. A day is finished when the caller asks for the next one; a replay that was killed, or
 * left, begins again with the day that was not finished, and appends of it what is missing. Throws `conflict` when the rows are not
 * those it began with. Days that end after `untilMs` are left for another time.
 */
export async function* replayDays(services: ReplayServices, replay: Replay, signal?: AbortSignal, untilMs = Infinity): AsyncGenerator<ReplayedDay> {
  const { state, stream, warehouse, clock } = services;
  for (const topic of replay.to) await createTopicIfNew(services, topic.name);
  const rows = await materialize(services, replay);
  try {
    const plan = await planDays(warehouse, replay, rows);
    const stored = await findReplayState(state, replay.name);
    if (stored && stored.rowsDigest !== plan.digest) throw changedRows(replay);
    const progress: ReplayState = stored ?? { rowsDigest: plan.digest, nextDayMs: plan.days[0]?.startMs ?? 0, nextNumber: 0 };
    if (!stored) await saveReplayState(state, replay.name, progress, clock.now()); // from the first append on, these rows and no others
    const producer = `replay/${replay.name}`;
    for (const [index, { startMs, events }] of plan.days.entries()) {
      if (startMs < progress.nextDayMs) continue;
      if (startMs + dayMs > untilMs) break;
      signal?.throwIfAborted();
      for (const topic of replay.to) {
        if (!events[topic.name]) continue;
        progress.nextNumber = await appendDay(services, { topic, rows, startMs, producer, number: progress.nextNumber, signal });
      }
      yield { day: new Date(startMs).toISOString().slice(0, 10), endMs: startMs + dayMs, index, days: plan.days.length, events };
      progress.nextDayMs = startMs + dayMs;
      await saveReplayState(state, replay.name, progress, clock.now());
    }
  } finally {
    await warehouse.execute(`drop table if exists ${rows}`);
  }

  async function createTopicIfNew({ stream: log }: ReplayServices, name: string): Promise<void> {
    if (!(await log.topics()).some((topic) => topic.name === name)) await stream.createTopic(name);
  }
}

const dayMs = 86_400_000;

/** The model's rows over what the source left for later, as a table of the warehouse (in memory, or spilled), dropped at the end; returns its quoted name. */
async function materialize({ warehouse, relationOf, projectFolder }: ReplayServices, { name, of, rest, to }: Replay): Promise<string> {
  const later = `(select * from ${fileRelation(rest, findSourceFile(rest, projectFolder))} ${laterRows(rest)})`;
  const relation = await relationOf(of.name, { replace: { [tableOf(rest)]: later } });
  const present = new Map((await warehouse.describe(`select * from ${relation}`)).map((column) => [column.name, column.type]));
  const wanted = new Set<string>();
  for (const topic of to) {
    for (const [column, type] of Object.entries(topic.columns)) {
      if (present.get(column) !== type) {
        const is = present.has(column) ? `is ${present.get(column)}` : "is missing";
        throw new AppError(
          "invalid_definition",
          `Replay "${name}": topic ${topic.name} carries ${column} as ${type}, but in model ${of.name} it ${is}.`,
          {
            hint: "Build the SQL models again, so that their handles are up to date.",
          },
        );
      }
      wanted.add(column);
    }
  }
  const table = quoteName(`replay_${newId()}`);
  await warehouse.execute(`create table ${table} as select ${[...wanted].map(quoteName).join(", ")} from ${relation}`);
  return table;
}

interface Plan {
  /** Of the days and their events: what must not change between two runs. */
  digest: string;
  days: { startMs: number; events: Record<string, number> }[];
}

async function planDays(warehouse: Warehouse, { to }: Replay, rows: string): Promise<Plan> {
  const days = new Map<number, Record<string, number>>();
  for (const topic of to) {
    const found = await warehouse.columns(
      `select epoch_ms(date_trunc('day', ${quoteName(topic.time)})) as day, count(*) as events from ${rows} where ${quoteName(topic.time)} is not null and ${quoteName(topic.key)} is not null group by 1`,
    );
    const [start, count] = found.columns.map((column) => (column.kind === "number" ? column.values : undefined));
    for (let i = 0; i < found.rows; i++) {
      const events = days.get(start![i]!) ?? {};
      events[topic.name] = count![i]!;
      days.set(start![i]!, events);
    }
  }
  const ordered = [...days].sort(([a], [b]) => a - b).map(([startMs, events]) => ({ startMs, events }));
  const columns = to.map((topic) => ({ topic: topic.name, columns: topic.columns, key: topic.key, time: topic.time }));
  return { digest: digestOf({ columns, ordered }), days: ordered };
}

interface DayOfTopic {
  topic: Topic;
  rows: string;
  startMs: number;
  producer: string;
  /** Number of the first append. */
  number: number;
  signal: AbortSignal | undefined;
}

/** Appends a day's events of a topic in numbered pieces, so that those which are there already are passed over. Returns the next number. */
async function appendDay({ warehouse, stream }: ReplayServices, { topic, rows, startMs, producer, number, signal }: DayOfTopic): Promise<number> {
  const time = quoteName(topic.time);
  const names = Object.keys(topic.columns);
  // Ordered by every column: pieces must be the same each time, also among events of one time and key.
  const order = [topic.time, topic.key, ...names.filter((name) => name !== topic.time && name !== topic.key)];
  const table = await warehouse.columns(
    `select ${names.map(quoteName).join(", ")} from ${rows}
     where ${time} >= make_timestamp(${startMs * 1000}) and ${time} < make_timestamp(${(startMs + dayMs) * 1000}) and ${quoteName(topic.key)} is not null
     order by ${order.map(quoteName).join(", ")}`,
  );
  const encode = eventEncoder(topic, table);
  let next = number;
  let appending: Promise<unknown> = Promise.resolve();
  for (let from = 0; from < table.rows; from += eventsPerAppend) {
    const records = [];
    for (let row = from; row < Math.min(table.rows, from + eventsPerAppend); row++) records.push(encode(row));
    await appending; // the piece before was made durable while this one was encoded
    appending = stream.append(topic.name, records, { sequence: { producer, number: next++ } });
    appending.catch(() => undefined); // thrown by the await of the next turn, or the last
    await setImmediate();
    signal?.throwIfAborted();
  }
  await appending;
  return next;
}

function changedRows({ name, of, rest }: Replay): AppError {
  return new AppError(
    "conflict",
    `Replay "${name}" was begun with other rows: source ${rest.name} or model ${of.name} changed since; nothing was appended.`,
    {
      hint: "Put the old file and SQL back, or give the replay another name and its topics too.",
    },
  );
}
