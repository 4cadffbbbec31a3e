import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { fixedClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import { openLake, type Lake } from "#domains/lake";
import type { Warehouse, WarehouseRow } from "#ports/warehouse";
import { assertBuilt, buildModels, type BuildOptions, type ModelResult } from "./build-models.ts";
import type { LineageFacts } from "./build-session.ts";
import { loadModels } from "./load-models.ts";
import { memoryBuildStore } from "./memory-build-store.ts";
import { modelRelation } from "./model-relation.ts";
import { buildRecordSchema, type BuildStore } from "./model.ts";
import { planBuild } from "./plan-build.ts";

let root: string;
let folder: string;
let warehouse: Warehouse;
let lake: Lake;
let buildStore: BuildStore;
let clock: ReturnType<typeof fixedClock>;
let facts: LineageFacts[];
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "millrace-build-"));
  warehouse = await openDuckdb({ threads: 2, memoryLimitMb: 300, temporaryFolder: join(root, "spill") });
});
afterAll(async () => {
  await warehouse.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  folder = join(root, `p${count++}`);
  clock = fixedClock(Date.parse("2001-06-01T00:00:00Z"));
  const blobs = await openLocalBlobs({ folder: join(folder, "lake") });
  lake = openLake({ blobs, warehouse, clock, log: silentLog, scratchFolder: join(folder, "scratch") });
  buildStore = memoryBuildStore();
  facts = [];
});

async function write(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

async function build(options: Partial<BuildOptions> = {}): Promise<Record<string, ModelResult>> {
  clock.advance(1000);
  const results = await buildModels({
    graph: await loadModels({ folder }),
    lake,
    warehouse,
    buildStore,
    clock,
    scratchFolder: join(folder, "scratch"),
    onLineage: (fact) => void facts.push(fact),
    ...options,
  });
  return Object.fromEntries(results.map((result) => [result.model, result]));
}

function statuses(results: Record<string, ModelResult>): string {
  return Object.values(results)
    .map(({ model, status }) => `${model} ${status}`)
    .join(", ");
}

async function rowsOf(model: string): Promise<WarehouseRow[]> {
  const { relation } = await modelRelation({ lake, warehouse, buildStore }, model);
  return warehouse.rows(`select * from ${relation} order by all`);
}

/** Catalogs of builds that are still attached, and files under test that are still there. */
async function leftovers(): Promise<unknown> {
  const attached = await warehouse.rows("select database_name from duckdb_databases() where database_name like 'build_%'");
  const staged = (await readdir(join(folder, "scratch")).catch(() => [])).filter((file) => file.startsWith("model-"));
  return [...attached, ...staged];
}

const flights = {
  "models/flights.sql": `{{ config(materialized='incremental', unique_key='id', tests={'id': ['not_null', 'unique'], 'origin': [{'relationships': {'to': ref('airports'), 'field': 'iata'}}]}) }}
select f.id, f.origin, f.delay, f.delay > 15 as late
from {{ ref('stg_flights') }} f
{% if is_incremental() %}where f.id > (select coalesce(max(id), 0) from {{ this }}) - 1{% endif %}`,
  "models/stg_flights.sql": "select * from {{ source('raw', 'flights') }} where delay is not null",
  "models/airports.sql":
    "{{ config(materialized='table', tests={'iata': ['unique'], 'size': [{'accepted_values': {'values': [1, 2]}}]}) }} select * from {{ source('raw', 'airports') }}",
  "models/by_origin.sql":
    "{{ config(materialized='table', tags=['report']) }} select origin, count(*) as n, avg(flights.delay) as mean from {{ ref('flights') }} group by origin",
};

async function fill(): Promise<void> {
  await write(flights);
  await lake.append("raw.airports", { sql: "select * from (values ('SEA', 1), ('SFO', 2)) v(iata, size)" });
  await lake.append("raw.flights", { sql: "select * from (values (1, 'SEA', 5), (2, 'SFO', 30), (3, 'SEA', null)) v(id, origin, delay)" });
}

describe("a build", () => {
  test("makes every model a version of a table, in dependency order, and does nothing again while nothing changed", async () => {
    await fill();
    const first = await build();
    expect(statuses(first)).toBe("airports built, stg_flights built, flights built, by_origin built");
    expect(first["flights"]).toMatchObject({ version: 0, rows: 2, reason: "not built yet", incremental: false, error: undefined });
    expect(first["flights"]!.tests.map(({ name, status }) => `${name} ${status}`)).toEqual([
      "not_null_flights_id passed",
      "unique_flights_id passed",
      "relationships_flights_origin passed",
    ]);
    expect(await rowsOf("flights")).toEqual([
      { id: 1, origin: "SEA", delay: 5, late: false },
      { id: 2, origin: "SFO", delay: 30, late: true },
    ]);
    expect(await lake.tables()).toEqual(["models.airports", "models.by_origin", "models.flights", "raw.airports", "raw.flights"]);
    const second = await build();
    expect(statuses(second)).toBe("airports skipped, stg_flights skipped, flights skipped, by_origin skipped");
    expect(second["flights"]!.reason).toBe("unchanged");
    expect(await leftovers()).toEqual([]);
  });

  test("merges only new rows into an incremental model, and says which input changed", async () => {
    await fill();
    await build();
    await lake.append("raw.flights", { sql: "select * from (values (2, 'SFO', 31), (4, 'SEA', 1)) v(id, origin, delay)" });
    const plan = await planBuild({ graph: await loadModels({ folder }), lake, warehouse, buildStore });
    expect(plan.map(({ model, action, reason }) => `${model} ${action}: ${reason}`)).toEqual([
      "airports skip: unchanged",
      "stg_flights full: new version of raw.flights (0 → 1)",
      "flights incremental: its input models.stg_flights is built anew",
      "by_origin full: its input models.flights is built anew",
    ]);
    // the row 2 comes twice now: a merge must refuse it rather than choose
    const refused = await build();
    expect(statuses(refused)).toBe("airports skipped, stg_flights built, flights failed, by_origin blocked");
    await lake.replace("raw.flights", { sql: "select * from (values (1, 'SEA', 5), (2, 'SFO', 31), (4, 'SEA', 1)) v(id, origin, delay)" });
    const again = await build();
    expect(again["flights"]).toMatchObject({ status: "built", incremental: true, rows: 2, version: 1 });
    expect(await rowsOf("flights")).toEqual([
      { id: 1, origin: "SEA", delay: 5, late: false },
      { id: 2, origin: "SFO", delay: 31, late: true },
      { id: 4, origin: "SEA", delay: 1, late: false },
    ]);
    expect(await rowsOf("by_origin")).toEqual([
      { origin: "SEA", n: 2, mean: 3 },
      { origin: "SFO", n: 1, mean: 31 },
    ]);
    expect((await lake.history("models.flights")).map((version) => version.operation)).toEqual(["MERGE", "REPLACE"]);
  });

  test("leaves the version where an incremental run finds nothing new, so that its readers are not built again", async () => {
    await fill();
    await write({
      "models/flights.sql":
        "{{ config(materialized='incremental') }} select * from {{ ref('stg_flights') }} f {% if is_incremental() %}where id > (select max(id) from {{ this }}){% endif %}",
    });
    await build();
    await lake.append("raw.flights", { sql: "select 9 as id, 'SEA' as origin, cast(null as integer) as delay" });
    const results = await build();
    expect(statuses(results)).toBe("airports skipped, stg_flights built, flights built, by_origin skipped");
    expect(results["flights"]).toMatchObject({ rows: 0, version: 0 });
    expect(statuses(await build())).toBe("airports skipped, stg_flights skipped, flights skipped, by_origin skipped");
  });

  test("makes all rows anew when the SQL changed, a full refresh is asked for, or the columns changed", async () => {
    await fill();
    await build();
    await write({ "models/flights.sql": flights["models/flights.sql"].replace("> 15", "> 20") });
    const changed = await build();
    expect(changed["flights"]).toMatchObject({ status: "built", incremental: false, reason: "its SQL or configuration changed" });
    expect(changed["airports"]!.status).toBe("skipped");
    const refreshed = await build({ fullRefresh: true, select: ["flights"] });
    expect(refreshed["flights"]).toMatchObject({ reason: "a full refresh was asked for", incremental: false });
    await write({ "models/flights.sql": "{{ config(materialized='incremental', unique_key='id') }} select * from {{ ref('stg_flights') }}" });
    await build();
    await lake.append("raw.flights", { sql: "select 5 as id, 'SFO' as origin, 2 as delay, 'x' as extra" }, { addColumns: true });
    const widened = await build();
    expect(widened["flights"]).toMatchObject({ status: "built", incremental: false });
    expect(widened["flights"]!.reason).toContain("its columns changed");
  });

  test("with full_refresh=false keeps rows that can no longer be made", async () => {
    await fill();
    const model = (late: number) =>
      `{{ config(materialized='incremental', unique_key='id', full_refresh=false) }} select id, origin, delay, delay > ${late} as late from {{ ref('stg_flights') }}`;
    await write({ "models/flights.sql": model(15) });
    await build();
    await lake.replace("raw.flights", { sql: "select 7 as id, 'SEA' as origin, 18 as delay" });
    await write({ "models/flights.sql": model(20) });
    expect((await build({ fullRefresh: true }))["flights"]).toMatchObject({ incremental: true, rows: 1 });
    expect((await rowsOf("flights")).map((row) => row["id"])).toEqual([1, 2, 7]);
  });

  test("does not read a view's inputs in newer versions than it was built on", async () => {
    await fill();
    await build();
    await lake.append("raw.flights", { sql: "select 8 as id, 'SEA' as origin, 1 as delay" });
    expect((await rowsOf("stg_flights")).map((row) => row["id"])).toEqual([1, 2]);
    await build();
    expect((await rowsOf("stg_flights")).map((row) => row["id"])).toEqual([1, 2, 8]);
  });

  test("puts views of views and ephemeral models into one definition, with names and aliases as written", async () => {
    await fill();
    await write({
      "models/eph.sql":
        "{{ config(materialized='ephemeral') }} with flights as (select * from {{ ref('stg_flights') }}) select flights.id from flights",
      "models/top.sql":
        "select eph.id, s.origin, 'é' as e from {{ ref('eph') }} join {{ ref('stg_flights') }} s using (id), {{ source('raw', 'airports') }} where airports.iata = s.origin",
    });
    await build();
    expect(await rowsOf("top")).toEqual([
      { id: 1, origin: "SEA", e: "é" },
      { id: 2, origin: "SFO", e: "é" },
    ]);
    expect(await lake.tables()).not.toContain("models.eph");
  });

  test("reads a declared source as empty until something is written to it", async () => {
    await write({ "models/m.sql": "{{ config(materialized='table') }} select * from {{ source('raw', 'later') }}" });
    const sources = {
      "raw.later": [
        { name: "id", type: "INTEGER" },
        { name: "at", type: "TIMESTAMP" },
      ],
    };
    expect((await build({ sources }))["m"]).toMatchObject({ status: "built", rows: 0 });
    expect((await build({ sources }))["m"]!.status).toBe("skipped");
    await lake.append("raw.later", { sql: "select 1 as id, timestamp '2001-01-01' as at" });
    expect((await build({ sources }))["m"]).toMatchObject({ status: "built", rows: 1 });
    expect(buildRecordSchema.parse(JSON.parse(JSON.stringify((await buildStore.get("m")).finished)))).toMatchObject({
      inputs: [{ table: "raw.later", version: 0 }],
    });
  });

  test("builds a table anew that somebody else changed or dropped", async () => {
    await fill();
    await build();
    await lake.append("models.airports", { sql: "select 'XXX' as iata, 1 as size" });
    expect((await build())["airports"]!.reason).toBe("its table was changed by somebody else");
    await lake.drop("models.airports");
    expect((await build())["airports"]).toMatchObject({ status: "built", reason: "its table is gone" });
    expect(await rowsOf("airports")).toHaveLength(2);
  });

  test("tells lineage the columns, their origins and the versions that were read", async () => {
    await fill();
    await build();
    const fact = facts.find(({ model }) => model === "flights")!;
    expect(fact).toMatchObject({ table: "models.flights", version: 0, unresolved: [], inputs: [{ table: "models.stg_flights", version: 1 }] });
    expect(fact.columns.find((column) => column.name === "late")).toEqual({
      name: "late",
      type: "BOOLEAN",
      from: [{ table: "models.stg_flights", column: "delay", kind: "value" }],
    });
    expect(facts.find(({ model }) => model === "by_origin")!.columns.find((column) => column.name === "n")!.from).toEqual([
      { table: "models.flights", column: "origin", kind: "filter" },
    ]);
  });

  test("can be stopped, and says of what was never built that it was not", async () => {
    await fill();
    await expect(build({ signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    const alone = await build({ select: ["by_origin"] });
    expect(alone["by_origin"]!.error).toMatchObject({ code: "not_found", hint: "Build it as well: select `+by_origin`." });
    await expect(rowsOf("by_origin")).rejects.toMatchObject({ code: "not_found" });
    expect(await leftovers()).toEqual([]);
  });
});

describe("data tests", () => {
  test("stop rows that break them before anybody sees them, and what reads the model after it", async () => {
    await fill();
    await build();
    await lake.append("raw.airports", { sql: "select 'SEA' as iata, 7 as size" });
    const results = await build();
    expect(statuses(results)).toBe("airports failed, stg_flights skipped, flights blocked, by_origin blocked");
    const { error } = results["airports"]!;
    expect(error).toMatchObject({ code: "test_failed" });
    expect(error!.message).toBe(
      'models/airports.sql: 2 of 2 tests of `airports` failed; version 0 stays in place.\n  unique_airports_iata: 1 row, such as {"iata":"SEA","rows":2}\n  accepted_values_airports_size: 1 row, such as {"iata":"SEA","size":7}',
    );
    expect(() => assertBuilt(Object.values(results))).toThrow(error!);
    expect((await lake.snapshot("models.airports")).version).toBe(0);
    expect(await rowsOf("airports")).toHaveLength(2);
    expect(await leftovers()).toEqual([]);
    await lake.replace("raw.airports", { sql: "select 'SEA' as iata, 1 as size union all select 'SFO', 2" });
    expect(statuses(await build())).toBe("airports built, stg_flights skipped, flights tested, by_origin skipped");
  });

  test("look at the whole table that an incremental run would leave, not only at its new rows", async () => {
    await write({
      "models/m.sql": `{{ config(materialized='incremental', tests={'name': ['unique']}) }} select * from {{ source('raw', 't') }} {% if is_incremental() %}where id > (select max(id) from {{ this }}){% endif %}`,
    });
    await lake.append("raw.t", { sql: "select 1 as id, 'a' as name" });
    await build();
    await lake.append("raw.t", { sql: "select 2 as id, 'a' as name" });
    const results = await build();
    expect(results["m"]).toMatchObject({ status: "failed", version: 0 });
    expect(await rowsOf("m")).toHaveLength(1);
  });

  test("of severity warn report and let pass; `where` limits what is tested", async () => {
    await write({
      "models/m.sql": `{{ config(materialized='table', tests={'a': [{'not_null': {'severity': 'warn'}}, {'unique': {'where': 'b = 1'}}, {'accepted_values': {'values': ['x', "it's"], 'severity': 'warn'}}]}) }} select * from (values (null, 1), ('x', 1), ('x', 2), ('y', 2)) v(a, b)`,
    });
    const { m } = await build();
    expect(m!.status).toBe("built");
    expect(m!.tests.map(({ status, failures }) => `${status} ${failures}`)).toEqual(["warned 1", "passed 0", "warned 1"]);
    expect(m!.tests[0]!.examples).toEqual([{ a: null, b: 1 }]);
  });

  test("of the project's own: a macro for columns, a query for a whole", async () => {
    await write({
      "macros/tests.sql": "{% test above(model, column_name, limit) %}select * from {{ model }} where {{ column_name }} <= {{ limit }}{% endtest %}",
      "models/m.sql": "{{ config(materialized='table', tests={'n': [{'above': {'limit': 1}}]}) }} select * from range(2, 5) r(n)",
      "models/other.sql": "{{ config(materialized='table') }} select 3 as n",
      "tests/no_common_rows.sql": "{{ config(severity='warn') }} select * from {{ ref('m') }} join {{ ref('other') }} using (n)",
    });
    const results = await build();
    expect(results["m"]!.tests.map(({ name, status }) => `${name} ${status}`)).toEqual(["above_m_n passed"]);
    expect(results["other"]!.tests).toMatchObject([{ name: "no_common_rows", status: "warned", failures: 1, examples: [{ n: 3 }] }]);
    await write({ "tests/no_common_rows.sql": "select * from {{ ref('m') }} join {{ ref('other') }} using (n)" });
    const strict = await build();
    expect(statuses(strict)).toBe("m skipped, other failed");
    expect(strict["other"]!.error).toMatchObject({ code: "test_failed" });
  });

  test("that cannot be run name their file", async () => {
    await write({ "models/m.sql": "{{ config(materialized='table', tests={'nn': ['not_null']}) }} select 1 as n" });
    const { error } = (await build())["m"]!;
    expect(error).toMatchObject({ code: "sql_error" });
    expect(error!.message).toContain("models/m.sql (test not_null_m_nn)");
    await write({ "models/m.sql": "{{ config(materialized='table', tests={'n': ['nul']}) }} select 1 as n" });
    expect((await build())["m"]!.error).toMatchObject({ code: "invalid_definition" });
  });
});

describe("a build that is killed", () => {
  test("between the commit of its rows and its record is taken up without writing them twice", async () => {
    await write({
      "models/m.sql":
        "{{ config(materialized='incremental') }} select * from {{ source('raw', 't') }} {% if is_incremental() %}where id > 100{% endif %}",
    });
    await lake.append("raw.t", { sql: "select 1 as id" });
    await build();
    await lake.append("raw.t", { sql: "select 101 as id" });
    const dying: BuildStore = { ...buildStore, putFinished: () => Promise.reject(new Error("killed")) };
    expect((await build({ buildStore: dying }))["m"]!.status).toBe("failed");
    expect((await lake.snapshot("models.m")).rows).toBe(2);
    facts = [];
    const after = await build();
    expect(after["m"]).toMatchObject({ status: "skipped", version: 1 });
    expect((await lake.snapshot("models.m")).rows).toBe(2);
    expect(facts).toMatchObject([{ model: "m", version: 1 }]);
    // and the next new rows still come
    await lake.append("raw.t", { sql: "select 102 as id" });
    await build();
    expect((await rowsOf("m")).map((row) => row["id"])).toEqual([1, 101, 101, 102]);
  });

  test("before its commit is done again", async () => {
    await write({ "models/m.sql": "{{ config(materialized='incremental') }} select * from {{ source('raw', 't') }}" });
    await lake.append("raw.t", { sql: "select 1 as id" });
    const dying: Lake = { ...lake, replace: () => Promise.reject(new Error("killed")) };
    expect((await build({ lake: dying }))["m"]!.status).toBe("failed");
    expect((await build())["m"]).toMatchObject({ status: "built", rows: 1 });
  });

  test("and whose records are lost goes on after the lake's own count", async () => {
    await write({ "models/m.sql": "{{ config(materialized='table') }} select * from {{ source('raw', 't') }}" });
    await lake.append("raw.t", { sql: "select 1 as id" });
    await build();
    await lake.append("raw.t", { sql: "select 2 as id" });
    buildStore = memoryBuildStore();
    expect((await build())["m"]).toMatchObject({ status: "built", rows: 2, version: 1 });
  });
});

test("independent models go on when one fails, and one error tells of all", async () => {
  await write({
    "models/good.sql": "{{ config(materialized='table') }} select 1 as a -- no newline after this",
    "models/bad.sql": "{{ config(materialized='table') }}\nselect cast('x' as integer) as a\nfrom (select 1)",
    "models/worse.sql": "{{ config(materialized='table') }} select no_such(1) as a",
    "models/after.sql": "select * from {{ ref('bad') }}",
  });
  const results = await build();
  expect(results).toMatchObject({ good: { status: "built" }, bad: { status: "failed" }, worse: { status: "failed" }, after: { status: "blocked" } });
  expect(results["bad"]!.error!.message).toMatch(/^models\/bad.sql:2:\d+: Conversion error/);
  expect(() => assertBuilt(Object.values(results))).toThrow(/Also failed: worse/);
});

test("builds at the same time do not see each other's names", async () => {
  await fill();
  const [one, two] = await Promise.all([
    build({ buildStore: memoryBuildStore(), select: ["stg_flights"] }),
    build({ buildStore: memoryBuildStore(), select: ["stg_flights"] }),
  ]);
  expect([one["stg_flights"]!.status, two["stg_flights"]!.status]).toEqual(["built", "built"]);
});
