/**
 * Rates of the stream end to end: `node --conditions=source bench/stream/run.ts [days]`. Plays back June 2001 of flights-3m (departures and
 * arrivals, about 32,000 events a day) through the embedded log, five feature views and a model of 100 trees, every answer recorded
 * and every batch durable. Prints a table and writes bench/results/stream.json.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openSqlite } from "#adapters/database/sqlite";
import { adapter as treeEnsemble } from "#adapters/model-adapter/tree-ensemble";
import { openEmbeddedStream } from "#adapters/stream/embedded";
import { treesTrainer } from "#adapters/trainer/trees";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { count, entity, featureView, mean } from "#domains/features";
import { source, topic } from "#domains/ingest";
import { openLake } from "#domains/lake";
import {
  endpoint,
  openEndpoint,
  replay,
  replayDays,
  servingMigrations,
  type ReplayServices,
  type ResolvedModel,
  type ServingServices,
} from "#domains/serving";
import { buildTrainingSet, TrainingTables } from "#domains/training";
import { systemClock } from "#kit/clock";
import { sha256 } from "#kit/hash";
import { silentLog } from "#kit/log";
import { quoteText } from "#kit/sql-text";

const days = Number(process.argv[2] ?? 15);
const file = fileURLToPath(new URL("../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url));
const loadBefore = loadavg()[0]!.toFixed(1);

const flights = {
  kind: "model",
  name: "flights",
  columns: {
    flight_id: "BIGINT",
    origin: "VARCHAR",
    destination: "VARCHAR",
    distance: "INTEGER",
    hour: "INTEGER",
    weekday: "INTEGER",
    departed_at: "TIMESTAMP",
    landed_at: "TIMESTAMP",
    delay: "INTEGER",
    late: "BOOLEAN",
  },
} as const;
// The example's model without time zones: their tables change nothing about the work of the stream.
const prepared = (relation: string) => `(select
    flight_id, origin, destination, cast(distance as integer) as distance, cast(hour(date) as integer) as hour, cast(isodow(date) as integer) as weekday,
    cast(date as timestamp) as departed_at, cast(date as timestamp) + to_minutes(30 + cast(round(distance * 60 / 460) as integer)) as landed_at,
    cast(delay as integer) as delay, delay > 15 as late
  from ${relation} where delay is not null)`;

const airport = entity("airport");
const outcomes = { from: flights, time: "departed_at", known: "landed_at", windows: ["1h", "6h", "24h", "7d"] } as const;
const departed = featureView("departed", {
  ...outcomes,
  ...{ entity: airport, on: "origin" },
  features: {
    late_rate: mean("late", { windows: ["1h", "6h", "24h"] }),
    delay_mean: mean("delay", { windows: ["1h"] }),
    flights: count({ windows: ["1h"] }),
  },
});
const landed = featureView("landed", {
  ...outcomes,
  ...{ entity: airport, on: "destination" },
  features: { late_rate: mean("late", { windows: ["1h", "6h"] }), delay_mean: mean("delay", { windows: ["1h"] }) },
});
const onRoute = featureView("on_route", {
  ...outcomes,
  entity: entity("route", { keys: ["origin", "destination"] }),
  features: { late_rate: mean("late", { windows: ["24h", "7d"] }) },
});
const traffic = featureView("traffic", {
  from: flights,
  entity: airport,
  on: "origin",
  time: "departed_at",
  windows: ["1h"],
  features: { departures: count() },
});
const features = {
  at_destination: departed.at("destination"),
  at_origin: landed.at("origin"),
  from_origin: departed.at("origin"),
  route: onRoute.at("origin", "destination"),
  traffic: traffic.at("origin"),
};

const departures = topic("departures", {
  ...{ of: flights, key: "flight_id", time: "departed_at" },
  columns: ["flight_id", "origin", "destination", "distance", "hour", "weekday", "departed_at"],
});
const arrivals = topic("arrivals", { of: flights, key: "flight_id", time: "landed_at" });
const june = replay("june", {
  of: flights,
  rest: source("flights", { files: file, batch: { by: "date", every: "week", until: "2001-06-01" }, rowNumber: "flight_id" }),
  to: [departures, arrivals],
});
const late = endpoint("late", { model: "late@champion", stream: { in: departures, out: "answers" }, outcomes: { from: arrivals, label: "late" } });

const folder = await mkdtemp(join(tmpdir(), "millrace-stream-"));
const rows: Record<string, string | number>[] = [];
try {
  const state = openSqlite({ path: join(folder, "state.db") });
  await state.migrate(servingMigrations);
  const blobs = await openLocalBlobs({ folder: join(folder, "blobs") });
  const warehouse = await openDuckdb({ threads: 2, memoryLimitMb: 500, temporaryFolder: join(folder, "spill") });
  const lake = openLake({ blobs, warehouse, clock: systemClock, log: silentLog, scratchFolder: join(folder, "scratch") });
  const stream = await openEmbeddedStream({ folder: join(folder, "streams"), clock: systemClock, log: silentLog });
  const all = `(select * rename (file_row_number as flight_id) from read_parquet(${quoteText(file)}, file_row_number = true))`;
  await lake.append("models.flights", {
    sql: `select * from ${prepared(`(select * from ${all} where date >= timestamp '2001-05-10' and date < timestamp '2001-06-01')`)}`,
  });
  const registered: ResolvedModel[] = [];
  let champion = 0;
  const services: ServingServices & ReplayServices = {
    ...{ state, blobs, warehouse, lake, stream, clock: systemClock, log: silentLog, adapters: [treeEnsemble], projectFolder: folder },
    models: { resolve: async (reference) => registered[(reference.endsWith("@champion") ? champion : Number(reference.split("@")[1])) - 1]! },
    modelRows: async () => ({ relation: await lake.relation("models.flights"), columns: (await lake.snapshot("models.flights")).columns }),
    relationOf: async (_model, { replace }) => prepared(replace["raw.flights"]!),
  };
  for (const seed of [1, 2]) registered.push(await train(seed));
  champion = 1;

  const opening = performance.now();
  const served = await openEndpoint(services, late, [departures, arrivals]);
  rows.push({ what: "open, features from the lake", events: 0, seconds: seconds(performance.now() - opening) });
  const parts = { append: meter("append (read, encode, make durable)"), alone: meter("answer, one version"), beside: meter("answer, two versions") };
  for await (const day of replayDays(services, june)) {
    parts.append.stop(Object.values(day.events).reduce((sum, each) => sum + each, 0));
    if (day.index === Math.floor(days / 2)) {
      champion = 2;
      await served.reload();
    }
    const part = day.index < Math.floor(days / 2) ? parts.alone : parts.beside;
    part.start();
    part.stop((await served.advance()).events);
    if (day.index + 1 === days) break;
    parts.append.start();
  }
  for (const part of Object.values(parts)) rows.push(part.row());
  const checkpoint = performance.now();
  await served.close();
  rows.push({ what: "checkpoint", events: 0, seconds: seconds(performance.now() - checkpoint) });
  const again = performance.now();
  const reopened = await openEndpoint(services, late, [departures, arrivals]);
  rows.push({ what: "open, features from the checkpoint", events: 0, seconds: seconds(performance.now() - again) });
  rows.push(await http(reopened, "single rows over predict(), 64 at a time", 64, 20_000, 1));
  rows.push(await http(reopened, "rows over predict(), 100 a call", 4, 200_000, 100));
  await reopened.close();
  await stream.close();
  await warehouse.close();
  await state.close();

  async function train(seed: number): Promise<ResolvedModel> {
    const examples = { table: "models.flights", version: 0 };
    const tables = new TrainingTables(blobs);
    const set = await buildTrainingSet(
      { lake, blobs, tables, threads: 2 },
      {
        ...{ examples, id: "flight_id", label: "late", time: "departed_at", seed, rows: 150_000 },
        ...{ columns: ["origin", "destination", "distance", "hour", "weekday"], events: { flights: examples } },
        features: JSON.parse(JSON.stringify(features)) as typeof features,
      },
      { scratch: async () => folder, signal: new AbortController().signal, onProgress: () => undefined },
    );
    const { onnx } = await treesTrainer.fit({ train: await tables.all(set), params: { trees: 100, leaves: 31 }, seed, threads: 2 });
    const digest = sha256(onnx);
    await blobs.put(`models/${digest}.onnx`, onnx, { ifAbsent: true });
    return { name: "late", version: registered.length + 1, digest, blob: `models/${digest}.onnx`, signature: set.signature };
  }
} finally {
  await rm(folder, { recursive: true });
}

console.table(rows);
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), node: process.version };
const conditions = `${days} days of flights-3m from June 2001; 100 trees of 31 leaves, 5 bound views, 21 inputs; load average ${loadBefore} before the run`;
const results = new URL("../results/", import.meta.url);
await mkdir(results, { recursive: true });
await writeFile(new URL("stream.json", results), JSON.stringify({ date: new Date().toISOString(), machine, conditions, rows }, undefined, 2) + "\n");

function meter(what: string) {
  let events = 0;
  let ms = 0;
  let cpuUs = 0;
  let started = performance.now();
  let cpu = process.cpuUsage();
  return {
    start() {
      started = performance.now();
      cpu = process.cpuUsage();
    },
    stop(count: number) {
      events += count;
      ms += performance.now() - started;
      const used = process.cpuUsage(cpu);
      cpuUs += used.user + used.system;
    },
    row: () => ({ what, events, seconds: seconds(ms), "cpu seconds": seconds(cpuUs / 1000), "events/s": Math.round(events / (ms / 1000)) }),
  };
}

async function http(served: Awaited<ReturnType<typeof openEndpoint>>, what: string, inFlight: number, total: number, rowsOfCall: number) {
  const ask = Array.from({ length: rowsOfCall }, () => ({ origin: "SFO", destination: "LAX", distance: 337, hour: 12, weekday: 5 }));
  let left = total / rowsOfCall;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left-- > 0) await served.predict(ask);
    }),
  );
  const ms = performance.now() - started;
  return { what, events: total, seconds: seconds(ms), "events/s": Math.round(total / (ms / 1000)) };
}

function seconds(ms: number): number {
  return Number((ms / 1000).toFixed(2));
}
