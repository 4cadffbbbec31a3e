import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AppError } from "#kit/app-error";
import type { Warehouse, WarehouseColumn } from "#ports/warehouse";
import { openDuckdb } from "./duckdb.ts";

let folder: string;
let warehouse: Warehouse;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-duckdb-"));
  warehouse = await openDuckdb({ threads: 2, memoryLimitMb: 300, temporaryFolder: join(folder, "spill") });
});

afterAll(async () => {
  await warehouse.close();
  await rm(folder, { recursive: true });
});

async function errorOf(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AppError);
  return error as AppError; // checked the line before
}

/** The values of a column as they read: text levels for codes, null for missing. */
function valuesOf(column: WarehouseColumn): (number | string | null)[] {
  if (column.kind === "number") return [...column.values].map((value) => (Number.isNaN(value) ? null : value));
  return [...column.codes].map((code) => (code === -1 ? null : column.levels[code]!));
}

describe("columns", () => {
  test("every type comes as numbers or dictionary-coded text, with nulls kept", async () => {
    const { rows, columns } = await warehouse.columns(`
      select * from (values
        (true, 1::tinyint, 2::smallint, 3::integer, 9007199254740991::bigint, 4::utinyint, 5::usmallint, 6::uinteger, 7::ubigint, 8::hugeint, 1.5::float, 2.5::double),
        (null, null, null, null, null, null, null, null, null, null, null, null),
        (false, -1, -2, -3, -9007199254740991, 255, 65535, 4294967295, 0, -8, -1.5, -2.5)) t(a, b, c, d, e, f, g, h, i, j, k, l)`);
    expect(rows).toBe(3);
    expect(columns.map((column) => [column.name, column.kind, ...valuesOf(column)])).toEqual([
      ["a", "number", 1, null, 0],
      ["b", "number", 1, null, -1],
      ["c", "number", 2, null, -2],
      ["d", "number", 3, null, -3],
      ["e", "number", 9007199254740991, null, -9007199254740991],
      ["f", "number", 4, null, 255],
      ["g", "number", 5, null, 65535],
      ["h", "number", 6, null, 4294967295],
      ["i", "number", 7, null, 0],
      ["j", "number", 8, null, -8],
      ["k", "number", 1.5, null, -1.5],
      ["l", "number", 2.5, null, -2.5],
    ]);
  });

  test("times and dates are epoch milliseconds, decimals are numbers of any width", async () => {
    const { columns } = await warehouse.columns(`
      select timestamp '2001-06-01 12:00:00.123456' t, timestamptz '1969-12-31 23:59:59.999+00' z, timestamp_ns '2001-06-01 00:00:00.000001' ns,
        timestamp_s '2001-06-01' s, timestamp_ms '2001-06-01 00:00:00.5' ms, date '1969-12-31' d, timestamp 'infinity' inf,
        -1.5::decimal(4, 2) d4, 12.25::decimal(9, 2) d9, 12.25::decimal(18, 2) d18, -12.25::decimal(38, 2) d38`);
    expect(columns.map(valuesOf)).toEqual(
      [
        Date.parse("2001-06-01T12:00:00.123Z") + 0.456,
        -1,
        Date.parse("2001-06-01") + 0.001,
        Date.parse("2001-06-01"),
        Date.parse("2001-06-01") + 500,
        -86_400_000,
        Infinity,
        -1.5,
        12.25,
        12.25,
        -12.25,
      ].map((value) => [value]),
    );
  });

  test("text of any length, script and type is coded by value", async () => {
    const { columns } = await warehouse.columns(`
      select * from (values ('', 'x'::enum('y', 'x'), [1, 2]), ('twelve bytes', null, null), ('thirteen byte', 'y', []), ('ünï', 'x', [3]), (null, 'x', [1, 2]),
        ('twelve bytes', 'y', null), ('a' || chr(0) || 'b', 'y', null), ('thirteen byte', 'y', null)) t(a, b, c)`);
    expect(columns.map(valuesOf)).toEqual([
      ["", "twelve bytes", "thirteen byte", "ünï", null, "twelve bytes", "a\u0000b", "thirteen byte"],
      ["x", null, "y", "x", "x", "y", "y", "y"],
      ["[1, 2]", null, "[]", "[3]", "[1, 2]", null, null, null],
    ]);
    expect(columns[0]).toMatchObject({ levels: ["", "twelve bytes", "thirteen byte", "ünï", "a\u0000b"] });
  });

  test("an integer that a number cannot hold is refused by name, not rounded", async () => {
    const error = await errorOf(warehouse.columns("select 9007199254740993 as big"));
    expect(error).toMatchObject({ code: "unsupported", hint: expect.stringContaining("big::VARCHAR") as unknown });
    expect((await errorOf(warehouse.columns("select sum(x) s from (values (9007199254740993)) t(x)"))).message).toContain("`s`");
  });

  test("many chunks keep their order, and many distinct texts keep theirs", async () => {
    const { rows, columns } = await warehouse.columns(
      "select i, 'k' || (i % 70000) as k, case when i % 3 = 0 then null else i end n from range(200000) t(i)",
    );
    expect(rows).toBe(200_000);
    const [i, k, n] = columns.map(valuesOf);
    for (let row = 0; row < rows; row++) {
      if (i![row] !== row || k![row] !== `k${row % 70_000}` || n![row] !== (row % 3 === 0 ? null : row)) throw new Error(`row ${row} differs`);
    }
  });

  test("an empty result has its columns", async () => {
    expect(await warehouse.columns("select 1 a, 'x' b where false")).toEqual({
      rows: 0,
      columns: [
        { name: "a", kind: "number", values: new Float64Array() },
        { name: "b", kind: "text", codes: new Int32Array(), levels: [] },
      ],
    });
  });
});

test("what is loaded is read back the same", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.option(fc.double({ noNaN: true })), fc.option(fc.string({ unit: "binary" }))), { maxLength: 5000, size: "max" }),
      async (values) => {
        const levels = [...new Set(values.flatMap(([, text]) => (text === null ? [] : [text])))];
        const codeOf = new Map(levels.map((level, code) => [level, code]));
        await warehouse.load("loaded", {
          rows: values.length,
          columns: [
            { name: "n", kind: "number", values: new Float64Array(values.map(([number]) => number ?? NaN)) },
            { name: 'odd "name"', kind: "text", codes: new Int32Array(values.map(([, text]) => (text === null ? -1 : codeOf.get(text)!))), levels },
          ],
        });
        const { columns } = await warehouse.columns("select * from loaded");
        await warehouse.execute("drop table loaded");
        expect(columns.map((column) => column.name)).toEqual(["n", 'odd "name"']);
        expect(valuesOf(columns[0]!)).toEqual(values.map(([number]) => number));
        expect(valuesOf(columns[1]!)).toEqual(values.map(([, text]) => text));
      },
    ),
    {
      numRuns: 30,
      examples: [
        [
          [
            [null, "\ufeff"],
            [1, "\ufefflonger than twelve bytes"],
          ],
        ],
      ],
    },
  );
});

test("rows have plain values: ISO times, big integers and long decimals as text", async () => {
  const [row] = await warehouse.rows(
    `select $1 as a, $2 as b, $3 as c, $4 as d, $5 as e, timestamp '1960-01-01 00:00:00.123456' t, timestamptz '2020-01-01 01:00:00+01' z, date '2020-02-03' dt,
      12.5::decimal(30, 3) de, 1234567890123456.789::decimal(30, 3) wide, 9007199254740993 big, map {'a': 1} m, uuid '00000000-0000-0000-0000-000000000001' u`,
    [1, "x", null, [1, 2], { a: 1.5 }],
  );
  expect(row).toEqual({
    a: 1,
    b: "x",
    c: null,
    d: [1, 2],
    e: { a: 1.5 },
    t: "1960-01-01T00:00:00.123456Z",
    z: "2020-01-01T00:00:00.000Z",
    dt: "2020-02-03",
    de: 12.5,
    wide: "1234567890123456.789",
    big: "9007199254740993",
    m: { a: 1 },
    u: "00000000-0000-0000-0000-000000000001",
  });
});

describe("describe and syntaxTree", () => {
  test("describe names the types without running the query", async () => {
    expect(await warehouse.describe("select 1 as a, timestamp '2020-01-01' t, {'x': [1]} s, error('run') e")).toMatchObject([
      { name: "a", type: "INTEGER" },
      { name: "t", type: "TIMESTAMP" },
      { name: "s", type: "STRUCT(x INTEGER[])" },
      { name: "e" },
    ]);
  });

  test("the syntax tree is the engine's", async () => {
    const tree = await warehouse.syntaxTree("select a from b");
    expect(tree).toMatchObject({ statements: [{ node: { type: "SELECT_NODE", from_table: { table_name: "b" } } }] });
    expect(await errorOf(warehouse.syntaxTree("select a frm b where"))).toMatchObject({ code: "sql_error", details: { line: 1, column: 14 } });
  });
});

describe("errors", () => {
  test("a SQL error says where, in the caller's own text, whichever verb runs it", async () => {
    const sql = "select 1 as a,\n  nope as b";
    const verbs = [
      () => warehouse.rows(sql),
      () => warehouse.columns(sql),
      () => warehouse.describe(sql),
      () => warehouse.writeParquet(sql, join(folder, "never.parquet")),
    ];
    for (const verb of verbs) {
      const error = await errorOf(verb());
      expect(error).toMatchObject({ code: "sql_error", details: { line: 2, column: 3, text: "nope as b" } });
      expect(error.message).toContain('"nope"');
    }
    expect(await errorOf(warehouse.rows("select 1 +"))).toMatchObject({ code: "sql_error", details: { line: 1 } });
  });

  test("a missing table is named with a suggestion, without lists of candidates", async () => {
    expect((await errorOf(warehouse.rows("select [1] + 1"))).message).not.toContain("Candidate");
    expect((await errorOf(warehouse.rows("select * from nowhere"))).message).toContain("nowhere");
  });

  test("a damaged Parquet file is named, wherever the damage is", async () => {
    const good = join(folder, "good.parquet");
    await warehouse.writeParquet("select i, hash(i) h from range(20000) t(i)", good);
    const bytes = await readFile(good);
    const damages: [string, Buffer][] = [
      ["cut short", bytes.subarray(0, bytes.length / 2)],
      ["no Parquet at all", Buffer.from("hello")],
      ["empty", Buffer.alloc(0)],
      ["damaged data", Buffer.concat([bytes.subarray(0, 1000), randomBytes(50_000), bytes.subarray(51_000)])],
      ["damaged footer", Buffer.concat([bytes.subarray(0, -300), Buffer.alloc(280, 7), bytes.subarray(-20)])],
    ];
    for (const [name, content] of damages) {
      const path = join(folder, `${name}.parquet`);
      await writeFile(path, content);
      const error = await errorOf(warehouse.columns(`select sum(i), sum(h::double) from read_parquet(['${good}', '${path}'])`));
      expect(error, name).toMatchObject({ code: "corrupt_data", details: { file: path } });
      expect(error.message).toContain(path);
    }
  });

  test("a full disk is said to be full, and no file is left", async () => {
    await symlink("/dev/full", join(folder, "full.parquet"));
    const error = await errorOf(warehouse.execute(`copy (select 1) to '${join(folder, "full.parquet")}' (format parquet, use_tmp_file false)`));
    expect(error.code).toBe("storage_full");
  });

  test("files that are not there, and addresses that would need a download, are clear", async () => {
    expect(await errorOf(warehouse.rows("select * from 'nowhere/x.parquet'"))).toMatchObject({ code: "not_found" });
    const error = await errorOf(warehouse.rows("select * from 's3://bucket/x.parquet'"));
    expect(error.message).not.toContain("autoinstall");
    expect(error.hint).toContain("local files only");
  });

  test("state of a session is refused, because calls share no session", async () => {
    expect(await errorOf(warehouse.execute("create temp table t as select 1"))).toMatchObject({ code: "unsupported" });
    expect(await errorOf(warehouse.execute("begin"))).toMatchObject({ code: "unsupported" });
  });
});

describe("writeParquet", () => {
  test("writes the rows and never over another file", async () => {
    const path = join(folder, "rows.parquet");
    const written = await warehouse.writeParquet("select i from range(1000) t(i) -- a comment at the end", path);
    expect(written).toMatchObject({ rows: 1000 });
    expect((await readFile(path)).length).toBe(written.bytes);
    expect(await errorOf(warehouse.writeParquet("select 1", path))).toMatchObject({ code: "conflict" });
    expect(await warehouse.rows(`select count(*) n from '${path}'`)).toEqual([{ n: 1000 }]);
  });

  test("leaves nothing behind when the query fails", async () => {
    const path = join(folder, "failed.parquet");
    await errorOf(warehouse.writeParquet("select error('stop') from range(10)", path));
    await expect(readFile(path)).rejects.toThrow("ENOENT");
  });
});

test("calls that overlap do not disturb each other", async () => {
  const results = await Promise.all(Array.from({ length: 8 }, (_, k) => warehouse.columns(`select i + ${k} i from range(50000) t(i)`)));
  results.forEach((result, k) => expect(valuesOf(result.columns[0]!)[49_999]).toBe(49_999 + k));
});

test("a closed warehouse says so", async () => {
  const other = await openDuckdb({ threads: 1, memoryLimitMb: 100, temporaryFolder: join(folder, "spill-2") });
  await other.close();
  expect(await errorOf(other.rows("select 1"))).toMatchObject({ code: "unavailable" });
});

test("what a killed process spilled is removed, what a living one spills is not", async () => {
  const spill = join(folder, "spills");
  const dead = spawnSync(process.execPath, ["-e", ""]).pid; // has ended
  await mkdir(join(spill, `duckdb-${dead}-abcdef`), { recursive: true });
  await mkdir(join(spill, `duckdb-${process.ppid}-abcdef`));
  const other = await openDuckdb({ threads: 1, memoryLimitMb: 60, temporaryFolder: spill });
  expect((await readdir(spill)).map((name) => name.split("-")[1])).toEqual(expect.arrayContaining([String(process.ppid), String(process.pid)]));
  expect(await readdir(spill)).toHaveLength(2);
  const sorted = await other.columns("select i from (select hash(i) h, i, repeat('x', 100) t from range(700000) r(i)) order by h, t");
  expect(sorted.rows).toBe(700_000); // more than the memory holds
  await other.close();
  expect(await readdir(spill)).toEqual([`duckdb-${process.ppid}-abcdef`]);
});
