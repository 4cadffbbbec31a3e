/**
 * The built-in trees against LightGBM from PyPI: `node bench/trees/run.ts [--rows 1000000] [--repeats 3]`. Prints a table and writes
 * bench/results/trees.json. Needs Python 3 with `venv`; LightGBM is installed into node_modules/.cache on the first run.
 *
 * Same rows, columns, trees, leaves, bins and threads on both sides, in turn. Both are judged on June, which neither has seen; the
 * flat scorer's and LightGBM's time to score it is measured as well.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { adapter as scorer } from "#adapters/model-adapter/tree-ensemble";
import { treesTrainer } from "#adapters/trainer/trees";
import { packFeatures } from "#ports/trainer";
import { flightTables } from "./table.ts";

const { values: options } = parseArgs({ options: { rows: { type: "string", default: "1000000" }, repeats: { type: "string", default: "3" } } });
const rows = Number(options.rows);
const params = { trees: 100, leaves: 31, learningRate: 0.1, bins: 255 };
const lightGbmParameters = { objective: "binary", num_leaves: params.leaves, learning_rate: params.learningRate, max_bin: params.bins, seed: 1 };

interface Result {
  what: string;
  threads: number;
  /** Binning and growing, from columns in memory (Millrace: thread start and ONNX export included). */
  seconds: number;
  /** Processor time of all threads for the same: less at the mercy of the machine's other work. */
  cpuSeconds: number;
  scoreSeconds: number;
  auc: number;
  logLoss: number;
  peakMbAboveInput?: number;
  longestPauseMs?: number;
}

const cache = fileURLToPath(new URL("../../node_modules/.cache/millrace-bench/", import.meta.url));
const python = await pythonWithLightGbm();
console.log("making the table …");
const { train, test } = await flightTables(rows, 2);
const width = train.features.length;
const testMatrix = packFeatures(test.features, test.rows);
const files = { train: `${cache}train.f32`, label: `${cache}label.f32`, test: `${cache}test.f32`, predictions: `${cache}predictions.f32` };
await writeFile(files.train, bytesOf(packFeatures(train.features, train.rows)));
await writeFile(files.label, bytesOf(train.label));
await writeFile(files.test, bytesOf(testMatrix));

const runs: Result[] = [];
let version = "";
for (let repeat = 0; repeat < Number(options.repeats); repeat++) {
  for (const threads of [1, 2]) {
    runs.push(await millrace(threads));
    runs.push(await lightGbm(threads));
  }
}
const results = [...new Set(runs.map(({ what, threads }) => `${what}/${threads}`))].map((key) =>
  fastestOf(runs.filter((r) => `${r.what}/${r.threads}` === key)),
);
console.table(results);
for (const threads of [1, 2]) {
  const [ours, theirs] = ["Millrace", "LightGBM"].map((what) => results.find((r) => r.what === what && r.threads === threads)!.seconds);
  console.log(`${threads} thread(s): Millrace takes ${(ours! / theirs!).toFixed(2)} × LightGBM's time`);
}
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), node: process.version };
const conditions = `${rows} flights of January to April 2001 × ${width} columns (origin and destination as categories), tested on ${test.rows} of June; ${JSON.stringify(params)}; LightGBM ${version}, ${JSON.stringify(lightGbmParameters)}; both from memory, in turn, the fastest of ${options.repeats}; ${process.env["MILLRACE_BENCH_NOTE"] ?? "machine not otherwise described"}`;
const resultsFolder = new URL("../results/", import.meta.url);
await mkdir(resultsFolder, { recursive: true });
await writeFile(
  new URL("trees.json", resultsFolder),
  JSON.stringify({ date: new Date().toISOString(), machine, conditions, results }, undefined, 2) + "\n",
);

async function millrace(threads: number): Promise<Result> {
  const before = process.memoryUsage().rss;
  let peak = before;
  const sampler = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);
  const pauses = monitorEventLoopDelay({ resolution: 1 });
  pauses.enable();
  const cpu = process.cpuUsage();
  const started = performance.now();
  const model = await treesTrainer.fit({ train, params, seed: 1, threads });
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(cpu);
  pauses.disable();
  clearInterval(sampler);
  const loaded = await scorer.load(model.onnx);
  const predictions = new Float32Array(test.rows);
  const scoring = performance.now();
  loaded.scoreSync!(testMatrix, test.rows, predictions);
  const scoreSeconds = (performance.now() - scoring) / 1000;
  return {
    what: "Millrace",
    threads,
    seconds,
    cpuSeconds: (used.user + used.system) / 1e6,
    scoreSeconds,
    ...quality(predictions, test.label),
    peakMbAboveInput: (peak - before) / 1e6,
    longestPauseMs: pauses.max / 1e6,
  };
}

async function lightGbm(threads: number): Promise<Result> {
  const categories = train.features.flatMap((feature, i) => (feature.kind === "category" ? [i] : []));
  const job = { ...files, columns: width, categories, threads, trees: params.trees, parameters: lightGbmParameters };
  const script = fileURLToPath(new URL("lightgbm_side.py", import.meta.url));
  const run = spawnSync(python, [script], {
    input: JSON.stringify(job),
    encoding: "utf8",
    env: { ...process.env, OMP_NUM_THREADS: String(threads) },
  });
  if (run.status !== 0) throw new Error(`LightGBM failed: ${run.stderr}`);
  const answer: { version: string; bin: number; fit: number; cpu: number; score: number } = JSON.parse(run.stdout);
  version = answer.version;
  const predictions = new Float32Array(new Uint8Array(await readFile(files.predictions)).buffer);
  return {
    what: "LightGBM",
    threads,
    seconds: answer.bin + answer.fit,
    cpuSeconds: answer.cpu,
    scoreSeconds: answer.score,
    ...quality(predictions, test.label),
  };
}

/** Makes a virtual environment with uv and LightGBM once. */
async function pythonWithLightGbm(): Promise<string> {
  await mkdir(cache, { recursive: true });
  const executable = `${cache}venv/bin/python`;
  if (existsSync(executable) && spawnSync(executable, ["-c", "import lightgbm"]).status === 0) return executable;
  execFileSync("python3", ["-m", "venv", `${cache}venv`], { stdio: "inherit" });
  execFileSync(executable, ["-m", "pip", "install", "--quiet", "uv"], { stdio: "inherit" });
  execFileSync(executable, ["-m", "uv", "pip", "install", "--quiet", "--python", executable, "lightgbm==4.7.0", "numpy"], { stdio: "inherit" });
  return executable;
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function quality(predictions: Float32Array, label: Float32Array): { auc: number; logLoss: number } {
  const order = Uint32Array.from(predictions.keys()).sort((a, b) => predictions[a]! - predictions[b]!);
  let positives = 0;
  let ranks = 0; // ties get their mean rank
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end < order.length && predictions[order[end]!] === predictions[order[start]!]) end++;
    for (let i = start; i < end; i++) {
      if (label[order[i]!] !== 1) continue;
      positives++;
      ranks += (start + 1 + end) / 2;
    }
    start = end;
  }
  let loss = 0;
  predictions.forEach((p, i) => (loss -= Math.log(label[i] === 1 ? p : 1 - p)));
  return { auc: (ranks - (positives * (positives + 1)) / 2) / (positives * (label.length - positives)), logLoss: loss / label.length };
}

/** The fastest run of several: what the machine's other work has disturbed least. Memory and pauses are the worst of all. */
function fastestOf(same: Result[]): Result {
  const least = (pick: (result: Result) => number): number => Math.min(...same.map(pick));
  const [first] = same;
  const round = (value: number, digits: number): number => Number(value.toFixed(digits));
  return {
    what: first!.what,
    threads: first!.threads,
    seconds: round(
      least((r) => r.seconds),
      2,
    ),
    cpuSeconds: round(
      least((r) => r.cpuSeconds),
      2,
    ),
    scoreSeconds: round(
      least((r) => r.scoreSeconds),
      2,
    ),
    auc: round(first!.auc, 5),
    logLoss: round(first!.logLoss, 5),
    ...(first!.peakMbAboveInput !== undefined && {
      peakMbAboveInput: Math.round(Math.max(...same.map((r) => r.peakMbAboveInput!))),
      longestPauseMs: round(Math.max(...same.map((r) => r.longestPauseMs!)), 1),
    }),
  };
}
