/**
 * The point-in-time join against DuckDB's own exact one: `node bench/point-in-time/run.ts [--full]`. Prints a table and writes
 * bench/results/point-in-time.json (with --full: point-in-time-full.json).
 *
 * Two feature views (outcomes of flights that left from my origin, that landed at my destination) of three features over four
 * windows: 24 values for every flight of January, or of the half year with --full. DuckDB computes running sums by key and
 * time and finds the ends of each window with ASOF joins, in double precision, in memory, on the same number of threads. All
 * values are compared; one that differs fails the benchmark.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { count, entity, featureView, joinFeatures, mean, type JoinedFeatures } from "#domains/features";
import type { Warehouse, WarehouseTable } from "#ports/warehouse";

const full = process.argv.includes("--full");
const repeats = full ? 1 : 3;
const threads = 2;
const windows = ["1h", "6h", "24h", "7d"] as const;

const flights = {
  kind: "model",
  name: "flights",
  columns: { origin: "VARCHAR", destination: "VARCHAR", departed_at: "TIMESTAMP", known: "TIMESTAMP", late: "INTEGER", delay: "INTEGER" },
} as const;
const outcomes = {
  from: flights,
  time: "departed_at",
  known: "known",
  windows,
  features: { late_rate: mean("late"), delay_mean: mean("delay"), flights: count() },
} as const;
const features = {
  from_origin: featureView("departed", { entity: entity("airport"), on: "origin", ...outcomes }).at("origin"),
  at_destination: featureView("landed", { entity: entity("airport"), on: "destination", ...outcomes }).at("destination"),
};

interface Timing {
  seconds: number;
  cpuSeconds: number;
}

const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
const warehouse = await openDuckdb({ threads, memoryLimitMb: full ? 8_000 : 3_000, temporaryFolder: folder });
const timings: Record<string, Timing[]> = {};
let rows = 0;
let compared = 0;
let longestPauseMs = 0;
try {
  await prepare(warehouse);
  for (let run = 0; run < repeats; run++) {
    const table = await timed("Millrace: read the columns", () => warehouse.columns("select * from flights order by id"));
    const pauses = monitorEventLoopDelay({ resolution: 1 });
    pauses.enable();
    const joined = await timed("Millrace: join", () =>
      joinFeatures({ spine: table, time: "departed_at", features, events: { flights: table }, threads }),
    );
    pauses.disable();
    longestPauseMs = Math.max(longestPauseMs, pauses.max / 1e6);
    for (const [alias, bound] of Object.entries(features)) {
      const key = bound.on[0]!;
      await timed(
        "DuckDB: running sums + ASOF joins",
        () => warehouse.execute(`create or replace table ${alias} as ${asofJoin(key)}`),
        alias !== "from_origin",
      );
      if (run === 0) compared += await compare(warehouse, alias, joined);
    }
    rows = table.rows;
  }
} finally {
  await warehouse.close();
  await rm(folder, { recursive: true });
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const results = Object.entries(timings).map(([what, runs]) => ({
  what,
  seconds: round(median(runs.map((run) => run.seconds))),
  cpuSeconds: round(median(runs.map((run) => run.cpuSeconds))),
}));
console.table(results);
console.log(`${rows.toLocaleString("en")} rows × 24 features; ${compared.toLocaleString("en")} values compared, all equal (float32)`);
console.log(`longest pause of the event loop during our join: ${longestPauseMs.toFixed(1)} ms`);
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), node: process.version };
const conditions = `${full ? "January to June" : "January"} 2001, ${rows} rows × 24 features; ${threads} threads each; everything in memory; median of ${repeats}; local times taken as they stand, landing = departure + 30 min + distance / 460 mph; ${process.env["MILLRACE_BENCH_NOTE"] ?? "machine not otherwise described"}`;
const folderOfResults = new URL("../results/", import.meta.url);
await mkdir(folderOfResults, { recursive: true });
await writeFile(
  new URL(full ? "point-in-time-full.json" : "point-in-time.json", folderOfResults),
  JSON.stringify(
    {
      date: new Date().toISOString(),
      machine,
      conditions,
      valuesCompared: compared,
      valuesDifferent: 0,
      longestPauseMs: round(longestPauseMs),
      results,
    },
    undefined,
    2,
  ) + "\n",
);

async function prepare(duckdb: Warehouse): Promise<void> {
  const parquet = fileURLToPath(new URL("../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url));
  await duckdb.execute(`create table flights as
    select row_number() over () as id, origin, destination, date as departed_at,
      date + to_milliseconds(1800000 + round(distance / 460.0 * 3600000)::bigint) as known,
      (delay > 15)::integer as late, delay::integer as delay
    from read_parquet('${parquet.replaceAll("'", "''")}') ${full ? "" : "where date < '2001-02-01'"}`);
}

/** Features of one family in SQL: sums so far by key and time, then for each flight the sums before it and before each window. */
function asofJoin(key: string): string {
  const end = "coalesce(e.n, 0)";
  const columns = windows.flatMap((_, w) => {
    const n = `(${end} - coalesce(b${w}.n, 0))`;
    const meanOf = (sum: string) => `((coalesce(e.${sum}, 0) - coalesce(b${w}.${sum}, 0))::double / nullif(${n}, 0))::float`;
    return [`${meanOf("late")} as late_rate_${windows[w]}`, `${meanOf("delay")} as delay_mean_${windows[w]}`, `${n}::float as flights_${windows[w]}`];
  });
  const begins = windows.map(
    (window, w) => `asof left join sums b${w} on f.${key} = b${w}.${key} and f.departed_at - interval '${hoursOf(window)} hours' > b${w}.known`,
  );
  return `with instants as (
      select ${key}, known, count(*) as n, sum(late) as late, sum(delay) as delay from flights group by all
    ), sums as (
      select ${key}, known, sum(n) over so_far as n, sum(late) over so_far as late, sum(delay) over so_far as delay
      from instants window so_far as (partition by ${key} order by known)
    )
    select f.id, ${columns.join(", ")}
    from flights f asof left join sums e on f.${key} = e.${key} and f.departed_at > e.known
    ${begins.join("\n    ")}`;
}

/** Compares every value of a family; returns how many there were. */
async function compare(duckdb: Warehouse, alias: string, joined: JoinedFeatures): Promise<number> {
  const expected: WarehouseTable = await duckdb.columns(`select * exclude (id) from ${alias} order by id`);
  for (const column of expected.columns) {
    const ours = joined.columns[joined.names.indexOf(`${alias}__${column.name}`)]!;
    if (column.kind !== "number") throw new Error(`${column.name} is no number`);
    for (let row = 0; row < expected.rows; row++) {
      if (!Object.is(ours[row], column.values[row]! + 0))
        throw new Error(`${alias}__${column.name} of row ${row}: Millrace ${ours[row]}, DuckDB ${column.values[row]}`);
    }
  }
  return expected.rows * expected.columns.length;
}

async function timed<T>(what: string, work: () => Promise<T>, addToLast = false): Promise<T> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  const result = await work();
  const seconds = (performance.now() - started) / 1_000;
  const used = process.cpuUsage(cpu);
  const cpuSeconds = (used.user + used.system) / 1e6;
  const runs = (timings[what] ??= []);
  const before = addToLast ? runs.pop()! : { seconds: 0, cpuSeconds: 0 };
  runs.push({ seconds: before.seconds + seconds, cpuSeconds: before.cpuSeconds + cpuSeconds });
  return result;
}

function hoursOf(window: string): number {
  return window.endsWith("d") ? Number(window.slice(0, -1)) * 24 : Number(window.slice(0, -1));
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
