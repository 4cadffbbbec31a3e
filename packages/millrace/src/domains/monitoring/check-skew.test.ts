import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { count, createOnlineFeatures, entity, featureView, mean } from "#domains/features";
import type { Signature } from "#domains/training";
import type { Warehouse } from "#ports/warehouse";
import {
  firstDayMs,
  openTestPlace,
  openTestWarehouse,
  origins,
  seeded,
  type Ask,
  type TestPlace,
  type Truth,
} from "../../../../../tests/contracts/monitored-place.ts";
import { checkSkew, dayMs, type SkewServices } from "./index.ts";

const handle = {
  kind: "table",
  name: "flights",
  columns: { flight_id: "BIGINT", origin: "VARCHAR", landed_at: "TIMESTAMP", late: "BOOLEAN" },
} as const;
const departed = featureView("departed", {
  from: handle,
  entity: entity("airport"),
  on: "origin",
  time: "landed_at",
  windows: ["1h"],
  features: { late_rate: mean("late") },
});
const signature: Signature = {
  inputs: [
    { kind: "category", name: "origin", levels: origins },
    { kind: "number", name: "from_origin__late_rate_1h" },
  ],
  columns: ["origin"],
  features: { from_origin: departed.at("origin") },
  ...{ time: "departed_at", id: "flight_id", label: "late", task: "binary" },
};

let warehouse: Warehouse;
let place: TestPlace;
let services: SkewServices;
beforeAll(async () => {
  warehouse = await openTestWarehouse();
  place = await openTestPlace(warehouse);
  services = { ...place, signature: async () => signature, modelRows: async () => ({ relation: "skew_flights" }) };
  await play(place);
});
afterAll(async () => {
  await place.close();
  await warehouse.close();
});

/** Three days in which the stream reads features just as the server would, and a table with the same events. */
async function play({ commit, open }: TestPlace): Promise<void> {
  const random = seeded(9);
  const online = createOnlineFeatures(signature.features);
  const events: { timeMs: number; ask?: Ask; truth?: Truth; origin: string }[] = [];
  for (let i = 0; i < 1_200; i++) {
    const timeMs = firstDayMs + Math.floor((i / 400) * dayMs);
    const origin = Math.floor(random() * 3);
    events.push({ timeMs, origin: origins[origin]!, ask: { key: String(i), timeMs, version: 1, score: random(), rate: 0, origin } });
    const landed = timeMs + Math.floor(random() * 7_200_000) + 1_000;
    events.push({ timeMs: landed, origin: origins[origin]!, truth: { key: String(i), timeMs: landed, late: random() < 0.4 } });
  }
  events.sort((a, b) => a.timeMs - b.timeMs);
  const monitor = await open();
  const value = new Float32Array(1);
  for (const { ask, truth, origin, timeMs } of events) {
    if (truth) online.update("departed", { flight_id: Number(truth.key), origin, landed_at: timeMs, late: truth.late });
    if (!ask) continue;
    online.read({ origin }, timeMs, value);
    ask.rate = value[0]!;
  }
  await commit(
    events.flatMap(({ ask }) => ask ?? []),
    events.flatMap(({ truth }) => truth ?? []),
    monitor,
  );
  for (const day of [1, 2, 3]) await monitor.closeDay(firstDayMs + day * dayMs);
  const rows = events.flatMap(({ truth, origin }) =>
    truth ? [`(${truth.key}, '${origin}', make_timestamp(${truth.timeMs * 1_000}), ${truth.late})`] : [],
  );
  await warehouse.execute(`create table skew_flights as select * from (values ${rows.join(", ")}) t(flight_id, origin, landed_at, late)`);
}

describe("the check for skew", () => {
  test("finds none where the stream and the tables saw the same events", async () => {
    const report = await checkSkew(services, { endpoint: "late-arrival", sample: 300 });
    expect(report).toMatchObject({ version: 1, rows: 300, skewed: 0, examples: [] });
    expect(report.features).toEqual([{ feature: "from_origin__late_rate_1h", different: 0, onlyServed: 0, onlyOffline: 0, share: 0, largest: 0 }]);
    expect(report.untilMs).toBeLessThan(firstDayMs + 2.2 * dayMs); // the last day may still lack events
    expect(await checkSkew(services, { endpoint: "late-arrival", sample: 300 })).toEqual(report);
  });

  test("names the feature, the share and the predictions where an event is another one in the tables", async () => {
    const [event] = await warehouse.rows(
      `select flight_id, epoch_ms(landed_at) as ms from skew_flights where landed_at > epoch_ms(${firstDayMs + dayMs}) order by landed_at limit 1`,
    );
    await warehouse.execute(`update skew_flights set late = not late where flight_id = ${Number(event!["flight_id"])}`);
    const report = await checkSkew(services, { endpoint: "late-arrival", sample: 5_000 });
    expect(report.skewed).toBeGreaterThan(0);
    const [feature] = report.features;
    expect(feature!.different).toBe(report.skewed);
    expect(feature!.share).toBe(report.skewed / report.rows);
    expect(report.examples[0]!.prediction).toMatch(/^late-arrival\.0\.\d+$/);
    await warehouse.execute(
      `delete from skew_flights where flight_id <> ${Number(event!["flight_id"])} and landed_at < epoch_ms(${firstDayMs + dayMs})`,
    );
    const fewer = await checkSkew(services, { endpoint: "late-arrival", sample: 5_000 });
    expect(fewer.features[0]!.onlyServed).toBeGreaterThan(0);
  });

  test("says so when there is nothing to compare, or a key was not kept", async () => {
    await expect(checkSkew(services, { endpoint: "other" })).rejects.toMatchObject({ code: "not_found" });
    await expect(checkSkew(services, { endpoint: "late-arrival", version: 7 })).rejects.toThrow("version 7 answered nothing");
    await expect(checkSkew({ ...services, signature: async () => ({ ...signature, features: {} }) }, { endpoint: "late-arrival" })).rejects.toThrow(
      "takes no features",
    );
    const empty = { ...services, modelRows: async () => ({ relation: "(from skew_flights where false)" }) };
    await expect(checkSkew(empty, { endpoint: "late-arrival" })).rejects.toThrow("tables of its events are empty");
    const lost = featureView("flights_of", {
      from: handle,
      entity: entity("flight"),
      on: "flight_id",
      time: "landed_at",
      windows: ["1h"],
      features: { flights: count() },
    });
    const other = { ...services, signature: async () => ({ ...signature, features: { mine: lost.at("flight_id") } }) };
    await expect(checkSkew(other, { endpoint: "late-arrival" })).rejects.toThrow("its key flight_id is no input of the model");
  });
});
