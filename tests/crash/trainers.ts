/**
 * Programs that train and log, over plain HTTP and MLflow's protocol, while their server is killed. Each says a thing until it is
 * acknowledged, as MLflow's clients do, and keeps a list of what was; `findLosses` compares the lists with what the server has.
 */
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

interface Point {
  value: number;
  timestamp: number;
  step: number;
}

/** What a run has said and was acknowledged. Of thousands of runs it must be small: points are counted, and made again to compare. */
interface LoggedRun {
  id: string;
  name: string;
  /** Makes its values unlike those of other runs. */
  number: number;
  started: number;
  params: Map<string, string>;
  tags: Map<string, string>;
  /** By key, how many points, from step 0 on. */
  metrics: Map<string, number>;
  /** SHA-256 by path. */
  artifacts: Map<string, string>;
  /** Uploads that were not said again after a failure: there whole, or not at all. */
  attempted: Map<string, string>;
  root: string;
  finished: boolean;
}

export interface Training {
  runs: LoggedRun[];
  /** How often a run of a name was asked for without an answer: each may have made one more. */
  unanswered: Map<string, number>;
  experiment: string;
  /** Requests that were acknowledged. */
  acknowledged: number;
  /** Requests that were said again. */
  repeated: number;
}

export interface TrainingOptions {
  address: string;
  trainers: number;
  signal: AbortSignal;
}

/** Resolves when every trainer has brought its last run to an end after the signal. `training` is at work from the start. */
export async function train({ address, trainers, signal }: TrainingOptions): Promise<{ training: Training; ended: Promise<void> }> {
  const training: Training = { runs: [], unanswered: new Map(), experiment: "", acknowledged: 0, repeated: 0 };
  const created = await call(address, "POST", "experiments/create", { name: "trainers" });
  training.experiment = (created as { experiment_id: string }).experiment_id;
  const ended = Promise.all(
    Array.from({ length: trainers }, async (_, trainer) => {
      for (let run = 0; !signal.aborted; run++) await trainOne(address, training, `trainer-${trainer}-run-${run}`, run * trainers + trainer);
    }),
  ).then(() => undefined);
  return { training, ended };
}

async function trainOne(address: string, training: Training, name: string, number: number): Promise<void> {
  /** Says it until it is acknowledged. */
  const say = async (method: string, path: string, body: unknown, onFailure?: () => void): Promise<unknown> => {
    for (;;) {
      try {
        const answer = await call(address, method, path, body);
        training.acknowledged++;
        return answer;
      } catch (error) {
        if (!isPassing(error)) throw error;
        onFailure?.();
        training.repeated++;
        await pause(20 + Math.random() * 100);
      }
    }
  };
  const started = Date.now();
  const begin = { experiment_id: training.experiment, run_name: name, start_time: started };
  const count = () => training.unanswered.set(name, (training.unanswered.get(name) ?? 0) + 1);
  const { run } = (await say("POST", "runs/create", begin, count)) as { run: { info: { run_id: string; artifact_uri: string } } };
  const { run_id: id, artifact_uri: uri } = run.info;
  const root = `${address}/api/2.0/mlflow-artifacts/artifacts/${uri.replace(/^mlflow-artifacts:\/*/, "")}`;
  const logged: LoggedRun = {
    ...{ id, name, number, started, root, params: new Map(), tags: new Map(), metrics: new Map(), artifacts: new Map(), attempted: new Map() },
    finished: false,
  };
  training.runs.push(logged);
  const note = (key: string) => void logged.metrics.set(key, (logged.metrics.get(key) ?? 0) + 1);

  await say("POST", "runs/log-parameter", { run_id: id, key: "rate", value: "0.1" });
  logged.params.set("rate", "0.1");
  const params = Array.from({ length: 10 }, (_, i) => ({ key: `param ${i}`, value: `${name} ${i}` }));
  const tags = [{ key: "purpose", value: "a test" }];
  await say("POST", "runs/log-batch", { run_id: id, params, tags });
  for (const { key, value } of params) logged.params.set(key, value);
  logged.tags.set("purpose", "a test");
  for (let epoch = 0; epoch < 6; epoch++) {
    for (let i = 0; i < 5; i++) {
      await say("POST", "runs/log-metric", { run_id: id, key: "loss", ...pointAt(logged, "loss", epoch * 5 + i) });
      note("loss");
    }
    const metrics = Array.from({ length: 100 }, (_, i) => {
      const key = `metric ${i % 4}`;
      return { key, ...pointAt(logged, key, epoch * 25 + Math.floor(i / 4)) };
    });
    await say("POST", "runs/log-batch", { run_id: id, metrics, tags: [{ key: "epoch", value: String(epoch) }] });
    for (const { key } of metrics) note(key);
    logged.tags.set("epoch", String(epoch));
    const bytes = randomBytes(epoch === 3 && number % 8 === 0 ? 4_000_000 : 20_000);
    const path = `checkpoints/${epoch}.bin`;
    if (epoch % 2 === 1) {
      await upload(`${root}/${path}`, bytes, () => training.repeated++);
      training.acknowledged++;
      logged.artifacts.set(path, sha256(bytes));
    } else {
      logged.attempted.set(path, sha256(bytes));
      await put(`${root}/${path}`, bytes).catch((error: unknown) => {
        if (!isPassing(error)) throw error;
      });
    }
  }
  await say("POST", "runs/update", { run_id: id, status: "FINISHED", end_time: Date.now() });
  logged.finished = true;
}

/** A point of a run's metric, the same whenever it is asked for and unlike any other. */
function pointAt({ number, started }: LoggedRun, key: string, step: number): Point {
  return { value: (number * 1_000_000 + step * 100 + (key.codePointAt(key.length - 1) ?? 0)) / 7, timestamp: started + step, step };
}

/** What was acknowledged and is not there, or is there and was never said; empty when all is well. */
export async function findLosses(address: string, training: Training): Promise<string[]> {
  const losses: string[] = [];
  const found = await allRuns(address, training.experiment);
  const ids = new Set(found.map(({ id }) => id));
  const named = Map.groupBy(found, ({ name }) => name);
  for (const run of training.runs) if (!ids.has(run.id)) losses.push(`${run.name} is gone`);
  for (const [name, those] of named) {
    const most = 1 + (training.unanswered.get(name) ?? 0);
    if (those.length > most) losses.push(`${name} is there ${those.length} times, and was asked for ${most} times at the most`);
  }
  for (const run of training.runs.filter(({ id }) => ids.has(id))) losses.push(...(await lossesOf(address, run)));
  return losses;
}

/** The losses of one run that is there. */
export async function lossesOf(address: string, run: LoggedRun): Promise<string[]> {
  const losses: string[] = [];
  const missing = (what: string) => void losses.push(`${run.name}: ${what}`);
  type Pairs = { key: string; value: string }[];
  const answer = (await call(address, "GET", `runs/get?run_id=${run.id}`)) as {
    run: { info: { status: string }; data: { params?: Pairs; tags?: Pairs } };
  };
  const { info, data } = answer.run;
  if (run.finished && info.status !== "FINISHED") missing(`its end was acknowledged, and it is ${info.status}`);
  for (const [what, said, there] of [
    ["param", run.params, data.params],
    ["tag", run.tags, data.tags],
  ] as const) {
    const values = new Map((there ?? []).map(({ key, value }) => [key, value]));
    for (const [key, value] of said) if (values.get(key) !== value) missing(`${what} ${key} is ${values.get(key)}, not ${value}`);
  }
  for (const [key, count] of run.metrics) {
    const { metrics = [] } = (await call(address, "GET", `metrics/get-history?run_id=${run.id}&metric_key=${encodeURIComponent(key)}`)) as {
      metrics?: Point[];
    };
    const text = (point: Point) => `${point.step} ${point.timestamp} ${point.value}`;
    const there = metrics.map(text);
    if (new Set(there).size !== there.length) missing(`${key} has points twice`);
    const said = new Set(Array.from({ length: count }, (_, step) => text(pointAt(run, key, step))));
    for (const each of there) if (!said.delete(each)) missing(`${key} has a point that nobody logged: ${each}`);
    for (const each of said) missing(`${key} lost the point ${each}`);
  }
  for (const [path, digest] of run.artifacts) {
    const bytes = await download(`${run.root}/${path}`);
    if (bytes === undefined) missing(`${path} is gone`);
    else if (sha256(bytes) !== digest) missing(`${path} has other bytes`);
  }
  for (const [path, digest] of run.attempted) {
    const bytes = await download(`${run.root}/${path}`);
    if (bytes !== undefined && sha256(bytes) !== digest) missing(`${path} is there in part`);
  }
  return losses;
}

async function allRuns(address: string, experiment: string): Promise<{ id: string; name: string }[]> {
  const runs: { id: string; name: string }[] = [];
  for (let token: string | undefined; ;) {
    const page = (await call(address, "POST", "runs/search", {
      ...{ experiment_ids: [experiment], max_results: 500 },
      ...(token !== undefined && { page_token: token }),
    })) as { runs?: { info: { run_id: string; run_name: string } }[]; next_page_token?: string };
    for (const { info } of page.runs ?? []) runs.push({ id: info.run_id, name: info.run_name });
    token = page.next_page_token;
    if (token === undefined) return runs;
  }
}

/** An answer that is no success. */
class Refused extends Error {
  status: number;
  constructor(status: number, text: string) {
    super(`${status}: ${text}`);
    this.status = status;
  }
}

/** Whether a server that comes back may do it: it could not be reached, went away, or cannot reach its own database. */
function isPassing(error: unknown): boolean {
  return error instanceof Refused ? error.status >= 500 : error instanceof TypeError; // what `fetch` throws for a broken connection
}

async function call(address: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${address}/api/2.0/mlflow/${path}`, {
    method,
    ...(body !== undefined && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Refused(response.status, `${method} ${path}: ${text}`);
  return JSON.parse(text);
}

async function upload(url: string, bytes: Uint8Array<ArrayBuffer>, onFailure: () => void): Promise<void> {
  for (;;) {
    try {
      await put(url, bytes);
      return;
    } catch (error) {
      if (!isPassing(error)) throw error;
      onFailure();
      await pause(20 + Math.random() * 100);
    }
  }
}

async function put(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const response = await fetch(url, { method: "PUT", body: bytes });
  const text = await response.text();
  if (!response.ok) throw new Refused(response.status, `PUT ${url}: ${text}`);
}

/** Undefined where there is no such artifact. */
async function download(url: string): Promise<Uint8Array | undefined> {
  const response = await fetch(url);
  const bytes = await response.bytes();
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Refused(response.status, `GET ${url}`);
  return bytes;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
