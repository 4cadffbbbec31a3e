import { setImmediate } from "node:timers/promises";
import { createOnlineFeatures, type BoundView, type FeatureView, type KeyValue, type OnlineFeatures } from "#domains/features";
import type { Topic } from "#domains/ingest";
import { AppError } from "#kit/app-error";
import { quoteName } from "#kit/sql-text";
import type { Stream, StreamRecord } from "#ports/stream";
import type { Warehouse, WarehouseColumn, WarehouseTable } from "#ports/warehouse";
import { feedOf, feeds, isRefusal, keyOf, parseEvent } from "./feed-topics.ts";
import { mergeByTime, type MergeInput } from "./merge-by-time.ts";
import { createRecentEvents, type RecentEvents } from "./recent-events.ts";
import type { ModelRows, ServingServices } from "./services.ts";

/** How far behind the newest event one may come and still count everywhere, and how long repetitions are noticed. */
export const latenessMs = 86_400_000;

/** The earliest moment there is. */
const beginningOfTimeMs = -8.64e15;

export interface WarmFeatures {
  online: OnlineFeatures;
  recent: ReadonlyMap<string, RecentEvents>;
  /** Questions about earlier moments cannot be answered: not all of their events were loaded. */
  floorMs: number;
}

/**
 * The features of a model as they stand at a position of the topics, made from what is stored: the tables behind the SQL models as
 * far back as the longest window reaches, and the topics.
 *
 * No event counts twice. Tables hold events that came on a topic and were kept, maybe more of them than the endpoint has seen. So a
 * row whose key and time came on a topic that feeds the view is left out: the topic has brought it already or still will.
 */
export async function warmFeatures(
  services: Pick<ServingServices, "stream" | "warehouse" | "modelRows">,
  features: Readonly<Record<string, BoundView>>,
  topics: Topic[],
  positions: ReadonlyMap<string, number>,
  signal?: AbortSignal,
): Promise<WarmFeatures> {
  const { stream, warehouse } = services;
  const recent = recentOf(topics);
  const views = viewsOf(features);
  const longestMs = Math.max(0, ...views.flatMap((view) => view.windows.map((window) => window.ms)));
  const tables = new Map<string, ModelRows>();
  for (const { from } of views) if (!tables.has(from.name)) tables.set(from.name, await services.modelRows(from.name));

  const newest = await newestKnown(warehouse, views, tables);
  const startMs = (await momentOf(stream, topics, positions)) ?? newest?.firstMs;
  const aheadMs = startMs === undefined || newest === undefined ? 0 : Math.max(0, newest.lastMs - startMs);
  const online = createOnlineFeatures(features, { latenessMs: latenessMs + aheadMs });
  if (startMs === undefined) return { online, recent, floorMs: beginningOfTimeMs };
  const sinceMs = startMs - longestMs - latenessMs;
  const feeding = topics.filter((topic) => views.some((view) => feeds(topic, view)));
  const seen = new Map<string, Set<string>>();
  for (const topic of feeding) seen.set(topic.name, await eventsSince(stream, topic, sinceMs, signal));
  for (const view of views) {
    const of = feeding.filter((topic) => feeds(topic, view));
    await loadView(warehouse, tables.get(view.from.name)!, online, view, sinceMs, of, seen);
    signal?.throwIfAborted();
  }
  const inputs = topics.map((topic) => ({ topic: topic.name, from: { timeMs: sinceMs }, until: positions.get(topic.name)! }));
  await feedTopics({ stream, online, views, topics, recent }, inputs, signal);
  return { online, recent, floorMs: startMs - latenessMs };
}

/** By topic: nothing seen yet. */
export function recentOf(topics: Topic[]): Map<string, RecentEvents> {
  return new Map(topics.map(({ name }) => [name, createRecentEvents(latenessMs)]));
}

export function viewsOf(features: Readonly<Record<string, BoundView>>): FeatureView[] {
  return [...new Map(Object.values(features).map(({ view }) => [view.name, view])).values()];
}

/** Brings records of topics into the features as the scorer does, repetitions left out, but answers nothing. */
export async function feedTopics(
  { stream, online, views, topics, recent }: FeedOptions,
  inputs: MergeInput[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const byName = new Map(
    topics.map((topic) => {
      const feed = views.some((view) => feeds(topic, view)) ? feedOf(topic, views, online) : undefined;
      return [topic.name, { topic, feed, recent: recent.get(topic.name)! }];
    }),
  );
  for await (const list of mergeByTime(stream, inputs, signal)) {
    for (const { topic: name, record } of list) {
      const { topic, feed, recent: seen } = byName.get(name)!;
      try {
        const event = parseEvent(name, record);
        if (seen.add(keyOf(topic, record, event), record.timeMs)) feed?.(event, () => undefined);
      } catch (error) {
        if (!isRefusal(error)) throw error; // the scorer had put it aside
      }
    }
  }
  signal?.throwIfAborted();
}

/** Notes what came on the topics shortly before the given offsets, so that repetitions of it are noticed. */
export async function noteRecent(
  stream: Stream,
  topics: Topic[],
  recent: ReadonlyMap<string, RecentEvents>,
  until: ReadonlyMap<string, number>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const topic of topics) {
    const end = until.get(topic.name)!;
    const lastMs = await timeAt(stream, topic.name, end - 1); // not after the newest, so that reading begins early enough
    if (lastMs === undefined) continue;
    for await (const { records } of stream.read(topic.name, { from: { timeMs: lastMs - latenessMs }, until: end, ...(signal && { signal }) })) {
      for (const record of records) {
        const key = keyOrNone(topic, record);
        if (key !== undefined) recent.get(topic.name)!.add(key, record.timeMs);
      }
    }
  }
  signal?.throwIfAborted();
}

export interface FeedOptions {
  stream: Stream;
  online: OnlineFeatures;
  views: FeatureView[];
  topics: Topic[];
  recent: ReadonlyMap<string, RecentEvents>;
}

/** The moment at which a stream goes on: the earliest event not taken yet, else the newest that was; undefined for empty topics. */
async function momentOf(stream: Stream, topics: Topic[], positions: ReadonlyMap<string, number>): Promise<number | undefined> {
  const next: number[] = [];
  const last: number[] = [];
  for (const { name } of topics) {
    const at = positions.get(name)!;
    const ahead = await timeAt(stream, name, at);
    if (ahead !== undefined) next.push(ahead);
    else if (at > 0) last.push((await timeAt(stream, name, at - 1)) ?? Number.NEGATIVE_INFINITY);
  }
  if (next.length > 0) return Math.min(...next);
  const newest = Math.max(...last);
  return Number.isFinite(newest) ? newest : undefined;
}

async function timeAt(stream: Stream, topic: string, offset: number): Promise<number | undefined> {
  const [info] = await stream.topics([topic]);
  const { firstOffset, endOffset } = info!.partitions[0]!; // a topic has at least one
  if (offset < firstOffset || offset >= endOffset) return undefined;
  for await (const { records } of stream.read(topic, { from: offset, maxRecords: 1, maxBytes: 1 })) return records[0]!.timeMs;
  return undefined;
}

/**
 * When the newest rows of the views became known: of the view that ends first, and of the one that ends last. They may lie far
 * apart: a table of history can hold outcomes that become known long after the last event that anybody can have seen.
 */
async function newestKnown(
  warehouse: Warehouse,
  views: FeatureView[],
  tables: ReadonlyMap<string, ModelRows>,
): Promise<{ firstMs: number; lastMs: number } | undefined> {
  const newest: number[] = [];
  for (const { from, known } of views) {
    const table = await warehouse.columns(`select max(${quoteName(known)}) as newest from ${tables.get(from.name)!.relation}`);
    const value = table.columns[0]?.kind === "number" ? table.columns[0].values[0] : undefined;
    if (value !== undefined && !Number.isNaN(value)) newest.push(value);
  }
  return newest.length === 0 ? undefined : { firstMs: Math.min(...newest), lastMs: Math.max(...newest) };
}

async function eventsSince(stream: Stream, topic: Topic, sinceMs: number, signal: AbortSignal | undefined): Promise<Set<string>> {
  const events = new Set<string>();
  for await (const { records } of stream.read(topic.name, { from: { timeMs: sinceMs }, ...(signal && { signal }) })) {
    for (const record of records) {
      const key = keyOrNone(topic, record);
      if (key !== undefined) events.add(eventName(record.timeMs, key));
    }
  }
  signal?.throwIfAborted();
  return events;
}

/** The key of an event; undefined for a record that the scorer puts aside. */
function keyOrNone(topic: Topic, record: StreamRecord): string | undefined {
  try {
    return keyOf(topic, record, parseEvent(topic.name, record));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return undefined;
  }
}

function eventName(timeMs: number, key: string): string {
  return `${timeMs} ${key}`;
}

const rowsPerTurn = 20_000;

async function loadView(
  warehouse: Warehouse,
  { relation, columns }: ModelRows,
  online: OnlineFeatures,
  view: FeatureView,
  sinceMs: number,
  feeding: Topic[],
  seen: ReadonlyMap<string, Set<string>>,
): Promise<void> {
  const state = online.state(view.name);
  const present = new Set(columns.map(({ name }) => name));
  for (const topic of feeding) {
    if (present.has(topic.key)) continue;
    throw new AppError(
      "invalid_definition",
      `Events of topic ${topic.name} cannot be told from the rows of model ${view.from.name}, which lacks the topic's key ${topic.key}.`,
      { hint: `Select ${topic.key} in the model.` },
    );
  }
  const wanted = [...new Set([view.known, ...view.on, ...state.measures, ...feeding.map((topic) => topic.key)])];
  const since = `timestamp '${new Date(sinceMs).toISOString().replace("T", " ").replace("Z", "")}'`;
  const table = await warehouse.columns(`select ${wanted.map(quoteName).join(", ")} from ${relation} where ${quoteName(view.known)} >= ${since}`);
  const known = numbers(table, view.known);
  const keys = view.on.map((name) => column(table, name));
  const measures = state.measures.map((name) => numbers(table, name));
  const marks = feeding.map((topic) => ({ key: column(table, topic.key), events: seen.get(topic.name)! })).filter(({ events }) => events.size > 0);
  const order = Uint32Array.from(known, (_, row) => row).sort((a, b) => known[a]! - known[b]! || a - b);
  const key: KeyValue[] = [];
  const values = new Float64Array(measures.length);
  for (let i = 0; i < order.length; i++) {
    if (i % rowsPerTurn === rowsPerTurn - 1) await setImmediate();
    const row = order[i]!;
    if (!fillKey(key, keys, row)) continue;
    if (marks.some(({ key: name, events }) => events.has(eventName(known[row]!, String(cell(name, row)))))) continue;
    for (let m = 0; m < measures.length; m++) values[m] = measures[m]![row]!;
    state.update(key, known[row]!, values);
  }
}

function fillKey(key: KeyValue[], columns: WarehouseColumn[], row: number): boolean {
  for (let i = 0; i < columns.length; i++) {
    const part = cell(columns[i]!, row);
    if (part === null) return false;
    key[i] = part;
  }
  return true;
}

function cell(from: WarehouseColumn, row: number): KeyValue | null {
  if (from.kind === "text") return from.codes[row]! < 0 ? null : from.levels[from.codes[row]!]!;
  const value = from.values[row]!;
  return Number.isNaN(value) ? null : value;
}

function column(table: WarehouseTable, name: string): WarehouseColumn {
  return table.columns.find((candidate) => candidate.name === name)!; // selected above
}

function numbers(table: WarehouseTable, name: string): Float64Array {
  const found = column(table, name);
  if (found.kind === "number") return found.values;
  throw new AppError("invalid_definition", `Column ${name} holds text where a feature view needs numbers.`, { hint: "Build the SQL models again." });
}
