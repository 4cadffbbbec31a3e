import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import type { Warehouse } from "#ports/warehouse";
import { columnLineage, type ColumnLineage } from "./column-lineage.ts";

let warehouse: Warehouse;
const tables: Record<string, Record<string, string>> = {
  "s.t": { id: "integer", a: "integer", b: "integer", c: "varchar", k: "integer", st: "struct(f integer, g integer)", l: "integer[]" },
  "s.u": { id: "integer", x: "integer", y: "varchar", k: "integer" },
  "s.m": { name: "varchar", jan: "integer", feb: "integer" },
};

beforeAll(async () => {
  warehouse = await openDuckdb({ threads: 1, memoryLimitMb: 256, temporaryFolder: tmpdir() });
  await warehouse.execute("create schema s");
  for (const [name, columns] of Object.entries(tables)) {
    await warehouse.execute(
      `create table ${name} (${Object.entries(columns)
        .map(([column, type]) => `${column} ${type}`)
        .join(", ")})`,
    );
  }
});
afterAll(() => warehouse.close());

async function lineageOf(sql: string, known: (table: string) => boolean = () => true): Promise<ColumnLineage> {
  const names = (await warehouse.describe(sql)).map((column) => column.name);
  const columnsOf = (table: string) => (known(table) && tables[table] !== undefined ? Object.keys(tables[table]) : undefined);
  return columnLineage({ tree: await warehouse.syntaxTree(sql), columnsOf, names });
}

/** `t.a t.b | u.x`: values before the bar, filters after it. */
function written(lineage: ColumnLineage): Record<string, string> {
  const list = (from: ColumnLineage["columns"][number]["from"], kind: string) =>
    from
      .filter((origin) => origin.kind === kind)
      .map((origin) => `${origin.table.replace("s.", "")}.${origin.column}`)
      .join(" ");
  return Object.fromEntries(
    lineage.columns.map(({ name, from }) => [name, `${list(from, "value")} | ${list(from, "filter")}`.trim().replace(/ \|$/, "")]),
  );
}

const corpus: [string, Record<string, string>][] = [
  ["select a, b as bee, a + b as total, 1 as one, 'x' as word from s.t", { a: "t.a", bee: "t.b", total: "t.a t.b", one: "|", word: "|" }],
  ["select a from s.t where b > 1 and c like 'x%'", { a: "t.a | t.b t.c" }],
  ["select t.a, u.x from s.t t join s.u u on t.id = u.id", { a: "t.a | t.id u.id", x: "u.x | t.id u.id" }],
  ["select * from s.u", { id: "u.id", x: "u.x", y: "u.y", k: "u.k" }],
  ["select * exclude (id, k) from s.u", { x: "u.x", y: "u.y" }],
  ["select * replace (x + k as x) from s.u", { id: "u.id", x: "u.k u.x", y: "u.y", k: "u.k" }],
  ["select u.* rename (x as z), t.a from s.t, s.u", { id: "u.id", z: "u.x", y: "u.y", k: "u.k", a: "t.a" }],
  [
    "select * from s.u join s.t using (id, k)",
    {
      id: "u.id | t.id t.k u.k",
      x: "u.x | t.id t.k u.id u.k",
      y: "u.y | t.id t.k u.id u.k",
      k: "u.k | t.id t.k u.id",
      a: "t.a | t.id t.k u.id u.k",
      b: "t.b | t.id t.k u.id u.k",
      c: "t.c | t.id t.k u.id u.k",
      st: "t.st | t.id t.k u.id u.k",
      l: "t.l | t.id t.k u.id u.k",
    },
  ],
  ["select id, a, x from s.t full join s.u using (id)", { id: "t.id u.id", a: "t.a | t.id u.id", x: "u.x | t.id u.id" }],
  ["select id from s.t right join s.u using (id)", { id: "u.id | t.id" }],
  ["select k, x, a from s.t natural join s.u", { k: "t.k | t.id u.id u.k", x: "u.x | t.id t.k u.id u.k", a: "t.a | t.id t.k u.id u.k" }],
  ["with f as (select a, b from s.t where k = 1), g as (select a * 2 as d from f where b > 0) select d from g", { d: "t.a | t.b t.k" }],
  ["with x(p, q) as (select a, b from s.t) select q, p from x", { q: "t.b", p: "t.a" }],
  ["with t as (select x as a from s.u) select a from t", { a: "u.x" }],
  ["with t as (select a from s.t) select t2.a from t t2 where exists (select 1 from s.u where u.x = t2.a)", { a: "t.a | u.x" }],
  ["select z.n from (select a + 1 as n, b from s.t) z where z.b = 1", { n: "t.a | t.b" }],
  ["select a from s.t union all select x from s.u where k = 1", { a: "t.a u.x | u.k" }],
  ["select a, b from s.t union select x, k from s.u", { a: "t.a u.x | t.b u.k", b: "t.b u.k | t.a u.x" }],
  ["select a as p, b as q from s.t union all by name select x as q, k as r from s.u", { p: "t.a", q: "t.b u.x", r: "u.k" }],
  ["select a from s.t except select x from s.u", { a: "t.a | u.x" }],
  ["select k, count(*) as n, sum(a) as total from s.t group by k having max(b) > 1", { k: "t.k | t.b", n: "| t.b t.k", total: "t.a | t.b t.k" }],
  ["select c, b, avg(a) as mean from s.t group by all", { c: "t.c | t.b", b: "t.b | t.c", mean: "t.a | t.b t.c" }],
  ["select c as key, sum(a) as total from s.t group by 1 order by 2", { key: "t.c | t.a", total: "t.a | t.c" }],
  ["select sum(a) filter (where b > 0) as s, string_agg(c, ',' order by k) as w from s.t", { s: "t.a | t.b", w: "t.c | t.k" }],
  [
    "select a, row_number() over (partition by k order by b) as n, lag(a) over (order by id) as before from s.t",
    { a: "t.a", n: "| t.b t.k", before: "t.a | t.id" },
  ],
  ["select a from s.t qualify row_number() over (partition by k order by b desc) = 1", { a: "t.a | t.b t.k" }],
  ["select a + 1 as p, p * 2 as q, q + b as r from s.t", { p: "t.a", q: "t.a", r: "t.a t.b" }],
  ["select b as a, a as z from s.t", { a: "t.b", z: "t.a" }],
  ["select a as n from s.t where n > 1 order by n", { n: "t.a" }],
  ["select case when b > 1 then c else y end as v from s.t, s.u", { v: "t.b t.c u.y" }],
  [
    "select coalesce(a, b)::varchar || c as v, a between b and k as w, a in (1, id) as i from s.t",
    { v: "t.a t.b t.c", w: "t.a t.b t.k", i: "t.a t.id" },
  ],
  ["select (select max(x) from s.u where u.k = t.k) as m from s.t t", { m: "u.x | t.k u.k" }],
  [
    "select a in (select x from s.u where y = 'q') as i, exists (select 1 from s.u where u.id = t.id) as e from s.t t",
    { i: "t.a u.x | u.y", e: "| t.id u.id" },
  ],
  ["select a from s.t where id in (select id from s.u)", { a: "t.a | t.id u.id" }],
  ["select t.a, l.x from s.t t, lateral (select x from s.u where u.k = t.k) l", { a: "t.a | t.k u.k", x: "u.x | t.k u.k" }],
  ["select st.f, t.st.g as g, st['f'] as h, t.st as whole from s.t t", { f: "t.st", g: "t.st", h: "t.st", whole: "t.st" }],
  ["select list_transform(l, e -> e + a) as m, [e * 2 for e in l if e > b] as n from s.t", { m: "t.a t.l", n: "t.b t.l" }],
  ["select a, v from s.t, unnest(l) as i(v)", { a: "t.a | t.l", v: "t.l" }],
  ["select a, unnest(l) as v from s.t", { a: "t.a", v: "t.l" }],
  ["select r, a from range(10) g(r), s.t where a = r", { r: "| t.a", a: "t.a" }],
  [
    "with recursive tree(n, up) as (select id, a from s.t where b = 1 union select t.id, tree.n from s.t t join tree on t.k = tree.n) select n, up from tree",
    { n: "t.id | t.a t.b t.k", up: "t.a t.id | t.b t.k" },
  ],
  ["select columns('^[ab]$') + k from s.t", { a: "t.a t.k", b: "t.b t.k" }],
  ["select max(columns(*)) from s.m", { name: "m.name", jan: "m.jan", feb: "m.feb" }],
  ["select * like '%a%' from s.m", { name: "m.name", jan: "m.jan" }],
  ["select * from s.m unpivot (amount for month in (jan, feb))", { name: "m.name", month: "|", amount: "m.feb m.jan" }],
  ["select * from (pivot s.t on c in ('p', 'q') using sum(a) group by k)", { k: "t.k | t.c", p: "t.a | t.c t.k", q: "t.a | t.c t.k" }],
  ["select t.a, w.x from s.t asof join s.u w on t.id = w.id and t.k >= w.k", { a: "t.a | t.id t.k u.id u.k", x: "u.x | t.id t.k u.id u.k" }],
  ["select a from s.t semi join s.u on t.id = u.id", { a: "t.a | t.id u.id" }],
  ["select distinct on (k) a, b from s.t order by k, b", { a: "t.a | t.b t.k", b: "t.b | t.k" }],
  ["select distinct a, b from s.t", { a: "t.a | t.b", b: "t.b | t.a" }],
  ["select a, current_date as today, now() as moment, rowid as r from s.t limit 5", { a: "t.a", today: "|", moment: "|", r: "|" }],
  ["select p.a, q.a as other from s.t p join s.t q on p.id = q.k", { a: "t.a | t.id t.k", other: "t.a | t.id t.k" }],
  ["from s.u", { id: "u.id", x: "u.x", y: "u.y", k: "u.k" }],
  ["values (1, 2)", { col0: "|", col1: "|" }],
  ["select v.n, a from (values (1), (2)) v(n), s.t", { n: "|", a: "t.a" }],
  ["select s.t.a, s.u.x from s.t, s.u", { a: "t.a", x: "u.x" }],
  ["select {'p': a, 'q': x} as o, t from s.t t, s.u", { o: "t.a u.x", t: "t.a t.b t.c t.id t.k t.l t.st" }],
];

describe("column lineage", () => {
  for (const [sql, expected] of corpus) {
    test(sql, async () => {
      const lineage = await lineageOf(sql);
      expect(written(lineage)).toEqual(expected);
      expect(lineage.unresolved).toEqual([]);
    });
  }

  test("covers the corpus it is meant to cover", () => {
    expect(corpus.length).toBeGreaterThanOrEqual(50);
  });
});

// An oracle that knows nothing of syntax: whatever moves an output column must be among its origins.
describe("a column that changes with an input names it among its origins", () => {
  const expressions: Record<string, string> = {
    integer: "cast(hash(i, ?) % 4 as integer)",
    varchar: "['p', 'q', 'x1'][1 + cast(hash(i, ?) % 3 as integer)]",
    "struct(f integer, g integer)": "{'f': cast(hash(i, ?) % 4 as integer), 'g': cast(hash(i, ?, 1) % 4 as integer)}",
    "integer[]": "[cast(hash(i, ?) % 4 as integer), cast(hash(i, ?, 1) % 4 as integer)]",
  };

  async function fill(schema: string, changed: string | undefined, seed: number): Promise<void> {
    for (const [name, columns] of Object.entries(tables)) {
      const select = Object.entries(columns).map(([column, type], c) => {
        const salt = `${c * 100}${changed === `${name}.${column}` ? `, ${seed}` : ""}`;
        return `${expressions[type]!.replaceAll("?", salt)} as ${column}`;
      });
      await warehouse.execute(`create or replace table ${name.replace(/^s/, schema)} as select ${select.join(", ")} from range(12) r(i)`);
    }
  }

  async function outputs(sql: string, schema: string): Promise<Record<string, string>> {
    const inSchema = sql.replaceAll(/\bs\.(?=[tum]\b)/g, `${schema}.`);
    const names = (await warehouse.describe(inSchema)).map((column) => column.name);
    const rows = await warehouse.rows(inSchema);
    return Object.fromEntries(names.map((name) => [name, JSON.stringify(rows.map((row) => JSON.stringify(row[name])).toSorted())]));
  }

  test("for the whole corpus, every input column and several changes", { timeout: 120_000 }, async () => {
    const queries = corpus.map(([sql]) => sql).filter((sql) => !sql.includes("now()"));
    await warehouse.execute("create schema before; create schema after");
    await fill("before", undefined, 0);
    const base = new Map<string, Record<string, string>>();
    for (const sql of queries) base.set(sql, await outputs(sql, "before"));
    const lineages = new Map<string, ColumnLineage>();
    for (const sql of queries) lineages.set(sql, await lineageOf(sql));
    const missed: string[] = [];
    let moved = 0;
    for (const [table, columns] of Object.entries(tables)) {
      for (const column of Object.keys(columns)) {
        await fill("after", `${table}.${column}`, 7);
        for (const sql of queries) {
          if (!sql.includes(table)) continue;
          const now = await outputs(sql, "after");
          for (const [name, value] of Object.entries(now)) {
            if (value === base.get(sql)![name]) continue;
            moved++;
            const from = lineages.get(sql)!.columns.find((output) => output.name === name)!.from;
            if (!from.some((origin) => origin.table === table && origin.column === column))
              missed.push(`${sql}: ${name} moves with ${table}.${column}`);
          }
        }
      }
    }
    expect(missed).toEqual([]);
    expect(moved).toBeGreaterThan(100); // the changes are large enough to be seen
  });
});

describe("what cannot be followed is said", () => {
  const without = (table: string) => (name: string) => name !== table;

  test("a star over a table whose columns are not known", async () => {
    const lineage = await lineageOf("select * from s.u", without("s.u"));
    expect(lineage.unresolved).toContain("`*` of s.u was not expanded: its columns are not known.");
  });

  test("a column of a single unknown table is certain all the same", async () => {
    const lineage = await lineageOf("select x from s.u", without("s.u"));
    expect(written(lineage)).toEqual({ x: "u.x" });
    expect(lineage.unresolved).toEqual([]);
  });

  test("a column that may come from several unknown tables", async () => {
    const lineage = await lineageOf("select x, a from s.u, s.t", () => false);
    expect(lineage.unresolved).toContain("The column `x` may come from any of s.u, s.t, whose columns are not known.");
  });

  test("a table function with columns of its own", async () => {
    const lineage = await lineageOf("select name from duckdb_settings()");
    expect(lineage.unresolved).toEqual([
      "The columns of the table function `duckdb_settings` are not known; each is taken to come from all of its arguments.",
    ]);
  });

  test("COLUMNS with a function", async () => {
    const lineage = await lineageOf("select columns(c -> c = 'x') from s.u");
    expect(lineage.unresolved).toContain("`COLUMNS(…)` with a function was taken for all columns.");
  });
});
