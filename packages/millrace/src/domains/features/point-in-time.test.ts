import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WarehouseColumn, WarehouseTable } from "#ports/warehouse";
import { count, entity, featureView, last, max, mean, min, sum } from "./define.ts";
import { joinFeatures } from "./join-features.ts";
import { restoreWindowState, snapshotWindowState } from "./window-snapshot.ts";
import { createWindowState, type WindowState } from "./window-state.ts";

// What is tested here, against an oracle that looks at every event for every question: the join, the state, and that both give
// the same bits, whatever the order in which a stream's events and questions come.

interface Event {
  origin: string | null;
  destination: string | null;
  known: number | null;
  late: number | null;
  fare: number | null;
}
interface Ask {
  origin: string | null;
  destination: string | null;
  at: number | null;
}

const events = {
  kind: "model",
  name: "events",
  columns: { origin: "VARCHAR", destination: "VARCHAR", at: "TIMESTAMP", known: "TIMESTAMP", late: "INTEGER", fare: "DOUBLE" },
} as const;

const view = featureView("routes", {
  entity: entity("route", { keys: ["origin", "destination"] }),
  from: events,
  time: "at",
  known: "known",
  windows: [7, 3, 50],
  features: {
    events: count(),
    late_mean: mean("late"),
    late_sum: sum("late"),
    late_last: last("late"),
    late_min: min("late"),
    late_max: max("late"),
    fare_mean: mean("fare"),
    fare_sum: sum("fare", { windows: [50] }),
    fare_last: last("fare", { windows: [3, 50] }),
    fare_max: max("fare"),
  },
});

/** The definition of every feature, said the slow way. */
function oracle(seen: readonly Event[], ask: Ask): number[] {
  const nothing = ask.origin === null || ask.destination === null || ask.at === null;
  // Stable, so that events known at the same time keep their order.
  const sorted = seen.toSorted((a, b) => (a.known ?? 0) - (b.known ?? 0));
  return view.features.flatMap(({ aggregate }) =>
    view.windows
      .filter((window) => aggregate.windows === undefined || aggregate.windows.includes(window.name))
      .map((window) => {
        if (nothing) return Number.NaN;
        const inside = sorted.filter(
          (event) =>
            event.origin === ask.origin &&
            event.destination === ask.destination &&
            event.known !== null &&
            event.known < ask.at! &&
            event.known >= ask.at! - window.ms,
        );
        if (aggregate.op === "count") return inside.length;
        const values = inside.map((event) => (aggregate.column === "late" ? event.late : event.fare)).filter((value) => value !== null);
        if (values.length === 0) return Number.NaN;
        const total = values.reduce((a, b) => a + b, 0);
        switch (aggregate.op) {
          case "mean":
            return total / values.length;
          case "sum":
            return total;
          case "last":
            return values.at(-1)!;
          case "min":
            return Math.min(...values);
          case "max":
            return Math.max(...values);
        }
      }),
  );
}

const place = fc.constantFrom("a", "b", "ab", "");
const wholeTime = fc.integer({ min: -20, max: 120 });
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 8 });
// Eighths add up exactly in doubles, so that the oracle's sums are the truth whatever their order.
const eighths = fc.integer({ min: -4_000, max: 4_000 }).map((value) => value / 8);
const anyEvent: fc.Arbitrary<Event> = fc.record({
  origin: orNull(place),
  destination: orNull(place),
  known: orNull(wholeTime),
  late: orNull(fc.integer({ min: -9, max: 9 })),
  fare: orNull(eighths),
});
const anyAsk: fc.Arbitrary<Ask> = fc.record({ origin: orNull(place), destination: orNull(place), at: orNull(wholeTime) });
/** Keys and times from few values, so that ties and full windows are common. */
const fewKeys = { size: "medium", maxLength: 60 } as const;

describe("the point-in-time join", () => {
  test("gives every row what the oracle gives, for ties, nulls, unknown keys and rows in any order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, fewKeys), fc.array(anyAsk, fewKeys), async (happened, asks) => {
        const { columns } = await join(happened, asks);
        asks.forEach((ask, row) => {
          expect(columns.map((column) => column[row])).toEqual(oracle(happened, ask).map(Math.fround));
        });
      }),
      { numRuns: 400 },
    );
  });

  test("never lets a row see an outcome that becomes known at or after its own time", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, fewKeys), fc.array(anyAsk, { minLength: 1, maxLength: 20 }), fc.nat(), async (happened, asks, pick) => {
        const row = pick % asks.length;
        const at = asks[row]!.at;
        fc.pre(at !== null);
        // Whatever the outcomes not yet known turn out to be, the row's features stay as they are.
        const otherFuture = happened.map((event) => (event.known !== null && event.known >= at! ? { ...event, late: 9, fare: 1e6 } : event));
        const withoutFuture = happened.filter((event) => event.known !== null && event.known < at!);
        const values = async (from: Event[]) => (await join(from, asks)).columns.map((column) => column[row]);
        const now = await values(happened);
        expect(await values(otherFuture)).toEqual(now);
        // Without the future a key may be unknown, which reads the same.
        expect(await values(withoutFuture)).toEqual(now);
      }),
      { numRuns: 200 },
    );
  });

  test("does the same in worker threads as on the calling thread", async () => {
    const random = seeded(7);
    const happened = Array.from({ length: 15_000 }, () => randomEvent(random));
    const asks = Array.from({ length: 15_000 }, () => ({ ...randomEvent(random), at: Math.floor(random() * 100_000) }));
    const inThreads = await join(happened, asks);
    for (let first = 0; first < asks.length; first += 4_000) {
      const here = await join(happened, asks.slice(first, first + 4_000)); // few enough to stay on this thread
      here.columns.forEach((column, slot) => expect(column).toEqual(inThreads.columns[slot]!.slice(first, first + 4_000)));
    }
    for (const row of [0, 7_777, 14_999])
      expect(inThreads.columns.map((column) => column[row])).toEqual(oracle(happened, asks[row]!).map(Math.fround));
  });

  test("names an infinite value and its column, also from a thread", async () => {
    const happened: Event[] = [{ origin: "a", destination: "b", known: 1, late: 0, fare: Number.POSITIVE_INFINITY }];
    await expect(join(happened, [])).rejects.toThrow("value Infinity in column `fare`");
    const many = Array.from({ length: 25_000 }, () => happened[0]!);
    await expect(join(many, [])).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("stops when told to, whether its threads have started or not", async () => {
    const happened = Array.from({ length: 25_000 }, (_, i): Event => ({ origin: "a", destination: "b", known: i, late: 0, fare: 0 }));
    await expect(join(happened, [], AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
    const stopping = new AbortController();
    const joining = join(happened, [], stopping.signal);
    setImmediate(() => stopping.abort(new Error("enough now")));
    await expect(joining).rejects.toThrow("enough now");
  });

  test("sums of real numbers stay right after a large value has left the window", async () => {
    const happened = [1e15 + 0.25, 0.1, 0.2].map((fare, i) => ({ origin: "a", destination: "b", known: i * 100, late: 0, fare }));
    const { names, columns } = await join(happened, [
      { origin: "a", destination: "b", at: 201 },
      { origin: "a", destination: "b", at: 101 },
    ]);
    const mean3 = columns[names.indexOf("r__fare_mean_3ms")]!;
    expect([...mean3]).toEqual([Math.fround(0.2), Math.fround(0.1)]);
  });
});

describe("the state behind the stream", () => {
  test("equals the join bit for bit, for any interleaving, with late events, a snapshot in the middle and real numbers", async () => {
    const realEvent = fc.record({
      origin: place,
      destination: place,
      known: wholeTime,
      late: orNull(fc.integer({ min: -9, max: 9 })),
      fare: orNull(fc.double({ min: -1e9, max: 1e9, noNaN: true })),
    });
    const realAsk = fc.record({ origin: place, destination: place, at: wholeTime });
    const step = fc.oneof(
      { weight: 5, arbitrary: realEvent.map((event) => ({ event })) },
      { weight: 3, arbitrary: realAsk.map((ask) => ({ ask })) },
      { weight: 1, arbitrary: fc.constant({ snapshot: true }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { size: "medium", maxLength: 120 }), async (steps) => {
        let state = createWindowState(view, { latenessMs: 200 });
        const happened: Event[] = [];
        for (const next of steps) {
          if ("event" in next) {
            feed(state, next.event);
            happened.push(next.event);
          } else if ("ask" in next) {
            const { columns } = await join(happened, [next.ask]);
            const values = new Float32Array(state.names.length);
            const newest = state.read([next.ask.origin, next.ask.destination], next.ask.at, values);
            expect(bits(values)).toEqual(bits(Float32Array.from(columns, (column) => column[0]!)));
            expect(newest).toBe(newestSeen(happened, next.ask));
          } else {
            state = restoreWindowState(view, snapshotWindowState(state));
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  test("forgets what is older than the longest window and the lateness, and still equals the oracle", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ wait: fc.nat({ max: 6 }), late: fc.nat({ max: 20 }), fare: orNull(eighths), key: place }), {
          size: "large",
          maxLength: 400,
        }),
        (steps) => {
          const state = createWindowState(view, { latenessMs: 20 });
          const happened: Event[] = [];
          const values = new Float32Array(state.names.length);
          let now = 0;
          for (const { wait, late, fare, key } of steps) {
            now += wait;
            const event = { origin: key, destination: "x", known: now - late, late: late % 5, fare };
            feed(state, event);
            happened.push(event);
            state.read([key, "x"], now, values);
            expect([...values]).toEqual(oracle(happened, { origin: key, destination: "x", at: now }).map(Math.fround));
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test("keeps its size when events come forever", () => {
    const state = createWindowState(view, { latenessMs: 10 });
    for (let known = 0; known < 20_000; known++) state.update(["a", "b"], known, [1, 0.5]);
    expect(state.size().events).toBeLessThan(256);
    const values = new Float32Array(state.names.length);
    expect(state.read(["a", "b"], 20_000, values)).toBe(19_999);
    expect(values[state.names.indexOf("events_50ms")]).toBe(50);
  });

  test("refuses a read that would need what it has forgotten, and ignores events from there", () => {
    const state = createWindowState(view, { latenessMs: 10 });
    state.update(["a", "b"], 100, [1, 1]);
    state.update(["a", "b"], 200, [1, 1]);
    state.forget(150);
    const values = new Float32Array(state.names.length);
    expect(() => state.read(["a", "b"], 150, values)).toThrow("have been forgotten");
    expect(() => restoreWindowState(view, snapshotWindowState(state)).read(["a", "b"], 150, values)).toThrow("have been forgotten");
    expect(state.update(["a", "b"], 90, [1, 1])).toBe(false);
    expect(state.read(["a", "b"], 201, values)).toBe(200);
    expect(values[state.names.indexOf("events_50ms")]).toBe(1);
  });

  test("keeps ('a', 'bc') and ('ab', 'c') apart", () => {
    const state = createWindowState(view);
    state.update(["a", "bc"], 1, [1, 1]);
    const values = new Float32Array(state.names.length);
    expect(state.read(["ab", "c"], 2, values)).toBeNaN();
    expect(values[0]).toBe(0);
  });
});

function join(happened: readonly Event[], asks: readonly Ask[], signal?: AbortSignal) {
  return joinFeatures({
    spine: {
      rows: asks.length,
      columns: [
        text(
          "from",
          asks.map((ask) => ask.origin),
        ),
        text(
          "to",
          asks.map((ask) => ask.destination),
        ),
        number(
          "t",
          asks.map((ask) => ask.at),
        ),
      ],
    },
    time: "t",
    features: { r: view.at("from", "to") },
    events: { events: tableOf(happened) },
    threads: 1,
    ...(signal && { signal }),
  });
}

function tableOf(happened: readonly Event[]): WarehouseTable {
  return {
    rows: happened.length,
    columns: [
      text(
        "origin",
        happened.map((event) => event.origin),
      ),
      text(
        "destination",
        happened.map((event) => event.destination),
      ),
      number(
        "known",
        happened.map((event) => event.known),
      ),
      number(
        "late",
        happened.map((event) => event.late),
      ),
      number(
        "fare",
        happened.map((event) => event.fare),
      ),
    ],
  };
}

function feed(state: WindowState, event: Event): void {
  const values = state.measures.map((column) => (column === "late" ? event.late : event.fare) ?? Number.NaN);
  state.update([event.origin!, event.destination!], event.known!, values);
}

function newestSeen(happened: readonly Event[], ask: Ask): number {
  const seen = happened.filter(
    (event) => event.origin === ask.origin && event.destination === ask.destination && event.known! < ask.at! && event.known! >= ask.at! - 50,
  );
  return seen.length === 0 ? Number.NaN : Math.max(...seen.map((event) => event.known!));
}

function text(name: string, values: readonly (string | null)[]): WarehouseColumn {
  const levels = [...new Set(values.filter((value) => value !== null))];
  return { name, kind: "text", levels, codes: Int32Array.from(values, (value) => (value === null ? -1 : levels.indexOf(value))) };
}

function number(name: string, values: readonly (number | null)[]): WarehouseColumn {
  return { name, kind: "number", values: Float64Array.from(values, (value) => value ?? Number.NaN) };
}

function bits(values: Float32Array): number[] {
  return [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

function randomEvent(random: () => number): Event {
  const airport = () => "abcdefgh"[Math.floor(random() * 8)]!;
  return {
    origin: airport(),
    destination: airport(),
    known: Math.floor(random() * 100_000),
    late: Math.floor(random() * 9),
    fare: Math.floor(random() * 800) / 8,
  };
}
