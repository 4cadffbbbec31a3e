import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { mlflowPython } from "../../tests/clients/mlflow-client.ts";
import { type Connection, download, openConnection, requestBytes, upload } from "./connection.ts";
import {
  batchOf,
  createExperiment,
  createRun,
  filteredSearch,
  historyMetric,
  loadHistory,
  loadRuns,
  metricOf,
  openRequests,
  pageSearch,
  paths,
  type Requests,
} from "./requests.ts";
import { mlflowVersion, type Place, type Server, type ServerName } from "./servers.ts";

/** Numbers by their names, which end in their unit. */
export type Measured = Record<string, number | string>;

export interface Sizes {
  starts: number;
  calls: number;
  writerSeconds: number;
  batches: number;
  runs: number;
  manyRuns: number;
  historyPoints: number;
  samplePoints: number;
  fileMb: number;
  clientCalls: number;
  fits: number;
}

export const fullSizes: Sizes = {
  ...{ starts: 5, calls: 2_000, writerSeconds: 8, batches: 100, runs: 2_000, manyRuns: 100_000 },
  ...{ historyPoints: 100_000, samplePoints: 1_000_000, fileMb: 2_048, clientCalls: 400, fits: 3 },
};
export const quickSizes: Sizes = {
  ...{ starts: 2, calls: 300, writerSeconds: 2, batches: 20, runs: 400, manyRuns: 5_000 },
  ...{ historyPoints: 20_000, samplePoints: 100_000, fileMb: 128, clientCalls: 60, fits: 1 },
};

/** A server at work, and what of the measurements' data it has already. */
export interface Bench {
  server: Server;
  requests: Requests;
  sizes: Sizes;
  /** Kept as long as the store, over the starts of its servers. */
  known: { runsIn?: string; history?: string };
}

/** A row measured of a server that is at work. */
export type Measure = (bench: Bench) => Promise<Measured>;
/** A row measured of servers that are started for it; `undefined` for those it is not about. */
export type StartMeasure = (place: Place, name: ServerName, sizes: Sizes, known: Bench["known"]) => Promise<Measured | undefined>;

const slowSeconds = 20; // nobody measures longer than this of one thing

export const logMetric: Measure = async ({ server, requests, sizes }) => {
  const { run_id } = await createRun(requests, await createExperiment(requests, "single"), "single");
  const connection = await openConnection(server.port);
  let step = 0;
  const times = await timed(connection, () => metricOf(run_id, step++), { count: sizes.calls, warmUp: Math.min(100, sizes.calls / 10) });
  connection.close();
  return summary(times);
};

export const writers: Measure = async ({ server, requests, sizes }) => {
  const experiment = await createExperiment(requests, "writers");
  const times: number[] = [];
  const until = performance.now() + sizes.writerSeconds * 1_000;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      const own = await openRequests(server.port);
      const { run_id } = await createRun(own, experiment, `writer-${writer}`);
      for (let step = 0; performance.now() < until; step++) times.push(await timeOf(own.connection, metricOf(run_id, step)));
      own.connection.close();
    }),
  );
  return { callsPerSecond: Math.round(times.length / ((performance.now() - began) / 1_000)), ...summary(times) };
};

export const logBatch: Measure = async ({ server, requests, sizes }) => {
  const { run_id } = await createRun(requests, await createExperiment(requests, "batches"), "batches");
  const connection = await openConnection(server.port);
  let call = 0;
  const times = await timed(connection, () => batchOf(run_id, call++), { count: sizes.batches, warmUp: 5 });
  connection.close();
  const total = times.reduce((sum, ms) => sum + ms, 0);
  return { rowsPerSecond: Math.round((times.length * 1_000) / (total / 1_000)), ...summary(times) };
};

export const search: Measure = async (bench) => {
  const { server, sizes } = bench;
  const experiment = await ensureRuns(bench);
  const connection = await openConnection(server.port);
  const filtered = await timed(connection, () => filteredSearch(experiment), { count: Math.max(10, sizes.calls / 20), warmUp: 2 });
  const page = await timed(connection, () => pageSearch(experiment), { count: Math.max(5, sizes.calls / 100), warmUp: 1 });
  const names = namesOf((await connection.send(filteredSearch(experiment))).body);
  const pageNames = namesOf((await connection.send(pageSearch(experiment))).body);
  connection.close();
  return {
    ...{ runs: sizes.runs, found: names.length, p50Ms: quantile(filtered, 0.5), p99Ms: quantile(filtered, 0.99) },
    ...{ pageFound: pageNames.length, pageP50Ms: quantile(page, 0.5), pageMaxMs: quantile(page, 1) },
    answer: `${names.join(" ")} | ${pageNames.join(" ")}`, // compared among the servers, not kept
  };
};

/** Of Millrace alone: to load as many runs into MLflow would take an hour. */
export const searchMany: Measure = async ({ server, requests, sizes }) => {
  const experiment = await createExperiment(requests, "many");
  const { seconds } = await loadRuns(server.port, experiment, sizes.manyRuns, 16);
  const connection = await openConnection(server.port);
  const first = await timeOf(connection, filteredSearch(experiment));
  const times = await timed(connection, () => filteredSearch(experiment), { count: Math.max(50, sizes.calls / 10), warmUp: 2 });
  connection.close();
  const { rssMb } = server.memory();
  return { runs: sizes.manyRuns, loadedInSeconds: round(seconds), firstMs: round(first), ...summary(times), p95Ms: quantile(times, 0.95), rssMb };
};

export const history: Measure = async (bench) => {
  const { server, sizes } = bench;
  const run = await ensureHistory(bench);
  const connection = await openConnection(server.port);
  const times: number[] = [];
  const reads = server.name === "millrace" ? 12 : 3;
  for (let i = 0; i < reads; i++) times.push(await readHistory(connection, run, sizes.historyPoints));
  connection.close();
  return { points: sizes.historyPoints, ...summary(times) };
};

/** MLflow's own sampling for its charts; of fewer points where loading them would take minutes. */
export const sample: Measure = async (bench) => {
  const { server, requests, sizes } = bench;
  const ours = server.name === "millrace";
  const points = ours ? sizes.samplePoints : sizes.historyPoints;
  let run = ours ? undefined : await ensureHistory(bench);
  if (run === undefined) {
    run = (await createRun(requests, await createExperiment(requests, "long"), "long")).run_id;
    await loadHistory(requests, run, points);
  }
  const connection = await openConnection(server.port);
  const request = requestBytes("GET", `${paths.interval}?run_ids=${run}&metric_key=${historyMetric}&max_results=2500`);
  const first = await timeOf(connection, request);
  const times = await timed(connection, () => request, { count: ours ? 20 : 5, warmUp: 0 });
  connection.close();
  return { points, firstMs: round(first), ...summary(times) };
};

/** On a server that has done nothing else, so that the memory is that of the files. */
export const files: StartMeasure = async (place, name, sizes) => {
  const server = await place.start(name);
  try {
    const requests = await openRequests(server.port);
    const info = await createRun(requests, await createExperiment(requests, "files"), "files");
    requests.connection.close();
    const path = `${paths.artifacts}/${info.artifact_uri.replace(/^mlflow-artifacts:\/*/, "")}/large.bin`;
    const sizeBytes = sizes.fileMb * 2 ** 20;
    const uploaded = await metered(server, sizeBytes, async () => {
      const answer = await upload(server.port, path, sizeBytes);
      if (answer.status !== 200) throw new Error(`the upload was answered with ${answer.status}: ${answer.body.toString().slice(0, 500)}`);
    });
    const downloaded = await metered(server, sizeBytes, async () => {
      const got = await download(server.port, path);
      if (got.status !== 200 || got.sizeBytes !== sizeBytes) throw new Error(`the download gave ${got.sizeBytes} bytes with ${got.status}`);
    });
    return {
      ...{ fileMb: sizes.fileMb, uploadMbPerSecond: uploaded.mbPerSecond, downloadMbPerSecond: downloaded.mbPerSecond },
      ...{ uploadMemoryMb: uploaded.memoryMb, downloadMemoryMb: downloaded.memoryMb },
    };
  } finally {
    await server.stop();
  }
};

async function metered(server: Server, sizeBytes: number, work: () => Promise<void>): Promise<{ mbPerSecond: number; memoryMb: number }> {
  const most = server.watchMemory();
  const began = performance.now();
  await work();
  return { mbPerSecond: Math.round(sizeBytes / 1e6 / ((performance.now() - began) / 1_000)), memoryMb: most() };
}

/** MLflow's own Python client, unmodified. */
export const client: Measure = async ({ server, sizes }) => {
  const python = await mlflowPython(mlflowVersion);
  const script = join(import.meta.dirname, "client.py");
  const args = [script, `http://127.0.0.1:${server.port}`, String(sizes.clientCalls), String(sizes.fits)];
  const { stdout } = await promisify(execFile)(python, args, { maxBuffer: 1 << 26 });
  const { log_metric_ms: times, fit_s: fits, log_s: logged } = JSON.parse(stdout.trim().split("\n").at(-1)!) as Record<string, number[]>; // as client.py prints it
  return { ...summary(times!), fitSeconds: quantile(fits!, 0.5), autologSeconds: quantile(logged!, 0.5) };
};

export const coldStart: StartMeasure = async (place, name, { starts }) => {
  const times: number[] = [];
  for (let i = 0; i < (name === "millrace" ? starts : Math.min(starts, 3)); i++) {
    const server = await place.start(name);
    times.push(server.startedMs);
    await server.stop();
  }
  return { p50Ms: quantile(times, 0.5), mostMs: quantile(times, 1), starts: times.length };
};

/** The same load on each: four seconds of eight writers, searches, a page of 1,000 runs, a history where there is one. */
export const memory: StartMeasure = async (place, name, sizes, known) => {
  const server = await place.start(name);
  try {
    const requests = await openRequests(server.port);
    await pause(name === "millrace" ? 2_000 : 10_000); // workers are started behind the first answer
    const idle = server.memory();
    const bench = { server, requests, sizes, known };
    const experiment = await ensureRuns(bench);
    await writers({ ...bench, sizes: { ...sizes, writerSeconds: Math.min(4, sizes.writerSeconds) } });
    for (let i = 0; i < 10; i++) await requests.connection.send(filteredSearch(experiment));
    for (let i = 0; i < 2; i++) await requests.connection.send(pageSearch(experiment));
    if (known.history !== undefined) await readHistory(requests.connection, known.history, sizes.historyPoints);
    const after = server.memory();
    requests.connection.close();
    const { rssMb: idleMb, pssMb: idlePssMb, processes } = idle;
    return { idleMb, afterMb: after.rssMb, idlePssMb, afterPssMb: after.pssMb, processes };
  } finally {
    await server.stop();
  }
};

/** The experiment that the searches look into, loaded where it is not there yet. */
async function ensureRuns({ server, requests, sizes, known }: Bench): Promise<string> {
  if (known.runsIn === undefined) {
    const experiment = await createExperiment(requests, "search");
    await loadRuns(server.port, experiment, sizes.runs, server.name === "millrace" ? 8 : 2);
    known.runsIn = experiment;
  }
  return known.runsIn;
}

async function ensureHistory({ requests, sizes, known }: Bench): Promise<string> {
  if (known.history === undefined) {
    const { run_id } = await createRun(requests, await createExperiment(requests, "history"), "history");
    await loadHistory(requests, run_id, sizes.historyPoints);
    known.history = run_id;
  }
  return known.history;
}

/** All points, in the pages that MLflow's client asks for. Gives milliseconds. */
async function readHistory(connection: Connection, run: string, wanted: number): Promise<number> {
  const began = performance.now();
  const bodies: Buffer[] = [];
  for (let token = ""; ;) {
    const query = `run_id=${run}&metric_key=${historyMetric}&max_results=25000${token && `&page_token=${encodeURIComponent(token)}`}`;
    const { body } = await connection.send(requestBytes("GET", `${paths.history}?${query}`));
    bodies.push(body);
    token = /"next_page_token": ?"([^"]+)"/.exec(body.toString("latin1", Math.max(0, body.length - 400)))?.[1] ?? tokenAtFront(body);
    if (token === "") break;
  }
  const ms = performance.now() - began;
  const points = bodies.reduce((sum, body) => sum + ((JSON.parse(body.toString()) as { metrics?: unknown[] }).metrics?.length ?? 0), 0);
  if (points !== wanted) throw new Error(`a history of ${wanted} points came with ${points}`);
  return ms;
}

function tokenAtFront(body: Buffer): string {
  return /"next_page_token": ?"([^"]+)"/.exec(body.toString("latin1", 0, 400))?.[1] ?? "";
}

/** Sends requests one after the other and gives the milliseconds of each. */
async function timed(connection: Connection, request: () => Buffer, { count, warmUp }: { count: number; warmUp: number }): Promise<number[]> {
  for (let i = 0; i < warmUp; i++) await timeOf(connection, request());
  const times: number[] = [];
  const until = performance.now() + slowSeconds * 1_000;
  while (times.length < count && performance.now() < until) times.push(await timeOf(connection, request()));
  return times;
}

async function timeOf(connection: Connection, request: Buffer): Promise<number> {
  const began = performance.now();
  const { status, body } = await connection.send(request);
  const ms = performance.now() - began;
  if (status !== 200) throw new Error(`a request was answered with ${status}: ${body.toString().slice(0, 500)}`);
  return ms;
}

function namesOf(body: Buffer): string[] {
  const { runs = [] } = JSON.parse(body.toString()) as { runs?: { info: { run_name: string } }[] }; // as MLflow's API says
  return runs.map(({ info }) => info.run_name);
}

function summary(times: number[]): Measured {
  return { calls: times.length, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

function quantile(times: number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN);
}

function round(ms: number): number {
  return Number(ms.toPrecision(ms < 10 ? 3 : 4));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
