import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openEmbeddedStream } from "#adapters/stream/embedded";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { topic } from "#domains/ingest";
import { openLake, type Lake } from "#domains/lake";
import { dayMs, monitoringMigrations, openMonitor, type Monitor, type MonitorOptions, type MonitorReference } from "#domains/monitoring";
import { profileOf, type TableColumn } from "#domains/quality";
import { encodePrediction, endpoint, type PredictionRecord } from "#domains/serving";
import { fixedClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import type { Database, Migration } from "#ports/database";
import type { Stream, StreamProducer } from "#ports/stream";
import type { Warehouse } from "#ports/warehouse";
import { openTestState } from "./state.ts";

export const firstDayMs = Date.parse("2001-06-01T00:00:00Z");

const columns = { flight_id: "BIGINT", origin: "VARCHAR", departed_at: "TIMESTAMP", landed_at: "TIMESTAMP", late: "BOOLEAN" } as const;
const flights = { name: "flights", columns };
export const departures = topic("departures", {
  of: flights,
  key: "flight_id",
  time: "departed_at",
  columns: ["flight_id", "origin", "departed_at"],
});
export const arrivals = topic("arrivals", { of: flights, key: "flight_id", time: "landed_at" });
export const lateArrival = endpoint("late-arrival", {
  model: "late-arrival@champion",
  stream: { in: departures, out: "late-arrival-predictions" },
  outcomes: { from: arrivals, label: "late" },
});

export const origins = ["ATL", "BOS", "ORD"];

export interface Ask {
  key: string;
  timeMs: number;
  version: number;
  score: number;
  shadow?: { version: number; score: number };
  rate: number;
  origin: number;
}

export interface Truth {
  key: string;
  timeMs: number;
  late: boolean | number | null;
}

/** A place with real engines where a test plays the scorer. */
export interface TestPlace {
  state: Database;
  lake: Lake;
  warehouse: Warehouse;
  stream: Stream;
  open(options?: Partial<MonitorOptions>): Promise<Monitor>;
  /** What the scorer does with a batch: the answers and the positions are one transaction; the monitors that are given are told. */
  commit(asks: Ask[], truths: Truth[], ...told: Monitor[]): Promise<void>;
  close(): Promise<void>;
}

/** `migrations` are those of further domains that the test needs. */
export async function openTestPlace(warehouse: Warehouse, migrations: Migration[] = []): Promise<TestPlace> {
  const root = await mkdtemp(join(tmpdir(), "millrace-monitor-"));
  const clock = fixedClock(Date.parse("2026-01-01T00:00:00Z"));
  const state = await openTestState([...monitoringMigrations, ...migrations]);
  const blobs = await openLocalBlobs({ folder: join(root, "blobs") });
  const lake = openLake({ blobs, warehouse, clock, log: silentLog, scratchFolder: join(root, "scratch") });
  const stream = await openEmbeddedStream({ folder: join(root, "streams"), clock, log: silentLog });
  for (const name of ["arrivals", "late-arrival-predictions"]) await stream.createTopic(name);
  const producer: StreamProducer = await stream.openProducer("scorer");
  let position = 0;
  return {
    ...{ state, lake, warehouse, stream },
    open: (options = {}) =>
      openMonitor({
        endpoint: lateArrival,
        state,
        lake,
        stream,
        reference: async (version) => testReference(version),
        clock,
        log: silentLog,
        ...options,
      }),
    async commit(asks, truths, ...told) {
      const events = truths.map(({ key, timeMs, late }) => ({ flight_id: Number(key), landed_at: timeMs, late }));
      if (truths.length > 0) {
        await stream.append(
          "arrivals",
          events.map((event) => ({ key: String(event.flight_id), timeMs: event.landed_at, value: JSON.stringify(event) })),
        );
        position += truths.length;
      }
      const predictions = asks.map(recordOf);
      const records = predictions.map((record) => ({ key: record.key, timeMs: record.timeMs, value: encodePrediction(record) }));
      const append = records.length > 0 ? [{ topic: "late-arrival-predictions", records }] : [];
      const positions = [{ topic: "arrivals", partition: 0, offset: position }];
      const [appended] = await producer.commit({ append, offsets: { group: "endpoint/late-arrival", positions } });
      const firstOffset = appended?.[0]?.firstOffset ?? 0;
      const batch = {
        endpoint: "late-arrival",
        firstOffset,
        predictions,
        events: [{ topic: "arrivals", events }],
        positions: new Map([["arrivals", position]]),
      };
      for (const monitor of told) monitor.observe(batch);
    },
    async close() {
      await stream.close();
      await state.close();
      await blobs.close();
      await rm(root, { recursive: true });
    },
  };
}

export function openTestWarehouse(): Promise<Warehouse> {
  return openDuckdb({ threads: 1, memoryLimitMb: 300, temporaryFolder: join(tmpdir(), "millrace-monitor-spill") });
}

function recordOf({ key, timeMs, version, score, shadow, rate, origin }: Ask): PredictionRecord {
  return {
    ...{ key, timeMs, version, score: Math.fround(score), known: [], source: "stream" },
    ...(shadow && { shadow: { version: shadow.version, score: Math.fround(shadow.score) } }),
    inputs: Float32Array.of(origin < 0 ? Number.NaN : origin, rate),
  };
}

const references = new Map<number, MonitorReference>();

/** Versions learnt from rates spread evenly from 0 to 1 and origins in turn. */
export function testReference(version: number): MonitorReference {
  let reference = references.get(version);
  if (!reference) {
    const rows = 2_000;
    const learnt: TableColumn[] = [
      { kind: "category", name: "origin", codes: Int32Array.from({ length: rows }, (_, i) => i % 3), levels: origins },
      { kind: "number", name: "from_origin__late_rate_1h", values: Float32Array.from({ length: rows }, (_, i) => i / rows) },
    ];
    const inputs = [
      { kind: "category" as const, name: "origin", levels: origins },
      { kind: "number" as const, name: "from_origin__late_rate_1h" },
    ];
    reference = { version, inputs, profile: profileOf(learnt), testAuc: 0.9, trainedUntilMs: firstDayMs };
    references.set(version, reference);
  }
  return reference;
}

/** A repeatable stream of random numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Step {
  asks: Ask[];
  truths: Truth[];
  /** The day that ends before this step. */
  closes?: number;
}

/**
 * Some days of flights in batches, with everything that goes wrong: outcomes hours or days late, twice, never, without a flight and
 * without a value; scores that say something about the label; a new version on the third day, the old one beside it.
 */
export function someDays(days: number, perDay: number, seed = 1): Step[] {
  const random = seeded(seed);
  const asks: Ask[] = [];
  const truths: Truth[] = [];
  for (let i = 0; i < days * perDay; i++) {
    const timeMs = firstDayMs + Math.floor((i / perDay) * dayMs);
    const risk = random();
    const late = random() < risk * 0.6;
    const second = i >= 2 * perDay;
    const noisy = (noise: number) => Math.min(1, Math.max(0, risk * 0.7 + (random() - 0.5) * noise));
    const [score, shadow] = [noisy(0.2), noisy(0.6)];
    asks.push({
      key: String(i),
      timeMs,
      version: second ? 2 : 1,
      score,
      ...(second && { shadow: { version: 1, score: shadow } }),
      rate: random() ** (1 + i / perDay / 2),
      origin: Math.floor(random() * 3.2) - (random() < 0.05 ? 1 : 0),
    });
    const fate = random();
    const landedMs = timeMs + Math.floor(3_600_000 * (0.5 + random() * 5)) + (fate < 0.03 ? Math.floor(random() * 3 * dayMs) : 0);
    if (fate > 0.98) continue; // never lands
    truths.push({ key: String(i), timeMs: landedMs, late: fate > 0.97 ? null : late });
    if (fate > 0.9) truths.push({ key: String(i), timeMs: landedMs + 60_000, late: !late });
    if (fate < 0.01) truths.push({ key: String(1_000_000 + i), timeMs: landedMs, late });
  }
  return inSteps(asks, truths, days);
}

function inSteps(asks: Ask[], truths: Truth[], days: number): Step[] {
  const steps: Step[] = [];
  const perDay = 7; // so that batches straddle the ends of days
  const lengthMs = Math.floor(dayMs / perDay) + 1_000;
  const end = firstDayMs + (days + 4) * dayMs;
  let closed = firstDayMs;
  for (let from = firstDayMs; from < end; from += lengthMs) {
    const within = ({ timeMs }: { timeMs: number }) => timeMs >= from && timeMs < from + lengthMs;
    const step: Step = { asks: asks.filter(within), truths: truths.filter(within).sort((a, b) => a.timeMs - b.timeMs) };
    const day = closed + dayMs;
    if (from >= day) {
      step.closes = day;
      closed = day;
    }
    steps.push(step);
  }
  return steps;
}
