import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openEmbeddedStream } from "#adapters/stream/embedded";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { count, entity, featureView, mean } from "#domains/features";
import { topic, type Topic } from "#domains/ingest";
import { systemClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import type { Stream } from "#ports/stream";
import type { Warehouse } from "#ports/warehouse";
import { warmFeatures } from "./warm-features.ts";

const dayMs = 86_400_000;
const bills = {
  kind: "model",
  name: "bills",
  columns: { bill_id: "INTEGER", customer: "INTEGER", region: "VARCHAR", billed_at: "TIMESTAMP", known_at: "TIMESTAMP", churned: "BOOLEAN" },
} as const;
const usage = featureView("usage", { from: bills, entity: entity("customer"), time: "billed_at", windows: ["40d"], features: { bills: count() } });
const leavers = featureView("leavers", {
  from: bills,
  entity: entity("region"),
  time: "billed_at",
  known: "known_at",
  windows: ["20d"],
  features: { churn_rate: mean("churned"), outcomes: count() },
});
const billed = topic("billed", { of: bills, key: "bill_id", time: "billed_at", columns: ["bill_id", "customer", "region", "billed_at"] });
const outcomes = topic("outcomes", { of: bills, key: "bill_id", time: "known_at" });

let folder: string;
let warehouse: Warehouse;
let stream: Stream;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-warm-"));
  warehouse = await openDuckdb({ threads: 1, memoryLimitMb: 200, temporaryFolder: join(folder, "sql") });
  stream = await openEmbeddedStream({ folder: join(folder, "streams"), clock: systemClock, log: silentLog });
});
afterEach(async () => {
  await stream.close();
  await warehouse.close();
  await rm(folder, { recursive: true });
});

describe("warmFeatures", () => {
  it("answers from the moment the events end, though the table holds outcomes that become known weeks later", async () => {
    // One bill a day for a hundred days; its outcome is known 30 days after it, and every fifth customer leaves.
    const beginMs = Date.UTC(2025, 0, 1);
    const days = 100;
    const relation = `(select d::integer as bill_id, (d % 10)::integer as customer, 'north' as region,
      timestamp '2025-01-01' + to_days(d::integer) as billed_at, timestamp '2025-01-31' + to_days(d::integer) as known_at, d % 5 = 0 as churned
      from range(${days}) t(d))`;
    const topics: Topic[] = [billed, outcomes];
    for (const { name } of topics) await stream.createTopic(name);
    const modelRows = async () => ({ relation, columns: Object.entries(bills.columns).map(([name, type]) => ({ name, type })) });
    const features = { usage: usage.at("customer"), region: leavers.at("region") };
    const { online, floorMs } = await warmFeatures({ stream, warehouse, modelRows }, features, topics, new Map(topics.map(({ name }) => [name, 0])));

    const lastBillMs = beginMs + (days - 1) * dayMs;
    expect(floorMs).toBeLessThanOrEqual(lastBillMs);
    for (const atMs of [lastBillMs, lastBillMs + dayMs / 2, lastBillMs + 10 * dayMs, lastBillMs + 29 * dayMs]) {
      const out = new Float32Array(online.names.length);
      online.read({ customer: 3, region: "north" }, atMs, out);
      const known = Array.from({ length: days }, (_, day) => ({ day, ms: beginMs + (day + 30) * dayMs })).filter(
        ({ ms }) => ms < atMs && ms >= atMs - 20 * dayMs,
      );
      const seen = Array.from({ length: days }, (_, day) => ({ day, ms: beginMs + day * dayMs })).filter(
        ({ day, ms }) => day % 10 === 3 && ms < atMs && ms >= atMs - 40 * dayMs,
      );
      const read = Object.fromEntries(online.names.map((name, i) => [name, out[i]]));
      expect(read).toEqual({
        usage__bills_40d: seen.length,
        region__churn_rate_20d: Math.fround(known.filter(({ day }) => day % 5 === 0).length / known.length),
        region__outcomes_20d: known.length,
      });
    }
  });
});
