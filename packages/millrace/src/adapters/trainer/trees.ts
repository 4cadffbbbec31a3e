/**
 * The built-in trainer: histogram gradient boosting in the manner of LightGBM (Ke et al. 2017), leaf-wise, with categorical splits, missing
 * directions and monotone constraints, in worker threads over shared memory. The result depends on data, parameters and seed alone, not on the threads.
 *
 * Budget: 1,000,000 rows × 15 columns, 100 trees of 31 leaves within LightGBM's time on as many threads; benchmark `bench/trees`.
 */
import { MessageChannel } from "node:worker_threads";
import { compileWasm } from "#kit/webassembly";
import type { FitRequest, FittedModel, LabelledTable, Trainer } from "#ports/trainer";
import { binCount } from "./trees-bins.ts";
import { checkParams, checkTables } from "./trees-check.ts";
import { startCrew, type Crew } from "./trees-crew.ts";
import { assembleKernels } from "./trees-kernels.ts";
import { expectAnswer, findBins, sendRows } from "./trees-feed.ts";
import { planLayout } from "./trees-layout.ts";
import type { Trained } from "./trees-messages.ts";
import { treesParams, type TreesParams } from "./trees-params.ts";
import { mostThreads } from "./trees-share.ts";

export const treesTrainer: Trainer = { name: "trees", version: 1, params: treesParams, fit };

/** Below this many values a second thread costs more than it brings. */
const valuesPerThread = 100_000;

async function fit(request: FitRequest): Promise<FittedModel> {
  const params = checkParams(request.params);
  checkTables(request, params);
  request.signal?.throwIfAborted();
  const { train } = request;
  const values = train.rows * train.features.length;
  const threads = Math.max(1, Math.min(request.threads, mostThreads, Math.ceil(values / valuesPerThread)));
  const crew = startCrew(threads, (iteration, loss) =>
    request.onProgress?.({ iteration, iterations: params.trees, ...(loss !== undefined && { validation: loss }) }),
  );
  try {
    return modelOf(request, params, await untilAborted(run(request, params, crew), request.signal));
  } finally {
    await crew.close();
  }
}

async function run(request: FitRequest, params: TreesParams, crew: Crew): Promise<Trained> {
  const { train, valid, seed } = request;
  const columns = await findBins(train.features, train.rows, params.bins, seed, crew);
  const layout = planLayout({
    trainRows: train.rows,
    validRows: valid?.rows ?? 0,
    bins: columns.map(binCount),
    leaves: params.leaves,
    threads: crew.size,
    weighted: train.weight !== undefined || valid?.weight !== undefined,
  });
  const kernels = await compileWasm(assembleKernels(layout, params.objective));
  const monotone = Int8Array.from(train.features, ({ name }) => params.monotone[name] ?? 0);
  const base = startingScore(train, params);
  const everyone = [...Array(crew.size).keys()];
  const channels = everyone.slice(1).map(() => new MessageChannel());
  await Promise.all(
    everyone.map((thread) => {
      const ports = thread === 0 ? channels.map(({ port1 }) => port1) : channels.slice(thread - 1, thread).map(({ port2 }) => port2);
      return crew.ask(thread, { kind: "setup", setup: { layout, params, columns, monotone, kernels, thread, base, ports } }, ports);
    }),
  );
  await sendRows(layout, crew, [{ table: train, start: 0 }, ...(valid ? [{ table: valid, start: layout.validStart }] : [])]);
  const training = crew.ask(0, {
    kind: "train",
    seed,
    largestWeight: train.weight ? largestOf(train.weight) : 1,
    validWeight: valid?.weight ? sumOf(valid.weight) : (valid?.rows ?? 0),
    columns: train.features.map((feature) =>
      feature.kind === "category" ? { name: feature.name, kind: feature.kind, levels: feature.levels } : { name: feature.name, kind: feature.kind },
    ),
  });
  const [answer] = await Promise.all([training, ...everyone.slice(1).map((thread) => crew.ask(thread, { kind: "help" }))]);
  return expectAnswer("trained", answer).trained;
}

function modelOf({ train }: FitRequest, params: TreesParams, { onnx, losses, bestIteration, gains }: Trained): FittedModel {
  const metric = params.objective === "binary" ? "valid_logloss" : "valid_rmse";
  return {
    onnx,
    task: params.objective,
    params,
    history: losses.length > 0 ? { [metric]: losses } : {},
    bestIteration,
    importance: Object.fromEntries(train.features.map(({ name }, i) => [name, gains[i] ?? 0])),
  };
}

/** The weighted mean of the labels, as log odds for probabilities. A float32, since the model file holds it as one. */
function startingScore({ label, weight }: LabelledTable, { objective }: TreesParams): number {
  let sum = 0;
  let weights = 0;
  for (let row = 0; row < label.length; row++) {
    const w = weight ? (weight[row] as number) : 1; // in range
    sum += w * (label[row] as number);
    weights += w;
  }
  const mean = sum / weights;
  if (objective === "regression") return Math.fround(mean);
  const bounded = Math.min(1 - 1e-15, Math.max(1e-15, mean)); // weights of 0 can leave one class only
  return Math.fround(Math.log(bounded / (1 - bounded)));
}

function largestOf(values: Float32Array): number {
  let largest = 0;
  for (const value of values) if (value > largest) largest = value;
  return largest;
}

function sumOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** Rejects with the signal's reason as soon as it is aborted; the threads are ended by the caller. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => undefined); // when aborted first, the ended threads reject it later
  }
}
