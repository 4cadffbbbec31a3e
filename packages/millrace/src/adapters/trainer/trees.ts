/**
 * The built-in trainer: histogram gradient boosting in the manner of LightGBM (Ke et al. 2017), leaf-wise, with categorical splits, missing
 * directions and monotone constraints, in worker threads over shared memory. The result depends on data, parameters and seed alone, not on the threads.
 *
 * Budget: 1,000,000 rows × 15 columns, 100 trees of 31 leaves within LightGBM's time on as many threads; benchmark `bench/trees`.
 */
import { setImmediate } from "node:timers/promises";
import { AppError } from "#kit/app-error";
import { compileWasm, sharedWasmMemory } from "#kit/webassembly";
import type { FeatureColumn, FitRequest, FittedModel, LabelledTable, Trainer } from "#ports/trainer";
import { binCount, type ColumnBins } from "./trees-bins.ts";
import { checkParams, checkTables } from "./trees-check.ts";
import { startCrew, type Crew } from "./trees-crew.ts";
import { assembleKernels } from "./trees-kernels.ts";
import { planLayout, stagingRows, viewsOf, type Layout, type Views } from "./trees-layout.ts";
import type { Trained } from "./trees-messages.ts";
import { treesParams, type TreesParams } from "./trees-params.ts";
import { mix } from "./trees-random.ts";
import { mostThreads } from "./trees-share.ts";

export const treesTrainer: Trainer = { name: "trees", version: 1, params: treesParams, fit };

export const adapter = treesTrainer;

/** Rows that the bins are made from, as LightGBM's `bin_construct_sample_cnt`. */
const sampleRows = 200_000;
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
  const memory = sharedWasmMemory(layout.pages);
  const kernels = await compileWasm(assembleKernels(layout, params.objective));
  const monotone = Int8Array.from(train.features, ({ name }) => params.monotone[name] ?? 0);
  const views = viewsOf(memory.buffer);
  writeThresholds(layout, views, columns);
  const everyone = [...Array(crew.size).keys()];
  await Promise.all(
    everyone.map((thread) => crew.ask(thread, { kind: "setup", setup: { layout, params, columns, monotone, memory, kernels, thread } })),
  );
  await cutRows(layout, views, crew, [{ table: train, start: 0 }, ...(valid ? [{ table: valid, start: layout.validStart }] : [])]);
  const base = startingScore(train, params);
  const largestWeight = writeTargets(layout, views, train, 0, base, params);
  if (valid) writeTargets(layout, views, valid, layout.validStart, base, params);
  const [leader, ...helpers] = everyone;
  const trained = crew.ask(leader ?? 0, {
    kind: "train",
    seed,
    base,
    largestWeight,
    validWeight: valid?.weight ? sumOf(valid.weight) : (valid?.rows ?? 0),
    columns: train.features.map((feature) =>
      feature.kind === "category" ? { name: feature.name, kind: feature.kind, levels: feature.levels } : { name: feature.name, kind: feature.kind },
    ),
  });
  const [answer] = await Promise.all([trained, ...helpers.map((thread) => crew.ask(thread, { kind: "help" }))]);
  if (answer.kind !== "trained") throw new AppError("internal", `The training thread answered "${answer.kind}" to a training.`);
  return answer.trained;
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

/** The threads find the bins from a random sample, one row from each of many equal stretches of the table. */
async function findBins(features: FeatureColumn[], rows: number, most: number, seed: number, crew: Crew): Promise<ColumnBins[]> {
  const size = Math.min(rows, sampleRows);
  const chosen = Uint32Array.from({ length: size }, (_, i) => Math.floor(((i + mix(seed >>> 0, i) / 2 ** 32) * rows) / size));
  const pending: Promise<ColumnBins>[] = [];
  for (const [i, feature] of features.entries()) {
    await setImmediate(); // a gather takes a millisecond or two: let others run in between
    const thread = i % crew.size;
    const sample = feature.kind === "number" ? gather(feature.values, Float32Array, chosen) : gather(feature.codes, Int32Array, chosen);
    const request =
      sample instanceof Float32Array
        ? ({ kind: "find bins", sample, most } as const)
        : ({ kind: "find categories", sample, levels: feature.kind === "category" ? feature.levels.length : 0, most } as const);
    pending.push(
      crew.ask(thread, request, [sample.buffer]).then((answer) => {
        if (answer.kind !== "bins") throw new AppError("internal", `The training thread answered "${answer.kind}" to a search for bins.`);
        return answer.bins;
      }),
    );
  }
  return Promise.all(pending);
}

function gather<A extends Float32Array | Int32Array>(
  from: A,
  make: new (length: number) => A & { buffer: ArrayBuffer },
  chosen: Uint32Array,
): A & { buffer: ArrayBuffer } {
  const sample = new make(chosen.length);
  for (let i = 0; i < chosen.length; i++) sample[i] = from[chosen[i] as number] as number; // in range by construction
  return sample;
}

function writeThresholds({ at }: Layout, { float32 }: Views, columns: ColumnBins[]): void {
  columns.forEach((bins, column) => {
    const start = at.thresholds / 4 + column * 256;
    float32.fill(Infinity, start, start + 256);
    if (bins.kind === "number") float32.set(bins.thresholds, start);
  });
}

/** Copies the rows piece by piece into the threads' staging slots, two pieces ahead, and lets them cut the values into bins. */
async function cutRows(layout: Layout, views: Views, crew: Crew, parts: { table: LabelledTable; start: number }[]): Promise<void> {
  const pieces = parts.flatMap(({ table, start }) =>
    Array.from({ length: Math.ceil(table.rows / stagingRows) }, (_, i) => ({
      table,
      start,
      first: i * stagingRows,
      end: Math.min((i + 1) * stagingRows, table.rows),
    })),
  );
  let next = 0;
  const feed = async (thread: number, slot: number): Promise<void> => {
    for (let piece = pieces[next++]; piece; piece = pieces[next++]) {
      const { table, start, first, end } = piece;
      const rows = end - first;
      table.features.forEach((feature, column) => {
        const to = slot / 4 + column * rows;
        if (feature.kind === "number") views.float32.set(feature.values.subarray(first, end), to);
        else views.int32.set(feature.codes.subarray(first, end), to);
      });
      await crew.ask(thread, { kind: "cut", slot, firstRow: start + first, rows });
    }
  };
  const slots = Array.from({ length: crew.size * 2 }, (_, i) => feed(i % crew.size, layout.at.staging + i * layout.slotBytes));
  await Promise.all(slots);
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

/** Writes labels, weights and starting scores; regression works on differences to the starting score. Returns the largest weight. */
function writeTargets(
  { at, weighted }: Layout,
  { float32, float64 }: Views,
  { rows, label, weight }: LabelledTable,
  start: number,
  base: number,
  params: TreesParams,
): number {
  const labels = float32.subarray(at.labels / 4 + start, at.labels / 4 + start + rows);
  labels.set(label);
  if (params.objective === "regression") for (let row = 0; row < rows; row++) labels[row] = (labels[row] as number) - base; // in range
  else float64.fill(base, at.scores / 8 + start, at.scores / 8 + start + rows);
  if (!weighted) return 1;
  if (weight) float32.set(weight, at.weights / 4 + start);
  else float32.fill(1, at.weights / 4 + start, at.weights / 4 + start + rows);
  let largest = 0;
  for (const value of weight ?? [1]) if (value > largest) largest = value;
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
