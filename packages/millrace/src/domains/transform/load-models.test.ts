import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { AppError } from "#kit/app-error";
import type { ColumnType, Warehouse } from "#ports/warehouse";
import { compile } from "./compile.ts";
import { describeModels } from "./describe-models.ts";
import { generateHandles, writeHandles } from "./generate-handles.ts";
import { loadModels, type LoadOptions } from "./load-models.ts";
import type { ProjectGraph } from "./model.ts";
import { selectModels } from "./select-models.ts";

let root: string;
let projects = 0;
let warehouse: Warehouse;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "millrace-models-"));
  warehouse = await openDuckdb({ threads: 1, memoryLimitMb: 200, temporaryFolder: join(root, "spill") });
});
afterAll(async () => {
  await warehouse.close();
  await rm(root, { recursive: true, force: true });
});

async function project(files: Record<string, string>): Promise<string> {
  const folder = join(root, `p${projects++}`);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

async function load(files: Record<string, string>, options: Omit<LoadOptions, "folder"> = {}): Promise<ProjectGraph> {
  return loadModels({ folder: await project(files), ...options });
}

async function errorOf(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => new Error("nothing was thrown"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw error;
}

describe("reading a project", () => {
  test("notes what each model mentions and configures, in both its forms, and orders the models", async () => {
    const graph = await load({
      "models/staging/stg_flights.sql": "select * from {{ source('raw', 'flights') }}",
      "models/flights.sql": `{{ config(materialized='incremental', unique_key='id', tags=['daily'], description='one row a flight') }}
select * from {{ ref('stg_flights') }}
{% if is_incremental() %}where at > (select max(at) from {{ this }}) and k in (select k from {{ ref('project', 'late') }}){% endif %}`,
      "models/late.sql": "select 1 as k",
    });
    expect([...graph.models.keys()]).toEqual(["late", "stg_flights", "flights"]);
    const flights = graph.models.get("flights")!;
    expect(flights.file).toBe("models/flights.sql");
    expect(flights.refs).toEqual(["late", "stg_flights"]);
    expect(flights.config).toMatchObject({ materialized: "incremental", unique_key: ["id"], tags: ["daily"], description: "one row a flight" });
    expect(graph.models.get("stg_flights")!.sources).toEqual([{ schema: "raw", table: "flights" }]);
    expect(graph.models.get("stg_flights")!.config.materialized).toBe("view");
  });

  test("a model that only a test mentions is no input of the rows, but is built before", async () => {
    const graph = await load({
      "models/airports.sql": "select 'a' as iata",
      "models/flights.sql": `{{ config(tests={'origin': ['not_null', {'relationships': {'to': ref('airports'), 'field': 'iata', 'severity': 'warn', 'where': 'true'}}]}) }} select 'a' as origin`,
    });
    const flights = graph.models.get("flights")!;
    expect(flights.refs).toEqual([]);
    expect(flights.testRefs).toEqual(["airports"]);
    expect([...graph.models.keys()]).toEqual(["airports", "flights"]);
    expect(flights.tests).toEqual([
      { name: "not_null_flights_origin", kind: "not_null", column: "origin", args: {}, where: undefined, severity: "error" },
      {
        name: "relationships_flights_origin",
        kind: "relationships",
        column: "origin",
        args: { to: { relation: { schema: "models", name: "airports" } }, field: "iata" },
        where: "true",
        severity: "warn",
      },
    ]);
  });

  test("macros of the project call one another, dispatch, and see variables, the environment and the target", async () => {
    const logged: string[] = [];
    const graph = await load(
      {
        "macros/text.sql": "{% macro shout(x) %}{{ upper(x) }}!{% endmacro %}\n{% macro upper(x) %}{{ x | upper }}{% endmacro %}",
        "macros/dispatch.sql":
          "{% macro default__kind() %}any{% endmacro %}{% macro duckdb__kind() %}duck{% endmacro %}{% macro kind() %}{{ return(adapter.dispatch('kind')()) }}{% endmacro %}",
        "models/m.sql":
          "select '{{ shout(var('word')) }}' as a, '{{ env_var('STAGE', 'none') }}' as b, '{{ target.type }}-{{ target.name }}' as c, '{{ kind() }}' as d, {{ var('n', 5) + 1 }} as e {{ log('compiled ' ~ model.name) }}",
      },
      { vars: { word: "hey" }, environment: { STAGE: "test" }, targetName: "ci", onLog: (message) => logged.push(message) },
    );
    const { compiled } = compile(graph, graph.models.get("m")!.template, { name: "m" });
    expect(compiled.sql.trim()).toBe("select 'HEY!' as a, 'test' as b, 'duckdb-ci' as c, 'duck' as d, 6 as e");
    expect(logged).toEqual(["compiled m"]);
  });

  test("ref, source and this print names of three parts", async () => {
    const graph = await load({
      "models/a.sql": "select 1 as x",
      "models/b.sql": "select * from {{ ref('a') }} -- {{ this }} {{ this.schema }} {{ ref('a').identifier }}",
    });
    const { compiled } = compile(graph, graph.models.get("b")!.template, { name: "b", database: "build_1" });
    expect(compiled.sql).toBe('select * from "build_1"."models"."a" -- "build_1"."models"."b" models a');
  });
});

describe("mistakes", () => {
  test("an unknown model is named with its place and the likely name", async () => {
    const error = await errorOf(load({ "models/flights.sql": "select 1", "models/b.sql": "select *\nfrom {{ ref('fligths') }}" }));
    expect(error.code).toBe("sql_error");
    expect(error.message).toBe("models/b.sql:2:9: There is no model `fligths`.\n2 | from {{ ref('fligths') }}\n            ^");
    expect(error.hint).toBe("Did you mean `flights`?");
  });

  test("a circle names its path", async () => {
    const error = await errorOf(load({ "models/a.sql": "{{ ref('b') }}", "models/b.sql": "{{ ref('c') }}", "models/c.sql": "{{ ref('a') }}" }));
    expect(error.code).toBe("invalid_definition");
    expect(error.message).toContain("a → b → c → a");
    const self = await errorOf(load({ "models/a.sql": "select * from {{ ref('a') }}" }));
    expect(self.hint).toContain("{{ this }}");
  });

  test("two models of one name, a name that cannot be one, an unknown variable", async () => {
    expect((await errorOf(load({ "models/x/a.sql": "", "models/y/a.sql": "" }))).message).toContain("models/x/a.sql and models/y/a.sql");
    expect((await errorOf(load({ "models/1st-model.sql": "" }))).message).toContain("cannot be the name of a model");
    const unset = await errorOf(load({ "models/a.sql": "select {{ var('strat') }}" }, { vars: { start: 1 } }));
    expect(unset.message).toMatch(/^models\/a.sql:1:11: The variable `strat` is not set/);
    expect(unset.hint).toBe("Did you mean `start`?");
  });

  test("configuration that does not exist, has a wrong value, or lacks its key", async () => {
    expect((await errorOf(load({ "models/a.sql": "{{ config(materialised='table') }}select 1" }))).hint).toBe("Did you mean `materialized`?");
    expect((await errorOf(load({ "models/a.sql": "{{ config(materialized='tabel') }}select 1" }))).message).toContain(
      "models/a.sql: the configuration `materialized`",
    );
    expect((await errorOf(load({ "models/a.sql": "{{ config(materialized='incremental', incremental_strategy='merge') }}" }))).message).toContain(
      "needs a `unique_key`",
    );
    expect((await errorOf(load({ "models/a.sql": "{{ config(post_hook='drop table x') }}" }))).code).toBe("unsupported");
    expect((await errorOf(load({ "models/a.sql": "{{ config(tests={'c': ['accepted_values']}) }}" }))).message).toContain("lacks `values`");
    expect((await errorOf(load({ "models/a.sql": "{{ config(tests={'c': [{'unique': {'severity': 'bad'}}]}) }}" }))).message).toContain('"bad"');
  });

  test("asking the database while compiling", async () => {
    expect((await errorOf(load({ "models/a.sql": "{% set r = run_query('select 1') %}" }))).message).toContain(
      "`run_query` is not offered to templates",
    );
  });
});

describe("selection", () => {
  const files = Object.fromEntries(
    Object.entries({ a: "", b: "a", c: "b", d: "b", e: "c d", lone: "" }).map(([name, refs]) => [
      `models/${name === "lone" ? "other/" : ""}${name}.sql`,
      `{{ config(tags=['${"ace".includes(name) ? "odd" : "even"}']) }} select 1 ${refs
        .split(" ")
        .filter(Boolean)
        .map((ref) => `-- {{ ref('${ref}') }}`)
        .join(" ")}`,
    ]),
  );
  test.each([
    [[], "a b c d e lone"],
    [["c"], "c"],
    [["+c"], "a b c"],
    [["b+"], "b c d e"],
    [["1+e"], "c d e"],
    [["+b+"], "a b c d e"],
    [["tag:odd"], "a c e"],
    [["tag:odd,b+"], "c e"],
    [["a", "lone"], "a lone"],
    [["a lone"], "a lone"],
    [["path:models/other"], "lone"],
    [["l*"], "lone"],
  ])("%j", async (select, expected) => {
    const graph = await load(files);
    expect(selectModels(graph, select).toSorted().join(" ")).toBe(expected);
  });

  test("of nothing is an error with a suggestion", async () => {
    const graph = await load(files);
    expect(() => selectModels(graph, ["lonee"])).toThrow(expect.objectContaining({ code: "not_found", hint: "Did you mean `lone`?" }));
    expect(() => selectModels(graph, ["tag:evne"])).toThrow(expect.objectContaining({ hint: "Did you mean `even`?" }));
  });
});

describe("types without data", () => {
  const raw: Record<string, ColumnType[]> = {
    "raw.flights": [
      { name: "id", type: "VARCHAR" },
      { name: "delay", type: "SMALLINT" },
      { name: "date", type: "TIMESTAMP" },
    ],
  };
  const files = {
    "models/flights.sql":
      "select id as flight_id, delay::integer as delay, delay > 15 as late, date + interval 1 hour as landed_at from {{ source('raw', 'flights') }}",
    "models/daily.sql":
      "{{ config(materialized='table') }}\nselect landed_at::date as day, avg(delay) as mean, count(*) as \"the number\", list(flight_id) as ids\nfrom {{ ref('flights') }}\ngroup by all",
  };

  test("come from the engine's binder over empty tables", async () => {
    const types = await describeModels({ graph: await load(files), warehouse, sources: raw });
    expect(types.get("daily")).toEqual([
      { name: "day", type: "DATE" },
      { name: "mean", type: "DOUBLE" },
      { name: "the number", type: "BIGINT" },
      { name: "ids", type: "VARCHAR[]" },
    ]);
  });

  test("become typed handles, written only when they change", async () => {
    const source = generateHandles(await describeModels({ graph: await load(files), warehouse, sources: raw }));
    expect(source).toBe(`// Made from the SQL models by Millrace; do not edit.

export const daily = {
  kind: "model",
  name: "daily",
  columns: {
    day: "DATE",
    mean: "DOUBLE",
    "the number": "BIGINT",
    ids: "VARCHAR[]",
  },
} as const;

export const flights = {
  kind: "model",
  name: "flights",
  columns: {
    flight_id: "VARCHAR",
    delay: "INTEGER",
    late: "BOOLEAN",
    landed_at: "TIMESTAMP",
  },
} as const;
`);
    const path = join(root, "models.ts");
    expect(await writeHandles(path, source)).toBe(true);
    expect(await writeHandles(path, source)).toBe(false);
    expect(await import(path)).toMatchObject({ flights: { kind: "model", name: "flights" } });
  });

  test("a model called like a word of the language keeps its name", async () => {
    const path = join(root, "reserved.ts");
    await writeHandles(path, generateHandles(new Map([["delete", [{ name: "a", type: "INTEGER" }]]])));
    expect(await import(path)).toMatchObject({ delete: { name: "delete", columns: { a: "INTEGER" } } });
  });

  test("an error of the engine names the file, the line of the template and the column that was meant", async () => {
    const graph = await load({
      ...files,
      "models/bad.sql":
        "{% set columns = ['delay', 'late'] %}\n\n-- é\nselect\n{% for c in columns %}  {{ c }},\n{% endfor %}\n  landed\nfrom {{ ref('flights') }}\n",
    });
    const error = await errorOf(describeModels({ graph, warehouse, sources: raw }));
    expect(error.code).toBe("sql_error");
    expect(error.message).toMatch(/^models\/bad.sql:7:3: Binder error: Referenced column "landed" not found/);
    expect(error.message).toContain("7 |   landed\n      ^");
    expect(error.hint).toContain("`landed_at`");
  });

  test("an error within what an expression wrote points to the expression; a syntax error to its line", async () => {
    const inMacro = await load({
      ...files,
      "macros/m.sql": "{% macro wrong() %}nowhere{% endmacro %}",
      "models/bad.sql": "select 1 as a,\n  {{ wrong() }} as b\nfrom {{ ref('flights') }}",
    });
    expect((await errorOf(describeModels({ graph: inMacro, warehouse, sources: raw }))).message).toMatch(/^models\/bad.sql:2:3: Binder error/);
    const syntax = await load({ "models/bad.sql": "select 1 as a\nfrm x y z" });
    expect((await errorOf(describeModels({ graph: syntax, warehouse, sources: {} }))).message).toMatch(/^models\/bad.sql:2:\d+: Parser error/);
    const unqualified = await load({ ...files, "models/bad.sql": "select f.delai from {{ ref('flights') }} f" });
    expect((await errorOf(describeModels({ graph: unqualified, warehouse, sources: raw }))).hint).toBe("Did you mean `delay`?");
    const table = await load({ ...files, "models/bad.sql": "select * from flights" });
    expect((await errorOf(describeModels({ graph: table, warehouse, sources: raw }))).hint).toContain("{{ ref('flights') }}");
  });

  test("a missing source, two columns of one name, an empty file", async () => {
    const missing = await errorOf(
      describeModels({ graph: await load({ "models/a.sql": "select * from {{ source('raw', 'flihgts') }}" }), warehouse, sources: raw }),
    );
    expect(missing).toMatchObject({ code: "not_found", hint: "Did you mean `raw.flights`?" });
    const twins = await load({ "models/a.sql": "select 1 as x, 2 as X" });
    expect((await errorOf(describeModels({ graph: twins, warehouse, sources: {} }))).message).toContain("two columns are called `X`");
    const empty = await load({ "models/a.sql": "-- nothing\n" });
    expect((await errorOf(describeModels({ graph: empty, warehouse, sources: {} }))).code).toBe("sql_error");
  });
});
