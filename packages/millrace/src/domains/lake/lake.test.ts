import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { AppError } from "#kit/app-error";
import { fixedClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import type { BlobStore } from "#ports/blob-store";
import type { Warehouse, WarehouseRow } from "#ports/warehouse";
import { openLake, type Lake, type VersionChoice } from "./index.ts";

const start = Date.parse("2001-06-01T00:00:00Z");
let root: string;
let folder: string;
let warehouse: Warehouse;
let blobs: BlobStore;
let clock: ReturnType<typeof fixedClock>;
let lake: Lake;
let tests = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "millrace-lake-"));
  warehouse = await openDuckdb({ threads: 2, memoryLimitMb: 300, temporaryFolder: join(root, "spill") });
});
afterAll(async () => {
  await warehouse.close();
  await rm(root, { recursive: true });
});
beforeEach(async () => {
  folder = join(root, `test [${++tests}]`, "tables"); // brackets, because the engine takes them for a pattern
  blobs = await openLocalBlobs({ folder });
  clock = fixedClock(start);
  lake = open();
});

/** Another lake on the same store, as another process would have. */
function open(store: BlobStore = blobs): Lake {
  return openLake({ blobs: store, warehouse, clock, log: silentLog, scratchFolder: join(root, "scratch") });
}

async function rowsOf(table: string, at?: VersionChoice, from: Lake = open()): Promise<WarehouseRow[]> {
  return warehouse.rows(`select * from ${await from.relation(table, at)} order by all`);
}

async function errorOf(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AppError);
  return error as AppError; // checked the line before
}

const values = (...rows: [number, string][]) => ({ sql: `select * from (values ${rows.map(([k, v]) => `(${k}, '${v}')`).join(", ")}) t(k, v)` });

describe("append", () => {
  test("creates the table, then adds versions; every version reads as it was", async () => {
    expect(await lake.exists("raw.t")).toBe(false);
    expect(await lake.append("raw.t", values([1, "a"]))).toEqual({ version: 0, rows: 1, skipped: false });
    clock.advance(1000);
    expect(await lake.append("raw.t", values([2, "b"], [3, "c"]), { metadata: { run: "r1" } })).toEqual({ version: 1, rows: 2, skipped: false });
    expect(await rowsOf("raw.t")).toEqual([
      { k: 1, v: "a" },
      { k: 2, v: "b" },
      { k: 3, v: "c" },
    ]);
    expect(await rowsOf("raw.t", { version: 0 })).toEqual([{ k: 1, v: "a" }]);
    expect(await rowsOf("raw.t", { timestampMs: start + 999 })).toEqual([{ k: 1, v: "a" }]);
    expect(await rowsOf("raw.t", { timestampMs: start + 1000 })).toHaveLength(3);
    expect(await lake.history("raw.t")).toMatchObject([
      { version: 1, timestampMs: start + 1000, operation: "APPEND", metrics: { numOutputRows: "2" }, metadata: { run: "r1" } },
      { version: 0, timestampMs: start, operation: "APPEND", metadata: undefined },
    ]);
    expect(await lake.tables()).toEqual(["raw.t"]);
    expect(await lake.exists("raw.t")).toBe(true);
  });

  test("a transaction is recorded once, whatever is repeated, by whomever", async () => {
    const week = (version: number) => ({ transaction: { appId: "weeks", version } });
    expect(await lake.append("raw.t", values([1, "a"]), week(1))).toMatchObject({ version: 0, skipped: false });
    expect(await lake.append("raw.t", values([1, "a"]), week(1))).toEqual({ version: 0, rows: 0, skipped: true });
    expect(await open().append("raw.t", values([1, "a"]), week(0))).toMatchObject({ skipped: true });
    expect(await open().append("raw.t", values([2, "b"]), week(2))).toMatchObject({ version: 1, skipped: false });
    expect(await lake.append("raw.t", values([2, "b"]), { transaction: { appId: "others", version: 1 } })).toMatchObject({
      version: 2,
      skipped: false,
    });
    expect((await lake.snapshot("raw.t")).transactions).toEqual({ weeks: 2, others: 1 });
    expect(await rowsOf("raw.t")).toHaveLength(3);
  });

  test("no rows make no version, but their transaction is recorded", async () => {
    const none = { sql: "select 1 as k, 'a' as v where false" };
    expect(await lake.append("raw.t", none)).toEqual({ version: 0, rows: 0, skipped: false });
    expect(await lake.append("raw.t", none)).toEqual({ version: 0, rows: 0, skipped: false });
    expect(await lake.append("raw.t", none, { transaction: { appId: "a", version: 0 } })).toEqual({ version: 1, rows: 0, skipped: false });
    expect(await rowsOf("raw.t")).toEqual([]);
    expect(await warehouse.describe(`select * from ${await lake.relation("raw.t")}`)).toEqual([
      { name: "k", type: "INTEGER" },
      { name: "v", type: "VARCHAR" },
    ]);
  });

  test("columns are matched by name, in any order and case, and narrower numbers are widened", async () => {
    await lake.append("raw.t", { sql: "select 1::bigint as k, 'a' as v, 1.5::double as x" });
    await lake.append("raw.t", { sql: "select 2::float as X, 'b' as V, 7::tinyint as K" });
    expect(await rowsOf("raw.t")).toEqual([
      { k: 1, v: "a", x: 1.5 },
      { k: 7, v: "b", x: 2 },
    ]);
  });

  test("a column too many, too few or of a type that may not fit is an error that names it, and nothing is written", async () => {
    await lake.append("raw.t", values([1, "a"]));
    const cases: [string, string][] = [
      ["select 1 as k, 'a' as v, 2 as extra", "extra"],
      ["select 1 as k", "v"],
      ["select 1::bigint as k, 'a' as v", "k"],
      ["select 'x' as k, 'a' as v", "k"],
    ];
    for (const [sql, column] of cases) {
      const error = await errorOf(lake.append("raw.t", { sql }));
      expect(error, sql).toMatchObject({ code: "invalid_argument", details: { column } });
      expect(error.message).toContain(`\`${column}\``);
      expect(error.message).toContain("`raw.t`");
    }
    expect((await errorOf(lake.append("raw.t", { sql: "select 1 as a, 2 as A" }))).message).toMatch(/differ by more than case/);
    expect(await readdir(join(folder, "raw", "t"))).toHaveLength(2);
    expect(await lake.snapshot("raw.t")).toMatchObject({ version: 0 });
  });

  test("new columns are added when asked for; old rows have nulls there, old versions lack them", async () => {
    await lake.append("raw.t", values([1, "a"]));
    await lake.append("raw.t", { sql: "select 2 as k, timestamp '2001-01-01' as t" }, { addColumns: true });
    await lake.append("raw.t", { sql: "select 'c' as v, 3 as k, null::timestamp as t" });
    expect(await rowsOf("raw.t")).toEqual([
      { k: 1, v: "a", t: null },
      { k: 2, v: null, t: "2001-01-01T00:00:00.000Z" },
      { k: 3, v: "c", t: null },
    ]);
    expect(await rowsOf("raw.t", { version: 0 })).toEqual([{ k: 1, v: "a" }]);
    expect((await lake.snapshot("raw.t")).columns).toEqual([
      { name: "k", type: "INTEGER" },
      { name: "v", type: "VARCHAR" },
      { name: "t", type: "TIMESTAMP" },
    ]);
  });

  test("an error in the query is the warehouse's, and leaves nothing", async () => {
    expect(await errorOf(lake.append("raw.t", { sql: "select nope" }))).toMatchObject({ code: "sql_error" });
    expect(await errorOf(lake.append("raw.t", { sql: "select error('stop') as k" }))).toMatchObject({ code: "sql_error" });
    const error = await errorOf(lake.append("raw.t", { sql: "with x as (select 'a' as v)\nselect v::integer as k from x;\n" }));
    expect(error).toMatchObject({ code: "sql_error", details: { line: 2, column: 9 } }); // at the `::`
    expect(await lake.tables()).toEqual([]);
    expect(await readdir(join(root, "scratch")).catch(() => [])).toEqual([]);
  });
});

describe("types", () => {
  test("every type comes back with its value, times to the microsecond", async () => {
    const sql = `select * from (values
      (true, 1::tinyint, 2::smallint, 3, 9223372036854775807, 1.5::float, 0.1::double, 12.345::decimal(20, 3), 'ünï', date '1969-12-31',
        timestamp '2001-01-01 00:00:00.123456', timestamp '0001-01-01 00:00:00', [1, null], {'a': [timestamp '2001-01-01 00:00:00.000001'], 'b c': 'x'}, map {'k': 1.5}, '\\xAA\\x00'::blob),
      (null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)) t(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)`;
    await lake.append("raw.t", { sql });
    const { columns } = await lake.snapshot("raw.t");
    expect(columns).toEqual(
      await warehouse
        .describe(`select * from ${await lake.relation("raw.t")}`)
        .then((all) => all.map(({ name, type }) => ({ name, type: same(type) }))),
    );
    expect(columns.map(({ type }) => type)).toEqual((await warehouse.describe(sql)).map(({ type }) => same(type)));
    expect(await rowsOf("raw.t")).toEqual(await warehouse.rows(`${sql} order by all`));
  });

  const same = (type: string) =>
    type.replace(/(\w+|"[^"]+") (?=\w+(\[|,|\)))/g, (whole, name: string) => (name.startsWith('"') ? whole : `"${name}" `));

  test("types that Delta lacks become the nearest that holds every value, or an error", async () => {
    await lake.append("raw.t", {
      sql: `select sum(x) as total, 200::utinyint as ut, 18446744073709551615::ubigint as ub, uuid '00000000-0000-0000-0000-000000000001' as u, time '10:00' as t,
        timestamptz '2001-01-01 00:00:00+01' as z, timestamp_ns '2001-01-01 00:00:00.000001' as ns, 'y'::enum('x', 'y') as e, null as n from range(5) r(x)`,
    });
    expect((await lake.snapshot("raw.t")).columns.map(({ type }) => type)).toEqual([
      "BIGINT",
      "SMALLINT",
      "DECIMAL(20,0)",
      "VARCHAR",
      "VARCHAR",
      "TIMESTAMP",
      "TIMESTAMP",
      "VARCHAR",
      "INTEGER",
    ]);
    expect(await rowsOf("raw.t")).toEqual([
      {
        total: 10,
        ut: 200,
        ub: "18446744073709551615",
        u: "00000000-0000-0000-0000-000000000001",
        t: "10:00:00",
        z: "2000-12-31T23:00:00.000Z",
        ns: "2001-01-01T00:00:00.000001Z",
        e: "y",
        n: null,
      },
    ]);
    for (const bad of ["timestamp 'infinity'", "timestamp_ns '2001-01-01 00:00:00.000000001'", "9223372036854775808::hugeint", "1::uhugeint"]) {
      expect((await errorOf(lake.append("raw.bad", { sql: `select ${bad} as odd` }))).message, bad).toMatch(/odd|out of range/);
    }
    expect(await lake.exists("raw.bad")).toBe(false);
  });

  test("columns in memory are written with their types, and read back", async () => {
    const table = {
      rows: 3,
      columns: [
        { name: "moment", kind: "number" as const, values: Float64Array.of(start + 0.001, NaN, -1) },
        { name: "n", kind: "number" as const, values: Float64Array.of(1, 2, NaN) },
        { name: "s", kind: "text" as const, codes: Int32Array.of(0, -1, 0), levels: ["x"] },
      ],
    };
    await lake.appendColumns("raw.t", table, { types: { moment: "TIMESTAMP", n: "BIGINT" } });
    await lake.appendColumns("raw.t", table);
    expect((await lake.snapshot("raw.t")).columns.map(({ type }) => type)).toEqual(["TIMESTAMP", "BIGINT", "VARCHAR"]);
    expect(await lake.columns("raw.t", { select: ["s", "moment"], where: "n is null or n = 1 -- both", orderBy: "moment desc" })).toEqual({
      rows: 4,
      columns: [
        { name: "s", kind: "text", codes: Int32Array.of(0, 0, 0, 0), levels: ["x"] },
        { name: "moment", kind: "number", values: Float64Array.of(start + 0.001, start + 0.001, -1, -1) },
      ],
    });
    expect(await warehouse.rows("select count(*) n from duckdb_tables() where table_name like 'lake_rows%'")).toEqual([{ n: 0 }]);
    expect(await errorOf(lake.columns("raw.t", { select: ["nope"] }))).toMatchObject({
      code: "not_found",
      message: expect.stringContaining("`nope`") as unknown,
    });
  });

  test("statistics are bounds of the values", async () => {
    await lake.append("raw.t", {
      sql: `select * from (values (1, 'b', timestamp '2001-01-01 00:00:00.123456', 1.5::double, 2.50::decimal(5, 2), 9007199254740993, true, null::integer, repeat('é', 40)),
        (-3, 'a', null, -0.5, -2.25, 2, false, null, repeat('e', 40))) t(i, s, t, d, c, big, b, n, long)`,
    });
    const log = await readFile(join(folder, "raw", "t", "_delta_log", "00000000000000000000.json"), "utf8");
    expect(log).toContain(String.raw`\"big\":9007199254740993`);
    expect((await lake.snapshot("raw.t")).files[0]!.stats).toEqual({
      numRecords: 2,
      minValues: { i: -3, s: "a", t: "2001-01-01T00:00:00.123Z", d: -0.5, c: -2.25, big: 2, b: false, long: "e".repeat(32) },
      maxValues: {
        i: 1,
        s: "b",
        t: "2001-01-01T00:00:00.124Z",
        d: 1.5,
        c: 2.5,
        big: Number("9007199254740993"),
        b: true,
        long: `${"é".repeat(32)}\u{10FFFF}`,
      },
      nullCount: { i: 0, s: 0, t: 1, d: 0, c: 0, big: 0, b: 0, n: 2, long: 0 },
    });
    await lake.append("raw.t", { sql: "select 5 as i" }, { addColumns: true });
    expect((await lake.snapshot("raw.t")).files[1]!.stats).toMatchObject({ minValues: { i: 5 }, nullCount: { i: 0, s: 1, long: 1 } });
  });

  test("numbers that JSON cannot hold leave a file without bounds rather than with wrong ones", async () => {
    for (const odd of ["nan", "infinity", "-infinity"]) {
      await lake.replace("raw.t", { sql: `select * from (values (1, '${odd}'::double), (2, 1.5)) t(i, d)` });
      expect((await lake.snapshot("raw.t")).files[0]!.stats, odd).toEqual({ numRecords: 2, minValues: {}, maxValues: {}, nullCount: { i: 0, d: 0 } });
    }
  });
});

describe("replace", () => {
  test("puts other rows and columns in place; readers of older versions keep theirs", async () => {
    await lake.append("raw.t", values([1, "a"]));
    const old = await lake.relation("raw.t");
    expect(await lake.replace("raw.t", { sql: "select 'new' as w" })).toEqual({ version: 1, rows: 1, skipped: false });
    expect(await rowsOf("raw.t")).toEqual([{ w: "new" }]);
    expect(await warehouse.rows(`select * from ${old}`)).toEqual([{ k: 1, v: "a" }]);
    expect(await rowsOf("raw.t", { version: 0 })).toEqual([{ k: 1, v: "a" }]);
    expect(await lake.replace("raw.t", { sql: `select w || '!' as w from ${await lake.relation("raw.t")}` })).toMatchObject({ version: 2 });
    expect(await rowsOf("raw.t")).toEqual([{ w: "new!" }]);
  });

  test("creates, empties, and is skipped when its transaction is there", async () => {
    const once = { transaction: { appId: "build", version: 7 } };
    expect(await lake.replace("raw.t", values([1, "a"]), once)).toMatchObject({ version: 0, skipped: false });
    expect(await lake.replace("raw.t", values([1, "a"]), once)).toMatchObject({ version: 0, skipped: true });
    expect(await lake.replace("raw.t", { sql: "select 1 as k, 'a' as v where false" })).toEqual({ version: 1, rows: 0, skipped: false });
    expect(await rowsOf("raw.t")).toEqual([]);
  });
});

describe("merge", () => {
  test("replaces rows by key, inserts the others, and rewrites only files that hold such keys", async () => {
    await lake.append("raw.t", values([1, "a"], [2, "b"]));
    await lake.append("raw.t", values([3, "c"]));
    const before = await lake.snapshot("raw.t");
    expect(await lake.merge("raw.t", { ...values([2, "B"], [4, "D"]), key: ["k"] })).toEqual({ version: 2, rows: 2, skipped: false });
    expect(await rowsOf("raw.t")).toEqual([
      { k: 1, v: "a" },
      { k: 2, v: "B" },
      { k: 3, v: "c" },
      { k: 4, v: "D" },
    ]);
    const after = (await lake.snapshot("raw.t")).files.map(({ path }) => path);
    expect(after).toContain(before.files[1]!.path);
    expect(after).not.toContain(before.files[0]!.path);
    expect(await rowsOf("raw.t", { version: 1 })).toHaveLength(3);
    expect((await lake.history("raw.t"))[0]).toMatchObject({
      operation: "MERGE",
      metrics: { numOutputRows: "2", numCopiedRows: "1", numRemovedFiles: "1" },
    });
  });

  test("several key columns, null keys in the table, new columns and a first merge", async () => {
    const key = ["a", "b"];
    expect(await lake.merge("raw.t", { sql: "select 1 as a, 'x' as b, 10 as v", key })).toMatchObject({ version: 0, rows: 1 });
    await lake.append("raw.t", { sql: "select null as a, 'x' as b, 20 as v" });
    await lake.merge("raw.t", { sql: "select * from (values (1, 'y', 30, true), (1, 'x', 40, false)) t(a, b, v, n)", key }, { addColumns: true });
    expect(await rowsOf("raw.t")).toEqual([
      { a: 1, b: "x", v: 40, n: false },
      { a: 1, b: "y", v: 30, n: true },
      { a: null, b: "x", v: 20, n: null },
    ]);
  });

  test("is skipped when its transaction is there, and does nothing for no rows", async () => {
    const once = { transaction: { appId: "m", version: 0 } };
    await lake.merge("raw.t", { ...values([1, "a"]), key: ["k"] }, once);
    expect(await lake.merge("raw.t", { ...values([1, "z"]), key: ["k"] }, once)).toMatchObject({ skipped: true });
    expect(await lake.merge("raw.t", { sql: "select 1 as k, 'a' as v where false", key: ["k"] })).toEqual({ version: 0, rows: 0, skipped: false });
    expect(await rowsOf("raw.t")).toEqual([{ k: 1, v: "a" }]);
  });

  test("keys that are doubled, null or not there are named", async () => {
    await lake.append("raw.t", values([1, "a"]));
    expect((await errorOf(lake.merge("raw.t", { ...values([2, "a"], [2, "b"]), key: ["k"] }))).message).toContain("k = 2 is not unique");
    expect((await errorOf(lake.merge("raw.t", { sql: "select null::integer as k, 'a' as v", key: ["k"] }))).message).toContain("k = null is null");
    expect((await errorOf(lake.merge("raw.t", { ...values([2, "a"]), key: ["id"] }))).message).toContain("`id`");
    expect((await errorOf(lake.merge("raw.t", { ...values([2, "a"]), key: [] }))).code).toBe("invalid_argument");
    expect(await lake.snapshot("raw.t")).toMatchObject({ version: 0 });
    expect(await readdir(join(root, "scratch"))).toEqual([]);
  });
});

describe("writers at the same time", () => {
  test("appends of several writers all stand, once each", async () => {
    const writers = Array.from({ length: 4 }, () => open());
    await Promise.all(
      writers.flatMap((writer, w) =>
        [0, 1, 2, 3].map((n) => writer.append("raw.t", values([w * 10 + n, "x"]), { transaction: { appId: `writer ${w} ${n}`, version: 0 } })),
      ),
    );
    expect((await rowsOf("raw.t")).map(({ k }) => k)).toEqual([0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33]);
    expect(await lake.snapshot("raw.t")).toMatchObject({ version: 15 });
  });

  test("of writers with the same transaction one writes, and the others' files are gone", async () => {
    const results = await Promise.all(
      Array.from({ length: 5 }, () => open().append("raw.t", values([1, "a"]), { transaction: { appId: "same", version: 3 } })),
    );
    expect(results.filter(({ skipped }) => !skipped)).toHaveLength(1);
    expect(await rowsOf("raw.t")).toHaveLength(1);
    expect((await readdir(join(folder, "raw", "t"))).filter((name) => name.endsWith(".parquet"))).toHaveLength(1);
  });

  /** A store that lets another write happen just before the first log entry is put. */
  function interrupted(before: () => Promise<unknown>): BlobStore {
    let done = false;
    return {
      ...blobs,
      async put(key, data, options) {
        if (key.includes("_delta_log") && !done) {
          done = true;
          await before();
        }
        return blobs.put(key, data, options);
      },
    };
  }

  test("a replace that meets another write is a conflict, and its file is gone", async () => {
    await lake.append("raw.t", values([1, "a"]));
    const late = open(interrupted(() => lake.append("raw.t", values([2, "b"]))));
    expect(await errorOf(late.replace("raw.t", values([9, "z"])))).toMatchObject({ code: "conflict" });
    expect((await rowsOf("raw.t")).map(({ k }) => k)).toEqual([1, 2]);
    expect((await readdir(join(folder, "raw", "t"))).filter((name) => name.endsWith(".parquet"))).toHaveLength(2);
  });

  test("a merge that meets another write looks again, so that no key is doubled", async () => {
    await lake.append("raw.t", values([1, "a"]));
    const late = open(interrupted(() => lake.append("raw.t", values([2, "first"]))));
    expect(await late.merge("raw.t", { ...values([2, "second"]), key: ["k"] })).toMatchObject({ version: 2, rows: 1 });
    expect(await rowsOf("raw.t")).toEqual([
      { k: 1, v: "a" },
      { k: 2, v: "second" },
    ]);
  });

  test("an append that meets a change of columns is a conflict or the error of the new columns", async () => {
    await lake.append("raw.t", values([1, "a"]));
    const late = open(interrupted(() => lake.replace("raw.t", { sql: "select 1 as k" })));
    expect(await errorOf(late.append("raw.t", values([2, "b"])))).toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("`v`") as unknown,
    });
    expect(await rowsOf("raw.t")).toEqual([{ k: 1 }]);
  });

  test("an entry whose answer was lost is known again as one's own", async () => {
    const forgetful: BlobStore = {
      ...blobs,
      async put(key, data, options) {
        await blobs.put(key, data, options);
        return key.endsWith(".json") ? undefined : blobs.put(key, data, options); // as after a retry: the key is taken, by ourselves
      },
    };
    expect(await open(forgetful).append("raw.t", values([1, "a"]))).toEqual({ version: 0, rows: 1, skipped: false });
    expect(await rowsOf("raw.t")).toEqual([{ k: 1, v: "a" }]);
  });

  test("a write whose outcome is unknown keeps its file, because the log may name it", async () => {
    const broken: BlobStore = {
      ...blobs,
      async put(key, data, options) {
        await blobs.put(key, data, options);
        throw new AppError("unavailable", "the connection broke");
      },
    };
    expect(await errorOf(open(broken).append("raw.t", values([1, "a"]), { transaction: { appId: "a", version: 0 } }))).toMatchObject({
      code: "unavailable",
    });
    expect(await rowsOf("raw.t")).toEqual([{ k: 1, v: "a" }]);
    expect(await lake.append("raw.t", values([1, "a"]), { transaction: { appId: "a", version: 0 } })).toMatchObject({ skipped: true });
  });

  test("a table that was dropped and made anew by another is seen as it is now", async () => {
    const other = open();
    await lake.append("raw.t", values([1, "a"]));
    expect(await rowsOf("raw.t", undefined, other)).toHaveLength(1);
    await lake.drop("raw.t");
    await lake.append("raw.t", { sql: "select 'new' as w" });
    expect(await rowsOf("raw.t", undefined, other)).toEqual([{ w: "new" }]);
    await lake.drop("raw.t");
    expect(await errorOf(other.snapshot("raw.t"))).toMatchObject({ code: "not_found" });
  });
});

describe("checkpoints", () => {
  test("every tenth version has one, and a reader needs nothing before it", async () => {
    for (let k = 0; k < 12; k++) await lake.append("raw.t", values([k, "x"]), { transaction: { appId: "a", version: k } });
    await lake.merge("raw.t", { ...values([3, "y"]), key: ["k"] });
    const log = join(folder, "raw", "t", "_delta_log");
    expect((await readdir(log)).filter((name) => name.includes("checkpoint"))).toEqual([
      "00000000000000000010.checkpoint.parquet",
      "_last_checkpoint",
    ]);
    expect(JSON.parse(await readFile(join(log, "_last_checkpoint"), "utf8"))).toMatchObject({ version: 10, size: 14, numOfAddFiles: 11 });
    const whole = await lake.snapshot("raw.t");
    const wholeAt10 = await open().snapshot("raw.t", { version: 10 });
    for (let k = 0; k < 10; k++) await rm(join(log, `${String(k).padStart(20, "0")}.json`));
    expect(await open().snapshot("raw.t")).toEqual(whole);
    expect(await open().snapshot("raw.t", { version: 10 })).toEqual(wholeAt10);
    expect(await errorOf(open().snapshot("raw.t", { version: 5 }))).toMatchObject({
      code: "corrupt_data",
      message: expect.stringContaining("version 0 is missing") as unknown,
    });
  });

  test("one that is damaged is passed over while the log is whole", async () => {
    for (let k = 0; k < 11; k++) await lake.append("raw.t", values([k, "x"]));
    await writeFile(join(folder, "raw", "t", "_delta_log", "00000000000000000010.checkpoint.parquet"), "damaged");
    expect((await open().snapshot("raw.t")).rows).toBe(11);
    await rm(join(folder, "raw", "t", "_delta_log", "00000000000000000002.json"));
    expect(await errorOf(open().snapshot("raw.t"))).toMatchObject({
      code: "corrupt_data",
      message: expect.stringContaining("version 2 is missing") as unknown,
    });
  });
});

describe("changes", () => {
  test("a reader that goes on sees each row once, and is told when rows were taken away", async () => {
    await lake.append("raw.t", values([1, "a"]));
    const first = await lake.changesSince("raw.t", -1);
    expect(first).toMatchObject({ version: 0, rows: 1, rewritten: false });
    await lake.append("raw.t", values([2, "b"]));
    await lake.append("raw.t", values([3, "c"]));
    const second = await lake.changesSince("raw.t", first.version);
    expect(second).toMatchObject({ version: 2, rows: 2, rewritten: false });
    expect(await warehouse.rows(`select k from ${second.relation} order by k`)).toEqual([{ k: 2 }, { k: 3 }]);
    const none = await lake.changesSince("raw.t", second.version);
    expect(none).toMatchObject({ rows: 0, files: [], rewritten: false });
    expect(await warehouse.rows(`select * from ${none.relation}`)).toEqual([]);
    await lake.merge("raw.t", { ...values([1, "A"]), key: ["k"] });
    expect(await lake.changesSince("raw.t", 2)).toMatchObject({ version: 3, rewritten: true });
    expect(await errorOf(lake.changesSince("raw.t", 9))).toMatchObject({ code: "not_found" });
  });
});

describe("vacuum and drop", () => {
  const hour = 3_600_000;

  async function age(path: string): Promise<void> {
    const at = new Date(start - 100 * hour);
    await utimes(path, at, at);
  }

  test("removes what no version in use needs, and nothing that is young, pinned or not its own", async () => {
    await lake.replace("raw.t", values([1, "a"]));
    await lake.replace("raw.t", values([2, "b"]));
    await lake.replace("raw.t", values([3, "c"]));
    const table = join(folder, "raw", "t");
    const pathOf = async (version: number) => (await lake.snapshot("raw.t", { version })).files[0]!.path;
    const [first, second, third] = await Promise.all([pathOf(0), pathOf(1), pathOf(2)]);
    await writeFile(join(table, "part-crashed.parquet"), "left by a crash");
    await writeFile(join(table, "part-working.parquet"), "of a writer at work");
    await mkdir(join(table, "_hidden"));
    await writeFile(join(table, "_hidden", "x"), "not data");
    for (const name of [first, second, third, "part-crashed.parquet", "_hidden/x"]) await age(join(table, name));
    await utimes(join(table, "part-working.parquet"), new Date(start), new Date(start));

    expect((await lake.vacuum("raw.t", { olderThanMs: hour })).paths).toEqual(["part-crashed.parquet"]); // the others were removed just now
    clock.advance(hour / 2);
    await utimes(join(table, "part-working.parquet"), new Date(clock.now()), new Date(clock.now()));
    clock.advance(hour / 2 + 1);
    expect((await lake.vacuum("raw.t", { olderThanMs: hour, keepVersions: [1], dryRun: true })).paths).toEqual([first]);
    expect(await lake.vacuum("raw.t", { olderThanMs: hour, keepVersions: [1] })).toEqual({ paths: [first], bytes: expect.any(Number) as unknown });
    expect(await rowsOf("raw.t")).toEqual([{ k: 3, v: "c" }]);
    expect(await rowsOf("raw.t", { version: 1 })).toEqual([{ k: 2, v: "b" }]);
    const error = await errorOf(lake.relation("raw.t", { version: 0 }));
    expect(error).toMatchObject({ code: "not_found", hint: expect.stringContaining("vacuum") as unknown });
    expect(await readdir(table)).toContain("part-working.parquet");
    expect(await readdir(join(table, "_hidden"))).toEqual(["x"]);
  });

  test("is refused when a writer at work could lose a file", async () => {
    await lake.append("raw.t", values([1, "a"]));
    for (const olderThanMs of [0, hour - 1, NaN])
      expect(await errorOf(lake.vacuum("raw.t", { olderThanMs }))).toMatchObject({ code: "invalid_argument" });
  });

  test("a dropped table is gone with its files, and its name is free", async () => {
    await lake.append("raw.t", values([1, "a"]));
    await lake.append("raw.u", values([1, "a"]));
    await lake.drop("raw.t");
    await lake.drop("raw.t");
    expect(await lake.tables()).toEqual(["raw.u"]);
    expect(await readdir(join(folder, "raw"))).toEqual(["u"]);
    expect(await lake.append("raw.t", { sql: "select 'new' as w" })).toMatchObject({ version: 0 });
  });
});

test("what a killed writer left in the scratch folder is removed a day later, and nothing else", async () => {
  const scratch = join(root, "left");
  const names = ["01M7WNZ338SR88DYW2Y5AWNVST-part.parquet", "01M7WNZ338SR88DYW2Y5AWNVSV-part.parquet", "notes.txt"];
  await mkdir(scratch, { recursive: true });
  for (const name of names) {
    await writeFile(join(scratch, name), "");
    const at = new Date(start - (name === names[1] ? 1 : 25) * 3_600_000);
    await utimes(join(scratch, name), at, at);
  }
  const other = openLake({ blobs, warehouse, clock, log: silentLog, scratchFolder: scratch });
  await other.append("raw.t", values([1, "a"]));
  expect((await readdir(scratch)).sort()).toEqual(names.slice(1));
});

describe("bad input", () => {
  test("names that are not two plain names are refused by every verb", async () => {
    for (const name of ["", "t", "a.b.c", "../x.t", "a/b.t", "a.", ".t", "a b.t", "a.t%2e", "-a.t", `a.${"x".repeat(130)}`]) {
      const verbs = [
        () => lake.append(name, values([1, "a"])),
        () => lake.snapshot(name),
        () => lake.drop(name),
        () => lake.vacuum(name, { olderThanMs: 1e9 }),
        () => lake.exists(name),
      ];
      for (const verb of verbs) expect(await errorOf(verb()), name).toMatchObject({ code: "invalid_argument" });
    }
  });

  test("tables and versions that are not there are named", async () => {
    expect((await errorOf(lake.snapshot("raw.none"))).message).toContain("`raw.none`");
    expect(await errorOf(lake.relation("raw.none"))).toMatchObject({ code: "not_found" });
    expect(await errorOf(lake.history("raw.none"))).toMatchObject({ code: "not_found" });
    await lake.append("raw.t", values([1, "a"]));
    for (const at of [{ version: 1 }, { version: -1 }, { version: 0.5 }, { timestampMs: start - 1 }]) {
      expect(await errorOf(lake.snapshot("raw.t", at))).toMatchObject({ code: "not_found", hint: expect.stringContaining("history") as unknown });
    }
  });

  test("a damaged log is named with its version and line", async () => {
    await lake.append("raw.t", values([1, "a"]));
    await lake.append("raw.t", values([2, "b"]));
    const path = join(folder, "raw", "t", "_delta_log", "00000000000000000001.json");
    const whole = await readFile(path, "utf8");
    for (const [text, line] of [
      [whole.slice(0, -20), 2],
      [whole.replace('"size"', '"sice"'), 2],
      ["\u0000".repeat(50), 1],
    ] as const) {
      await writeFile(path, text);
      expect(await errorOf(open().snapshot("raw.t"))).toMatchObject({
        code: "corrupt_data",
        message: expect.stringContaining(`version 1, line ${line}`) as unknown,
      });
    }
    await writeFile(path, whole);
    await rm(join(folder, "raw", "t", "_delta_log", "00000000000000000000.json"));
    expect(await errorOf(open().snapshot("raw.t"))).toMatchObject({
      code: "corrupt_data",
      message: expect.stringContaining("version 0 is missing") as unknown,
    });
  });

  test("a damaged data file is named when it is read", async () => {
    await lake.append("raw.t", values([1, "a"]));
    const path = join(folder, "raw", "t", (await lake.snapshot("raw.t")).files[0]!.path);
    await writeFile(path, (await readFile(path)).subarray(0, 40));
    expect(await errorOf(lake.columns("raw.t"))).toMatchObject({ code: "corrupt_data", message: expect.stringContaining(path) as unknown });
  });
});

describe("tables of other writers", () => {
  async function writeTable(lines: object[]): Promise<void> {
    const log = join(folder, "other", "t", "_delta_log");
    await rm(log, { recursive: true, force: true });
    await mkdir(log, { recursive: true });
    await writeFile(join(log, "00000000000000000000.json"), lines.map((line) => JSON.stringify(line)).join("\n"));
  }
  const protocol = { protocol: { minReaderVersion: 1, minWriterVersion: 2 } };
  const metaData = (more: object = {}) => ({
    metaData: {
      id: "x",
      format: { provider: "parquet", options: {} },
      schemaString: JSON.stringify({
        type: "struct",
        fields: [
          { name: "k", type: "long", nullable: true, metadata: {} },
          { name: "p", type: "date", nullable: true, metadata: {} },
        ],
      }),
      partitionColumns: [],
      configuration: {},
      ...more,
    },
  });
  const add = (path: string, more: object = {}) => ({
    add: { path, partitionValues: {}, size: 1, modificationTime: start, dataChange: true, ...more },
  });

  test("partition values come from the log, not from names of folders", async () => {
    await mkdir(join(folder, "other", "t", "p=1999-01-01"), { recursive: true });
    await warehouse.writeParquet("select 1::bigint as k", join(folder, "other", "t", "p=1999-01-01", "a b.parquet"));
    await warehouse.writeParquet("select 2::bigint as k", join(folder, "other", "t", "c.parquet"));
    await writeTable([
      protocol,
      metaData({ partitionColumns: ["p"] }),
      add("p=1999-01-01/a%20b.parquet", { partitionValues: { p: "2001-02-03" } }),
      add("c.parquet", { partitionValues: { p: null } }),
    ]);
    expect(await rowsOf("other.t")).toEqual([
      { k: 1, p: "2001-02-03" },
      { k: 2, p: null },
    ]);
    expect(await lake.snapshot("other.t")).toMatchObject({
      rows: 2,
      partitionColumns: ["p"],
      files: [{ path: "p=1999-01-01/a b.parquet", rows: 1 }, { rows: 1 }],
    });
    expect(await errorOf(lake.append("other.t", { sql: "select 3::bigint as k, null as p" }))).toMatchObject({ code: "unsupported" });
  });

  test("what would be misread is refused with the feature's name", async () => {
    const cases: [object[], string][] = [
      [
        [
          { protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ["deletionVectors"], writerFeatures: ["deletionVectors"] } },
          metaData(),
        ],
        "deletionVectors",
      ],
      [
        [{ protocol: { minReaderVersion: 2, minWriterVersion: 5 } }, metaData({ configuration: { "delta.columnMapping.mode": "name" } })],
        "column mapping",
      ],
      [[protocol, metaData(), add("c.parquet", { deletionVector: { storageType: "u" } })], "deletion vectors"],
      [[{ protocol: { minReaderVersion: 4, minWriterVersion: 7 } }, metaData()], "reader version 4"],
    ];
    for (const [lines, name] of cases) {
      await writeTable(lines);
      expect(await errorOf(open().relation("other.t")), name).toMatchObject({
        code: "unsupported",
        message: expect.stringContaining(name) as unknown,
      });
    }
  });

  test("a log cannot make us read files outside the table", async () => {
    for (const path of ["/etc/passwd", "file:///etc/passwd", "../../secret.parquet", "..%2F..%2Fsecret.parquet", "%2Fetc%2Fpasswd"]) {
      await writeTable([protocol, metaData(), add(path)]);
      expect(await errorOf(open().relation("other.t")), path).toMatchObject({ code: "unsupported" });
    }
  });

  test("what a writer must heed and we do not is refused before anything is written", async () => {
    const cases: [object[], RegExp][] = [
      [[{ protocol: { minReaderVersion: 1, minWriterVersion: 4 } }, metaData()], /writer version 4/],
      [[protocol, metaData({ configuration: { "delta.appendOnly": "true" } })], /append-only/],
    ];
    for (const [lines, message] of cases) {
      await writeTable(lines);
      expect((await errorOf(open().replace("other.t", { sql: "select 1::bigint as k, date '2001-01-01' as p" }))).message).toMatch(message);
    }
  });
});
