import { type Connection, openConnection, requestBytes } from "./connection.ts";

/** Requests of MLflow's REST API, sent on one connection. */
export interface Requests {
  connection: Connection;
  ask<Result>(method: string, path: string, body?: unknown): Promise<Result>;
}

export async function openRequests(port: number): Promise<Requests> {
  const connection = await openConnection(port);
  return {
    connection,
    async ask<Result>(method: string, path: string, body?: unknown) {
      const { status, body: answer } = await connection.send(requestBytes(method, path, body));
      if (status !== 200) throw new Error(`${method} ${path} was answered with ${status}: ${answer.toString().slice(0, 500)}`);
      return JSON.parse(answer.toString()) as Result; // the caller names what MLflow's API says
    },
  };
}

const api = "/api/2.0/mlflow";
export const paths = {
  createExperiment: `${api}/experiments/create`,
  createRun: `${api}/runs/create`,
  logMetric: `${api}/runs/log-metric`,
  logBatch: `${api}/runs/log-batch`,
  search: `${api}/runs/search`,
  history: `${api}/metrics/get-history`,
  interval: "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval",
  artifacts: "/api/2.0/mlflow-artifacts/artifacts",
};

let experiments = 0;

/** A new experiment's id. */
export async function createExperiment({ ask }: Requests, purpose: string): Promise<string> {
  const name = `${purpose} ${process.pid} ${experiments++}`;
  return (await ask<{ experiment_id: string }>("POST", paths.createExperiment, { name })).experiment_id;
}

interface RunInfo {
  run_id: string;
  artifact_uri: string;
}

export async function createRun({ ask }: Requests, experiment: string, name: string, startedMs = Date.now()): Promise<RunInfo> {
  const body = { experiment_id: experiment, run_name: name, start_time: startedMs, tags: [{ key: "mlflow.user", value: "bench" }] };
  return (await ask<{ run: { info: RunInfo } }>("POST", paths.createRun, body)).run.info;
}

/** Values look random and are the same for every server. */
function noise(i: number): number {
  let x = Math.imul(i + 1, 2_654_435_761) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 2_246_822_519) >>> 0;
  return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32;
}

const startedMs = 1_760_000_000_000;
const keys = 20;

/** Runs with 20 metrics and 20 params each, by `writers` at once; tells how many a second. */
export async function loadRuns(port: number, experiment: string, count: number, writers: number): Promise<{ seconds: number }> {
  const began = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      const requests = await openRequests(port);
      for (let i = next++; i < count; i = next++) {
        const { run_id } = await createRun(requests, experiment, `run-${i}`, startedMs + i);
        const metrics = Array.from({ length: keys }, (_, j) => ({ key: `metric_${j}`, value: noise(i * keys + j), timestamp: startedMs, step: 0 }));
        const params = Array.from({ length: keys }, (_, j) => ({ key: `param_${j}`, value: `value ${Math.floor(noise(i * 7 + j) * 2 * (j + 1))}` }));
        await requests.ask("POST", paths.logBatch, { run_id, metrics, params });
      }
      requests.connection.close();
    }),
  );
  return { seconds: (performance.now() - began) / 1_000 };
}

/** About a quarter of the runs match. */
export function filteredSearch(experiment: string): Buffer {
  return requestBytes("POST", paths.search, {
    experiment_ids: [experiment],
    filter: "metrics.metric_0 > 0.5 and params.param_0 = 'value 1'",
    order_by: ["metrics.metric_1 DESC"],
    max_results: 100,
  });
}

export function pageSearch(experiment: string): Buffer {
  return requestBytes("POST", paths.search, { experiment_ids: [experiment], max_results: 1_000 });
}

export const historyMetric = "loss";

/** Points of one metric, 1,000 a call. */
export async function loadHistory({ ask }: Requests, run: string, points: number): Promise<void> {
  for (let first = 0; first < points; first += 1_000) {
    const metrics = Array.from({ length: Math.min(1_000, points - first) }, (_, i) => ({
      key: historyMetric,
      value: noise(first + i),
      timestamp: startedMs + first + i,
      step: first + i,
    }));
    await ask("POST", paths.logBatch, { run_id: run, metrics });
  }
}

/** 1,000 points of 20 metrics. */
export function batchOf(run: string, call: number): Buffer {
  const metrics = Array.from({ length: 1_000 }, (_, i) => ({
    key: `metric_${i % keys}`,
    value: noise(call * 1_000 + i),
    timestamp: startedMs + call,
    step: call * 50 + Math.floor(i / keys),
  }));
  return requestBytes("POST", paths.logBatch, { run_id: run, metrics });
}

export function metricOf(run: string, step: number): Buffer {
  return requestBytes("POST", paths.logMetric, { run_id: run, key: "loss", value: noise(step), timestamp: startedMs + step, step });
}
