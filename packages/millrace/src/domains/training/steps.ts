import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { splitByTime, type BoundView, type ColumnOf, type Duration, type TableHandle } from "#domains/features";
import { defineStep, type StepContext } from "#domains/pipelines";
import { AppError } from "#kit/app-error";
import { closestName } from "#kit/close-names";
import { sha256 } from "#kit/hash";
import type { BlobStore } from "#ports/blob-store";
import type { Trainer } from "#ports/trainer";
import type { Warehouse } from "#ports/warehouse";
import { buildTrainingSet, type TrainingSetServices } from "./build-training-set.ts";
import { contentDigest } from "./content-digest.ts";
import type { SearchSpace, TrainerHandle } from "./define.ts";
import type { PinnedTable, RowRange, TrainedModel, TrainingSet, TrainingSetRequest } from "./model.ts";
import { sampleRows, tune, type Trial } from "./tune.ts";

/** What is written down about a run as it goes on. Repeating a call with the same values is harmless. */
export interface RunLog {
  params(runId: string, params: Record<string, unknown>): Promise<void>;
  metrics(runId: string, points: { key: string; value: number; step: number }[]): Promise<void>;
  input(runId: string, input: PinnedTable & { use: string }): Promise<void>;
}

export interface TrainingServices extends TrainingSetServices {
  blobs: BlobStore;
  warehouse: Warehouse;
  trainers: ReadonlyMap<string, Trainer>;
  /** The table behind a SQL model and the version that this run sees. Throws `not_found`. */
  tableOf: (model: string) => PinnedTable;
  runLog: RunLog;
  /** Told of every training set, for lineage. */
  onTrainingSet: (set: TrainingSet, context: StepContext) => Promise<void>;
}

export interface TrainingSetOptions<T extends TableHandle = TableHandle> {
  /** What to learn: a column of 0 and 1, or true and false. */
  label: ColumnOf<T>;
  /** A number that names the row. */
  id: ColumnOf<T>;
  /** The moment the row asks at: it sees nothing that becomes known at or after it. */
  time: ColumnOf<T>;
  /** When the label is known. With `before`, later ones are left out: nobody could have learnt from them. */
  known?: ColumnOf<T>;
  /** Only rows before this date. */
  before?: string;
  /** At most this many rows, drawn evenly. */
  rows?: number;
  seed?: number;
  /** The row's own columns to learn from. */
  columns: readonly ColumnOf<T>[];
  /** Feature views by alias, bound to columns of the row. */
  features: Readonly<Record<string, BoundView>>;
}

export interface TuneOptions {
  train: RowRange;
  trials: number;
  /** Folds of the cross-validation, in time order. */
  folds?: number;
  /** Rows to search on. */
  sample?: number;
  seed?: number;
  /** Parameters that every trial shares. */
  fixed?: Record<string, unknown>;
}

export interface Tuned {
  params: Record<string, unknown>;
  score: number;
  trials: Trial[];
}

type TrainingSetVerb = <T extends TableHandle>(of: T, options: TrainingSetOptions<T>) => Promise<TrainingSet>;

/** The verbs that training adds to `step`. */
export function trainingSteps(services: TrainingServices) {
  return {
    trainingSet: defineStep<[TableHandle, TrainingSetOptions], TrainingSet, TrainingSetVerb>({
      name: "trainingSet",
      label: "training set",
      version: 1,
      key: async (of, options) => ({
        content: await contentDigest(services, requestOf(services, of, options)),
        examples: of.name,
        options: plain(options),
      }),
      intact: async (set) => (await services.blobs.head(set.blob)) !== undefined,
      describe: (set) =>
        `${set.rows.toLocaleString("en-US")} rows × ${set.signature.inputs.length}, as of ${set.tables.map(({ table, version }) => `${table} v${version}`).join(", ")}`,
      run: (context, of, options) => makeTrainingSet(services, context, of, options),
    }),

    splitByTime: defineStep({
      name: "splitByTime",
      label: "split",
      version: 1,
      describe: ({ train, valid, test }: Record<"train" | "valid" | "test", RowRange>) =>
        [train, valid, test].map((range) => (range.to - range.from).toLocaleString("en-US")).join(" + ") + " rows",
      run: async (_context, set: TrainingSet, parts: { valid: Duration; test: Duration; gap?: Duration }) => {
        const { time } = await services.tables.all(set);
        const split = splitByTime({ rows: set.rows, time, endMs: set.lastMs + 1 }, parts);
        const range = ({ from, to }: { from: number; to: number }): RowRange => ({ kind: "row_range", set, from, to });
        return { train: range(split.train), valid: range(split.valid), test: range(split.test) };
      },
    }),

    tune: defineStep({
      name: "tune",
      label: "tune",
      version: 1,
      key: (trainer: TrainerHandle, space: SearchSpace, options: TuneOptions) => ({
        trainer: identityOf(services, trainer),
        space,
        options: plain(options),
      }),
      describe: (tuned: Tuned) =>
        `${tuned.trials.length} trials, best ${Object.entries(tuned.params)
          .map(([name, value]) => `${name}=${value}`)
          .join(" ")}`,
      run: (context, trainer: TrainerHandle, space: SearchSpace, options: TuneOptions) => search(services, context, trainer, space, options),
    }),

    fit: defineStep({
      name: "fit",
      label: "fit",
      version: 1,
      key: (trainer: TrainerHandle, params: Record<string, unknown>, options: { train: RowRange; valid?: RowRange; seed?: number }) => ({
        trainer: identityOf(services, trainer),
        params,
        options: plain(options),
      }),
      intact: async (model: TrainedModel) => (await services.blobs.head(model.blob)) !== undefined,
      describe: (model: TrainedModel) =>
        `${model.trainer}, best iteration ${model.bestIteration}, ${Object.entries(model.metrics)
          .map(([name, value]) => `${name} ${value.toFixed(4)}`)
          .join(", ")}`,
      run: (context, trainer: TrainerHandle, params: Record<string, unknown>, options: { train: RowRange; valid?: RowRange; seed?: number }) =>
        fit(services, context, trainer, params, options),
    }),
  };
}

async function makeTrainingSet(services: TrainingServices, context: StepContext, of: TableHandle, options: TrainingSetOptions): Promise<TrainingSet> {
  const set = await buildTrainingSet(services, requestOf(services, of, options), {
    scratch: () => context.scratch(),
    signal: context.signal,
    onProgress: (text) => context.progress(text),
  });
  for (const table of set.tables) await services.runLog.input(context.runId, { ...table, use: "train" });
  await services.onTrainingSet(set, context);
  return set;
}

/** The call as data, on the tables that this run sees. Throws `invalid_definition` for columns that the model lacks. */
function requestOf(services: TrainingServices, of: TableHandle, options: TrainingSetOptions): TrainingSetRequest {
  const { id, label, time, known = time, columns, features } = options;
  checkColumns(of, "the training set", [id, label, time, known, ...columns]);
  for (const [alias, { view, on }] of Object.entries(features)) checkColumns(of, `feature view ${view.name}, as ${alias},`, on);
  return {
    examples: services.tableOf(of.name),
    ...{ id: options.id, label: options.label, time: options.time, columns: [...options.columns], features: plain(options.features) },
    ...(options.known !== undefined && { known: options.known }),
    ...(options.before !== undefined && { before: options.before }),
    ...(options.rows !== undefined && { rows: options.rows }),
    seed: options.seed ?? 1,
    events: eventTables(services, options.features),
  };
}

function checkColumns(of: TableHandle, taker: string, wanted: readonly string[]): void {
  const names = Object.keys(of.columns);
  const lacking = wanted.find((column) => !names.includes(column));
  if (lacking === undefined) return;
  const closest = closestName(lacking, names);
  throw new AppError(
    "invalid_definition",
    `The SQL model "${of.name}" has no column "${lacking}", which ${taker} takes (it has: ${names.join(", ")}).`,
    {
      hint: closest === undefined ? "Correct the name in the flow, or add the column to the SQL model." : `Did you mean ${closest}?`,
      details: { model: of.name, column: lacking },
    },
  );
}

async function search(
  services: TrainingServices,
  context: StepContext,
  handle: TrainerHandle,
  space: SearchSpace,
  options: TuneOptions,
): Promise<Tuned> {
  if (!(Number.isInteger(options.trials) && options.trials >= 1)) {
    throw new AppError("invalid_argument", `A search over ${Object.keys(space.params).join(", ")} with ${options.trials} trials finds nothing.`, {
      hint: "Ask for at least one trial, or leave the search out.",
    });
  }
  const seed = options.seed ?? 1;
  const rows = await sampleRows(await services.tables.range(options.train), options.sample ?? 100_000, seed);
  const { best, trials } = await tune({
    trainer: trainerOf(services, handle),
    ...{
      space,
      rows,
      seed,
      trials: options.trials,
      folds: options.folds ?? 3,
      threads: services.threads,
      fixed: options.fixed ?? {},
      signal: context.signal,
    },
    onTrial: (done, score) => context.progress(`trial ${done} of ${options.trials}, best log loss ${score.toFixed(4)}`),
  });
  await services.runLog.metrics(
    context.runId,
    trials.map((trial, step) => ({ key: "tune_logloss", value: trial.score, step })),
  );
  return { params: best.params, score: best.score, trials };
}

async function fit(
  services: TrainingServices,
  context: StepContext,
  handle: TrainerHandle,
  params: Record<string, unknown>,
  options: { train: RowRange; valid?: RowRange; seed?: number },
): Promise<TrainedModel> {
  const { tables, blobs, threads } = services;
  const trainer = trainerOf(services, handle);
  const seed = options.seed ?? 1;
  const fitted = await trainer.fit({
    train: await tables.range(options.train),
    ...(options.valid && { valid: await tables.range(options.valid) }),
    ...{ params, seed, threads, signal: context.signal },
    onProgress: ({ iteration, iterations }) => context.progress(iteration / iterations),
  });
  const digest = sha256(fitted.onnx);
  const blob = `trained-models/${digest}.onnx`;
  const path = join(await context.scratch(), "model.onnx");
  await writeFile(path, fitted.onnx);
  await blobs.putFile(blob, path, { ifAbsent: true });
  await services.runLog.params(context.runId, { trainer: trainer.name, seed, ...fitted.params });
  await services.runLog.metrics(
    context.runId,
    Object.entries(fitted.history).flatMap(([key, values]) => values.map((value, step) => ({ key, value, step }))),
  );
  const at = Math.max(fitted.bestIteration - 1, 0);
  return {
    kind: "trained_model",
    ...{ blob, digest, sizeBytes: fitted.onnx.length, trainer: trainer.name, params: fitted.params, seed },
    signature: { ...options.train.set.signature, task: fitted.task },
    bestIteration: fitted.bestIteration,
    importance: fitted.importance,
    metrics: Object.fromEntries(
      Object.entries(fitted.history).flatMap(([key, values]) => (values.length > 0 ? [[key, values[Math.min(at, values.length - 1)]!]] : [])),
    ),
    train: options.train,
    ...(options.valid && { valid: options.valid }),
  };
}

function eventTables(services: TrainingServices, features: Readonly<Record<string, BoundView>>): Record<string, PinnedTable> {
  return Object.fromEntries(Object.values(features).map(({ view }) => [view.from.name, services.tableOf(view.from.name)]));
}

function trainerOf({ trainers }: TrainingServices, { name }: TrainerHandle): Trainer {
  const trainer = trainers.get(name);
  if (trainer) return trainer;
  throw new AppError("not_found", `There is no trainer "${name}" (there are: ${[...trainers.keys()].join(", ")}).`);
}

function identityOf(services: TrainingServices, handle: TrainerHandle): { name: string; version: number } {
  const { name, version } = trainerOf(services, handle);
  return { name, version };
}

/** The data of a definition without its methods, as it is stored and compared. */
function plain<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value; // definitions are JSON but for `at`
}
