import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import type { Warehouse } from "#ports/warehouse";
import { count, entity, featureView, mean } from "./define.ts";
import { readAsOf, type ReadServices } from "./read-as-of.ts";

const handle = { kind: "model", name: "visits", columns: { shop: "VARCHAR", seen_at: "TIMESTAMP", bought: "BOOLEAN" } } as const;
const visits = featureView("visits", {
  from: handle,
  entity: entity("shop"),
  time: "seen_at",
  windows: ["1h", "1d"],
  features: { rate: mean("bought"), visits: count() },
});
const noon = Date.UTC(2001, 4, 20, 12);

describe("reading features as of a moment", () => {
  let warehouse: Warehouse;
  let folder: string;
  let services: ReadServices;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "millrace-read-"));
    warehouse = await openDuckdb({ threads: 1, memoryLimitMb: 100, temporaryFolder: folder });
    const rows = `(values ('a', timestamp '2001-05-20 11:30', true), ('a', timestamp '2001-05-20 12:00', false), ('a', timestamp '2001-05-20 01:00', false),
      ('b', timestamp '2001-05-20 11:59', false), ('a', timestamp '2001-05-19 11:59', true)) v(shop, seen_at, bought)`;
    services = { warehouse, relationOf: async () => `(select * from ${rows})` };
  });
  afterAll(async () => {
    await warehouse.close();
    await rm(folder, { recursive: true });
  });

  it("sees what was known before the moment, within each window, of that key alone", async () => {
    const values = await readAsOf(services, visits, ["a"], noon);
    expect(Object.fromEntries(values.map(({ name, value, events }) => [name, [value, events]]))).toEqual({
      rate_1h: [1, 1],
      visits_1h: [1, 1],
      rate_1d: [0.5, 2],
      visits_1d: [2, 2],
    });
  });

  it("counts nothing for a key that was never seen", async () => {
    const values = await readAsOf(services, visits, ["it's"], noon);
    expect(values.map(({ value }) => value)).toEqual([null, null, 0, 0]);
  });

  it("refuses a key of the wrong length", async () => {
    await expect(readAsOf(services, visits, ["a", "b"], noon)).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
