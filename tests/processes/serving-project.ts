/**
 * A small project for the tests of serving, in a folder of its own: flights of ten days, of which the first six are history in the
 * lake and the rest a file that is played back; models trained on the history; real stores. A second process can open it again.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openSqlite } from "#adapters/database/sqlite";
import { adapter as treeEnsemble } from "#adapters/model-adapter/tree-ensemble";
import { openEmbeddedStream } from "#adapters/stream/embedded";
import { treesTrainer } from "#adapters/trainer/trees";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { count, entity, featureView, mean, type BoundView } from "#domains/features";
import { source, topic } from "#domains/ingest";
import { openLake } from "#domains/lake";
import {
  decodePrediction,
  endpoint,
  replay,
  type PredictionRecord,
  servingMigrations,
  type ReplayServices,
  type ResolvedModel,
  type ServingServices,
} from "#domains/serving";
import { buildTrainingSet, TrainingTables, type Signature } from "#domains/training";
import { AppError } from "#kit/app-error";
import { systemClock } from "#kit/clock";
import { sha256 } from "#kit/hash";
import { silentLog } from "#kit/log";

export const dayMs = 86_400_000;
export const firstMs = Date.parse("2001-05-26T00:00:00Z");
export const streamFromMs = Date.parse("2001-06-01T00:00:00Z");

export const flights = {
  kind: "model",
  name: "flights",
  columns: {
    flight_id: "BIGINT",
    origin: "VARCHAR",
    destination: "VARCHAR",
    distance: "INTEGER",
    hour: "INTEGER",
    departed_at: "TIMESTAMP",
    landed_at: "TIMESTAMP",
    delay: "INTEGER",
    late: "BOOLEAN",
  },
} as const;

const outcomes = { from: flights, time: "departed_at", known: "landed_at", windows: ["1h", "24h", "2d"] } as const;
export const departed = featureView("departed", {
  ...outcomes,
  entity: entity("airport"),
  on: "origin",
  features: { late_rate: mean("late"), delay_mean: mean("delay", { windows: ["24h"] }), flights: count({ windows: ["1h"] }) },
});
export const onRoute = featureView("on_route", {
  ...outcomes,
  entity: entity("route", { keys: ["origin", "destination"] }),
  features: { late_rate: mean("late", { windows: ["2d"] }) },
});
export const traffic = featureView("traffic", {
  from: flights,
  entity: entity("airport"),
  on: "origin",
  time: "departed_at",
  windows: ["1h"],
  features: { departures: count() },
});

export const departures = topic("departures", {
  of: flights,
  key: "flight_id",
  time: "departed_at",
  columns: ["flight_id", "origin", "destination", "distance", "hour", "departed_at"],
});
export const arrivals = topic("arrivals", { of: flights, key: "flight_id", time: "landed_at", keep: true });
export const topics = [departures, arrivals];
export const june = replay("june", {
  of: flights,
  rest: source("flights", { files: "flights.parquet", batch: { by: "departed_at", every: "day", until: "2001-06-01" } }),
  to: topics,
});
export const late = endpoint("late", {
  model: "late@champion",
  stream: { in: departures, out: "late-predictions" },
  outcomes: { from: arrivals, label: "late" },
});

/** Flights 0 … n − 1 in the order of departure, spread evenly over ten days, about one in three late. */
export const flightsSql = (n: number) => `select
    i as flight_id,
    ['SFO', 'LAX', 'JFK', 'ORD', 'DEN', 'SEA'][1 + cast(hash(i) % 6 as integer)] as origin,
    ['SFO', 'LAX', 'JFK', 'ORD', 'DEN', 'SEA'][1 + cast(hash(i, 1) % 6 as integer)] as destination,
    cast(200 + hash(i, 2) % 2000 as integer) as distance,
    cast(hour(departed_at) as integer) as hour,
    departed_at,
    departed_at + to_minutes(cast(40 + hash(i, 3) % 300 as integer)) as landed_at,
    cast(hash(i, 4) % 60 as integer) - 20 + (case when hash(i) % 6 < 2 then 20 else 0 end) as delay,
    delay > 15 as late
  from (select i, make_timestamp(${firstMs * 1000} + cast(i * ${(10 * dayMs) / 1000 / n} as bigint) * 1000000) as departed_at from range(${n}) t(i))`;

export interface ServingProject extends ServingServices, ReplayServices {
  folder: string;
  /** Versions by number, from 1; and which one is champion. */
  registry: { versions: ResolvedModel[]; champion: number };
  saveRegistry(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the project in a folder; an empty one gets its stores. */
export async function openServingProject(folder: string): Promise<ServingProject> {
  const state = openSqlite({ path: join(folder, "state.db") });
  await state.migrate(servingMigrations);
  const blobs = await openLocalBlobs({ folder: join(folder, "blobs") });
  const warehouse = await openDuckdb({ threads: 1, memoryLimitMb: 200, temporaryFolder: join(folder, "spill") });
  const lake = openLake({ blobs, warehouse, clock: systemClock, log: silentLog, scratchFolder: join(folder, "scratch") });
  const stream = await openEmbeddedStream({ folder: join(folder, "streams"), clock: systemClock, log: silentLog });
  const registryFile = join(folder, "registry.json");
  const registry = JSON.parse(await readFile(registryFile, "utf8").catch(() => '{"versions":[],"champion":0}')) as ServingProject["registry"];
  return {
    ...{
      folder,
      projectFolder: folder,
      state,
      blobs,
      warehouse,
      lake,
      stream,
      clock: systemClock,
      log: silentLog,
      adapters: [treeEnsemble],
      registry,
    },
    models: {
      async resolve(reference) {
        const wanted = reference.split("@")[1];
        const found = registry.versions[(wanted === "champion" ? registry.champion : Number(wanted)) - 1];
        if (!found) throw new AppError("not_found", `There is no ${reference}.`);
        return found;
      },
    },
    async modelRows(model) {
      const { version, columns } = await lake.snapshot(`models.${model}`);
      return { relation: await lake.relation(`models.${model}`, { version }), columns };
    },
    relationOf: async (_model, { replace }) => replace["raw.flights"]!,
    saveRegistry: () => writeFile(registryFile, JSON.stringify(registry)),
    async close() {
      await stream.close();
      await warehouse.close();
      await state.close();
      await blobs.close();
    },
  };
}

/** Puts the first six days of `n` flights into the lake and all of them into the file that is played back. */
export async function fillServingProject(project: ServingProject, n: number): Promise<void> {
  await project.warehouse.writeParquet(flightsSql(n), join(project.folder, "flights.parquet"));
  const history = `select * from (${flightsSql(n)}) where departed_at < timestamp '2001-06-01'`;
  await project.lake.append("models.flights", { sql: history });
}

export const standardFeatures: Record<string, BoundView> = {
  at_destination: departed.at("destination"),
  from_origin: departed.at("origin"),
  route: onRoute.at("origin", "destination"),
  traffic: traffic.at("origin"),
};

/** Trains a model on the history and registers it as the next version. */
export async function trainVersion(
  project: ServingProject,
  options: { features?: Record<string, BoundView>; columns?: string[]; seed?: number; trees?: number } = {},
): Promise<ResolvedModel> {
  const { lake, blobs, folder } = project;
  const tables = new TrainingTables(blobs);
  const examples = { table: "models.flights", version: (await lake.snapshot("models.flights")).version };
  const set = await buildTrainingSet(
    { lake, blobs, tables, threads: 1 },
    {
      ...{ examples, id: "flight_id", label: "late", time: "departed_at", seed: 1 },
      columns: options.columns ?? ["origin", "destination", "distance", "hour"],
      features: JSON.parse(JSON.stringify(options.features ?? standardFeatures)) as Record<string, BoundView>,
      events: { flights: examples },
    },
    { scratch: async () => folder, signal: new AbortController().signal, onProgress: () => undefined },
  );
  const fitted = await treesTrainer.fit({
    train: await tables.all(set),
    params: { trees: options.trees ?? 12, leaves: 12, bagging: 0.7 },
    seed: options.seed ?? 1,
    threads: 1,
  });
  const blob = `models/${sha256(fitted.onnx)}.onnx`;
  await blobs.put(blob, fitted.onnx, { ifAbsent: true });
  const signature: Signature = { ...set.signature, task: fitted.task };
  const version = {
    name: "late",
    version: project.registry.versions.length + 1,
    digest: sha256(fitted.onnx),
    blob,
    signature,
    runId: `run-${project.registry.versions.length + 1}`,
  };
  project.registry.versions.push(version);
  project.registry.champion = version.version;
  await project.saveRegistry();
  return version;
}

/** A folder with a filled project and its first version, closed: tests copy it. */
export async function makeServingFolder(n = 12_000, trained?: (project: ServingProject) => Promise<void>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-serving-"));
  const project = await openServingProject(folder);
  await fillServingProject(project, n);
  await trainVersion(project);
  await trained?.(project);
  await project.close();
  return folder;
}

/** Opens a copy of a project's folder; `close` removes it. */
export async function openServingCopy(of: string): Promise<ServingProject> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-serving-"));
  await cp(of, folder, { recursive: true });
  const project = await openServingProject(folder);
  return {
    ...project,
    async close() {
      await project.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Everything that was answered, in order. */
export async function answers(project: ServingProject, topic = "late-predictions"): Promise<PredictionRecord[]> {
  const records: PredictionRecord[] = [];
  for await (const batch of project.stream.read(topic, { from: "first" }))
    for (const record of batch.records) records.push(decodePrediction(record.value));
  return records;
}
