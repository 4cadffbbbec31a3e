/** The benchmark's table: flights of January to April 2001 to learn from, June's to test on, with outcomes known as each flight leaves. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { count, entity, featureView, joinFeatures, mean } from "#domains/features";
import type { FeatureColumn, LabelledTable } from "#ports/trainer";
import type { WarehouseTable } from "#ports/warehouse";

const flights = {
  kind: "model",
  name: "flights",
  columns: { origin: "VARCHAR", destination: "VARCHAR", departed_at: "TIMESTAMP", known: "TIMESTAMP", late: "INTEGER", delay: "INTEGER" },
} as const;
const outcomes = {
  from: flights,
  time: "departed_at",
  known: "known",
  windows: ["1h", "6h", "24h"],
  features: { late_rate: mean("late"), delay_mean: mean("delay"), flights: count() },
} as const;
const airport = entity("airport");
const departed = featureView("departed", { entity: airport, on: "origin", ...outcomes });
const landed = featureView("landed", { entity: airport, on: "destination", ...outcomes });

/** Which outcomes take part, besides origin, destination, distance, hour and weekday: the fifteen columns of the main job's lean set. */
const chosen = [
  ...["o__late_rate_1h", "o__late_rate_6h", "o__late_rate_24h", "o__delay_mean_1h", "o__flights_1h"],
  ...["d__late_rate_1h", "d__late_rate_6h"],
  ...["i__late_rate_1h", "i__late_rate_6h", "i__delay_mean_1h"],
];

/**
 * Makes both tables. Local times are taken as they stand and a landing is departure + 30 min + distance / 460 mph.
 * @param rows training rows: a random sample
 */
export async function flightTables(rows: number, threads: number): Promise<{ train: LabelledTable; test: LabelledTable }> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  const duckdb = await openDuckdb({ threads, memoryLimitMb: 3_000, temporaryFolder: folder });
  try {
    const parquet = fileURLToPath(new URL("../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url));
    await duckdb.execute(`create table flights as
      select origin, destination, date as departed_at, date + to_milliseconds(1800000 + round(distance / 460.0 * 3600000)::bigint) as known,
        (delay > 15)::integer as late, delay::integer as delay, distance::integer as distance, row_number() over () as id
      from read_parquet('${parquet.replaceAll("'", "''")}')`);
    await duckdb.execute(`create table spine as
      select * from (from flights where departed_at < '2001-05-01' order by hash(id) limit ${rows}) union all (from flights where departed_at >= '2001-06-01')`);
    const table = await duckdb.columns("select * from spine order by departed_at, id");
    const plain = await duckdb.columns(
      "select late, distance, hour(departed_at) as hour, dayofweek(departed_at) as weekday from spine order by departed_at, id",
    );
    const bound = { o: departed.at("origin"), d: landed.at("destination"), i: landed.at("origin") };
    const events = await duckdb.columns("select * from flights order by id");
    const joined = await joinFeatures({ spine: table, time: "departed_at", features: bound, events: { flights: events }, threads });
    const features: FeatureColumn[] = [
      ...["distance", "hour", "weekday"].map((name): FeatureColumn => ({ name, kind: "number", values: Float32Array.from(numbersOf(plain, name)) })),
      ...chosen.map((name): FeatureColumn => ({ name, kind: "number", values: joined.columns[joined.names.indexOf(name)]! })),
      ...["origin", "destination"].map((name): FeatureColumn => ({ name, kind: "category", ...textOf(table, name) })),
    ];
    const label = Float32Array.from(numbersOf(plain, "late"));
    const slice = (from: number, to: number): LabelledTable => ({
      rows: to - from,
      label: label.slice(from, to),
      features: features.map((f) => (f.kind === "number" ? { ...f, values: f.values.slice(from, to) } : { ...f, codes: f.codes.slice(from, to) })),
    });
    return { train: slice(0, rows), test: slice(rows, table.rows) };
  } finally {
    await duckdb.close();
    await rm(folder, { recursive: true });
  }
}

function numbersOf(table: WarehouseTable, name: string): ArrayLike<number> & Iterable<number> {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column?.kind !== "number") throw new Error(`${name} is no number`);
  return column.values;
}

function textOf(table: WarehouseTable, name: string): { codes: Int32Array; levels: string[] } {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column?.kind !== "text") throw new Error(`${name} is no text`);
  return { codes: column.codes, levels: column.levels };
}
