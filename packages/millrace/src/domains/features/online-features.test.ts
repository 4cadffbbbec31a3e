import { describe, expect, test } from "vitest";
import type { WarehouseTable } from "#ports/warehouse";
import { count, entity, featureView, last, mean } from "./define.ts";
import { explainFeatures } from "./explain-features.ts";
import { joinFeatures } from "./join-features.ts";
import { createOnlineFeatures } from "./online-features.ts";
import { restoreWindowState, snapshotWindowState } from "./window-snapshot.ts";
import { createWindowState } from "./window-state.ts";

const flights = {
  kind: "model",
  name: "flights",
  columns: { origin: "VARCHAR", gate: "INTEGER", departed_at: "TIMESTAMP", landed_at: "TIMESTAMP", late: "BOOLEAN", delay: "INTEGER" },
} as const;
const outcomes = {
  from: flights,
  time: "departed_at",
  known: "landed_at",
  windows: ["1h", "6h"],
  features: { late_rate: mean("late"), flights: count() },
} as const;
const departed = featureView("departed", { entity: entity("airport"), on: "origin", ...outcomes });
const atGate = featureView("at_gate", { entity: entity("gate", { keys: ["origin", "gate"] }), ...outcomes, features: { delay: last("delay") } });
const features = { from_origin: departed.at("origin"), from_other: departed.at("other"), at_gate: atGate.at("origin", "gate") };

const noon = Date.parse("2001-06-01T12:00:00Z");
const minute = 60_000;
const landings = [
  { origin: "SFO", gate: 1, departed_at: noon - 200 * minute, landed_at: noon - 90 * minute, late: true, delay: 40 },
  { origin: "SFO", gate: 2, departed_at: noon - 150 * minute, landed_at: noon - 30 * minute, late: true, delay: 20 },
  { origin: "SFO", gate: 1, departed_at: noon - 100 * minute, landed_at: noon - 10 * minute, late: false, delay: -5 },
  { origin: "LAX", gate: 1, departed_at: noon - 99 * minute, landed_at: noon, late: true, delay: 99 },
];

describe("online features", () => {
  test("answer a row with the names and values of the join", async () => {
    const online = fed();
    const row = { origin: "SFO", other: "LAX", gate: 1 };
    const values = new Float32Array(online.names.length + 2);
    const newest = new Float64Array(3);
    online.read(row, noon, values, 2, newest);
    expect(Object.fromEntries(online.names.map((name, i) => [name, values[i + 2]]))).toEqual({
      from_origin__late_rate_1h: 0.5,
      from_origin__late_rate_6h: Math.fround(2 / 3),
      from_origin__flights_1h: 2,
      from_origin__flights_6h: 3,
      // That flight lands at this very moment, so nobody sees it yet.
      from_other__late_rate_1h: Number.NaN,
      from_other__late_rate_6h: Number.NaN,
      from_other__flights_1h: 0,
      from_other__flights_6h: 0,
      at_gate__delay_1h: -5,
      at_gate__delay_6h: -5,
    });
    expect([...newest]).toEqual([noon - 10 * minute, Number.NaN, noon - 10 * minute]);
    const joined = await joinFeatures({ spine: tableOf([{ ...row, at: noon }]), time: "at", features, events: { flights: tableOf(landings) } });
    expect(joined.names).toEqual(online.names);
    expect(joined.columns.map((column) => column[0])).toEqual([...values.subarray(2)]);
  });

  test("take events as JSON has them: times as text in UTC, booleans, numbers as text", () => {
    const online = createOnlineFeatures(features);
    expect(online.update("at_gate", { origin: "SFO", gate: "1", landed_at: "2001-06-01 11:50:00", delay: "-5" })).toBe(true);
    expect(online.update("departed", { origin: "SFO", landed_at: "2001-06-01T13:50:00+02:00", late: false })).toBe(true);
    const values = new Float32Array(online.names.length);
    online.read({ origin: "SFO", other: "LAX", gate: 1 }, noon, values);
    expect(values[online.names.indexOf("at_gate__delay_1h")]).toBe(-5);
    expect(values[online.names.indexOf("from_origin__flights_1h")]).toBe(1);
  });

  test("skip an outcome that is not known yet, and give nothing for a null key", () => {
    const online = fed();
    expect(online.update("departed", { origin: "SFO", landed_at: null, late: null })).toBe(false);
    const values = new Float32Array(online.names.length);
    online.read({ origin: null, other: "SFO", gate: 1 }, noon, values);
    expect(values[online.names.indexOf("from_origin__flights_1h")]).toBeNaN();
    expect(values[online.names.indexOf("from_other__flights_1h")]).toBe(2);
  });

  test.each([
    [{ origin: "SFO", late: true }, "A row has no `landed_at`"],
    [{ origin: "SFO", late: true, landed_at: "yesterday" }, '`landed_at` is "yesterday", which is no time'],
    [{ origin: "SFO", late: "very", landed_at: noon }, '`late` is "very", which is no number'],
    [{ origin: ["SFO"], late: true, landed_at: noon }, '`origin` is ["SFO"], which is no text'],
  ])("refuse %j", (row, message) => {
    const online = createOnlineFeatures(features);
    expect(() => online.update("departed", row)).toThrow(message);
    expect(online.state("departed").size()).toEqual({ keys: 0, events: 0 });
  });

  test("go on from a snapshot as if nothing had happened", () => {
    const one = fed();
    const other = createOnlineFeatures(features, { snapshot: Buffer.concat([Buffer.from("x"), one.snapshot()]).subarray(1) });
    for (const online of [one, other]) online.update("departed", { origin: "SFO", landed_at: noon + minute, late: true });
    const read = (online: typeof one) => {
      const values = new Float32Array(online.names.length);
      online.read({ origin: "SFO", other: "LAX", gate: 2 }, noon + 2 * minute, values);
      return [...values];
    };
    expect(read(other)).toEqual(read(one));
    expect(other.snapshot()).toEqual(one.snapshot());
  });
});

describe("a snapshot", () => {
  const state = () => {
    const filled = createWindowState(departed);
    filled.update(["SFO"], noon, [1]);
    return filled;
  };

  test("notices every single damaged byte", () => {
    const bytes = snapshotWindowState(state());
    for (let i = 0; i < bytes.length; i++) {
      const damaged = bytes.slice();
      damaged[i]! ^= 1;
      expect(() => restoreWindowState(departed, damaged), `byte ${i}`).toThrow(/is damaged|has format/);
    }
    expect(() => restoreWindowState(departed, bytes.subarray(0, bytes.length - 8))).toThrow("checksum");
    expect(() => restoreWindowState(departed, new Uint8Array())).toThrow("does not begin as one");
    expect(() => createOnlineFeatures(features, { snapshot: new Uint8Array([1, 2, 3]) })).toThrow("is damaged");
  });

  test("is refused by another definition of the view", () => {
    const changed = featureView("departed", { entity: entity("airport"), on: "origin", ...outcomes, windows: ["2h"] });
    expect(() => restoreWindowState(changed, snapshotWindowState(state()))).toThrow(expect.objectContaining({ code: "conflict" }));
  });
});

test("an explanation gives each value its window and its events", () => {
  const state = fed().state("departed");
  const explained = explainFeatures(state, ["SFO"], noon);
  expect(explained[1]).toEqual({
    name: "late_rate_6h",
    aggregate: "mean(late)",
    value: Math.fround(2 / 3),
    window: { name: "6h", fromMs: noon - 360 * minute, toMs: noon },
    events: 3,
    oldestKnownMs: noon - 90 * minute,
    newestKnownMs: noon - 10 * minute,
  });
  expect(explainFeatures(state, ["OAK"], noon)[0]).toMatchObject({ value: null, events: 0, oldestKnownMs: null, newestKnownMs: null });
});

function fed() {
  const online = createOnlineFeatures(features);
  for (const landing of landings) {
    online.update("departed", landing);
    online.update("at_gate", landing);
  }
  return online;
}

function tableOf(rows: readonly Record<string, string | number | boolean>[]): WarehouseTable {
  const columns = Object.keys(rows[0]!).map((name): WarehouseTable["columns"][number] => {
    const values = rows.map((row) => row[name]!);
    if (typeof values[0] !== "string") return { name, kind: "number", values: Float64Array.from(values, Number) };
    const levels = [...new Set(values.map(String))];
    return { name, kind: "text", levels, codes: Int32Array.from(values, (value) => levels.indexOf(String(value))) };
  });
  return { rows: rows.length, columns };
}
