import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WarehouseTable } from "#ports/warehouse";
import { count, entity, featureView, mean } from "./define.ts";
import { orderByTime } from "./order-by-time.ts";
import { splitByTime } from "./split-by-time.ts";
import { buildTrainingSet, labelledRows } from "./training-set.ts";

const flights = {
  kind: "model",
  name: "flights",
  columns: { origin: "VARCHAR", departed_at: "TIMESTAMP", landed_at: "TIMESTAMP", late: "BOOLEAN" },
} as const;
const departed = featureView("departed", {
  entity: entity("airport"),
  on: "origin",
  from: flights,
  time: "departed_at",
  known: "landed_at",
  windows: ["1h"],
  features: { late_rate: mean("late"), flights: count() },
});

const hour = 3_600_000;
const n = 1_000;
/** A flight every ten minutes, last one first, each known half an hour after its departure. */
const table: WarehouseTable = {
  rows: n,
  columns: [
    { name: "id", kind: "text", levels: Array.from({ length: n }, (_, i) => `f${i}`), codes: Int32Array.from({ length: n }, (_, i) => i) },
    { name: "origin", kind: "text", levels: ["SFO", "LAX"], codes: Int32Array.from({ length: n }, (_, i) => i % 2) },
    { name: "departed_at", kind: "number", values: Float64Array.from({ length: n }, (_, i) => ((n - i) * hour) / 6) },
    { name: "landed_at", kind: "number", values: Float64Array.from({ length: n }, (_, i) => ((n - i) * hour) / 6 + hour / 2) },
    { name: "late", kind: "number", values: Float64Array.from({ length: n }, (_, i) => (i === 7 ? Number.NaN : i % 3 === 0 ? 1 : 0)) },
    { name: "miles", kind: "number", values: Float64Array.from({ length: n }, (_, i) => i) },
  ],
};
const request = {
  spine: table,
  time: "departed_at",
  label: "late",
  id: "id",
  columns: ["miles", "origin"],
  features: { from_origin: departed.at("origin") },
  events: { flights: table },
};

describe("a training set", () => {
  test("has the rows that can be learned from, in the order of time, with their own columns and the joined ones", async () => {
    const set = await buildTrainingSet(request);
    expect(set.rows).toBe(n - 1);
    expect(set.leftOut).toEqual({ unusable: 1, tooLate: 0, notSampled: 0 });
    expect(set.features.map((column) => `${column.name}: ${column.kind}`)).toEqual([
      "miles: number",
      "origin: category",
      "from_origin__late_rate_1h: number",
      "from_origin__flights_1h: number",
    ]);
    expect(set.time[0]).toBe(hour / 6);
    expect(set.time.toSorted()).toEqual(set.time);
    const [miles, origin, , flown] = labelledRows(set, { from: 500, to: 502 }).features;
    expect(miles).toMatchObject({ values: new Float32Array([499, 498]) });
    expect(origin).toMatchObject({ codes: new Int32Array([1, 0]), levels: ["SFO", "LAX"] });
    // Every 20 minutes one of the origin; those that landed in the hour before left 40 to 80 minutes ago, and one 90 is out.
    expect(flown).toMatchObject({ values: new Float32Array([3, 3]) });
  });

  test("stops before a moment, and with it leaves out labels that were not known by then", async () => {
    const beforeMs = 100 * hour;
    const all = await buildTrainingSet({ ...request, beforeMs });
    const known = await buildTrainingSet({ ...request, beforeMs, labelKnown: "landed_at" });
    expect(all.time.at(-1)).toBe(beforeMs - hour / 6);
    expect(known.time.at(-1)).toBe(beforeMs - (4 * hour) / 6);
    expect(all.endMs).toBe(beforeMs);
    expect(known.leftOut.tooLate).toBe(all.leftOut.tooLate + 3);
  });

  test("samples the same rows whatever their order, a smaller sample being part of a larger one", async () => {
    const idsOf = async (rows: number, seed: number, spine = table) => {
      const set = await buildTrainingSet({ ...request, spine, sample: { rows, seed } });
      expect(set.rows).toBe(rows);
      const { id } = set;
      return id?.kind === "text" ? Array.from(id.codes, (code) => id.levels[code]!) : [];
    };
    const sample = await idsOf(300, 1);
    expect(await idsOf(300, 1, reversed(table))).toEqual(sample);
    expect(await idsOf(300, 2)).not.toEqual(sample);
    expect(sample).toEqual(expect.arrayContaining(await idsOf(100, 1)));
  });

  test("is the same whatever the order in which the table gives rows of equal time", async () => {
    const minutes = table.columns.map((column) =>
      column.kind === "number" && column.name.endsWith("_at")
        ? { ...column, values: column.values.map((ms) => Math.floor(ms / hour / 4) * hour * 4) }
        : column,
    );
    const order = Array.from({ length: n }, (_, i) => i).toSorted((a, b) => ((a * 7_919) % n) - ((b * 7_919) % n) || a - b);
    const turned = minutes.map((column) =>
      column.kind === "number"
        ? { ...column, values: Float64Array.from(order, (row) => column.values[row]!) }
        : { ...column, codes: Int32Array.from(order, (row) => column.codes[row]!) },
    );
    for (const sample of [undefined, { rows: 300, seed: 3 }]) {
      const build = (columns: WarehouseTable["columns"]) =>
        buildTrainingSet({ ...request, spine: { rows: n, columns }, events: { flights: { rows: n, columns } }, ...(sample && { sample }) });
      const [one, other] = [await build(minutes), await build(turned)];
      expect(other.features).toEqual(one.features);
      expect(other.id).toEqual(one.id);
      expect(other.label).toEqual(one.label);
    }
  });

  test("says why no row is left", async () => {
    await expect(buildTrainingSet({ ...request, beforeMs: 0 })).rejects.toThrow("of 1000, 1 have no time or label and 999 are too late");
    await expect(buildTrainingSet({ ...request, label: "lat" })).rejects.toThrow("has no column `lat`");
  });
});

describe("a split by time", () => {
  test("keeps every row of a part before every row of the next, equal times together", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1 }),
        fc.integer({ min: 1, max: 15 }),
        fc.integer({ min: 1, max: 15 }),
        (times, valid, test) => {
          const time = Float64Array.from(times).sort();
          const set = { rows: time.length, time, endMs: 41 };
          let parts: ReturnType<typeof splitByTime>;
          try {
            parts = splitByTime(set, { valid, test });
          } catch {
            const empty = (from: number, to: number) => !times.some((t) => t >= from && t < to);
            expect(empty(0, 41 - valid - test) || empty(41 - valid - test, 41 - test) || empty(41 - test, 41)).toBe(true);
            return;
          }
          expect([parts.train.from, parts.train.to, parts.valid.to, parts.test.to]).toEqual([0, parts.valid.from, parts.test.from, time.length]);
          expect(time[parts.train.to - 1]!).toBeLessThan(41 - valid - test);
          expect(time[parts.valid.from]!).toBeGreaterThanOrEqual(41 - valid - test);
          expect(time[parts.test.from]!).toBeGreaterThanOrEqual(41 - test);
        },
      ),
    );
  });

  test("leaves a gap before each boundary where asked to", () => {
    const set = { rows: 100, time: Float64Array.from({ length: 100 }, (_, i) => i * hour), endMs: 100 * hour };
    const { train, valid, test: tested } = splitByTime(set, { valid: "10h", test: "20h", gap: "3h" });
    expect([train.from, train.to, valid.from, valid.to, tested.from, tested.to]).toEqual([0, 67, 70, 77, 80, 100]);
  });

  test("names the part that would be empty", () => {
    const set = { rows: 3, time: Float64Array.of(0, hour, 2 * hour), endMs: 3 * hour };
    expect(() => splitByTime(set, { valid: "7d", test: "1h" })).toThrow("no rows to train on");
  });
});

test("rows are ordered by time, equal times and missing ones as they stood", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.double(), fc.integer({ min: -3, max: 3 }), fc.constantFrom(0, -0, 1e12, 1e12 + 0.5))), (values) => {
      const times = Float64Array.from(values);
      const rank = (i: number) => (Number.isNaN(times[i]!) ? Number.POSITIVE_INFINITY : times[i]!);
      const expected = values
        .map((_, i) => i)
        .sort(
          (a, b) => Number(Number.isNaN(times[a]!)) - Number(Number.isNaN(times[b]!)) || (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : a - b),
        );
      expect([...(orderByTime(times) ?? values.keys())]).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

function reversed(from: WarehouseTable): WarehouseTable {
  return {
    rows: from.rows,
    columns: from.columns.map((column) =>
      column.kind === "number" ? { ...column, values: column.values.toReversed() } : { ...column, codes: column.codes.toReversed() },
    ),
  };
}
