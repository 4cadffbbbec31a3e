import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import { defineStep, type StepContext } from "#domains/pipelines";
import { getVersion, registerVersion, resolve, setAlias, type ModelVersion, type RegistryServices } from "#domains/registry";
import { artifactKey, logArtifact, logMetrics, logModel, type TrackingServices } from "#domains/tracking";
import {
  objectWriter,
  scoreColumns,
  type RowRange,
  type Signature,
  signatureSchema,
  type TrainedModel,
  type TrainingTable,
  type TrainingTables,
} from "#domains/training";
import { collectBytes } from "#kit/collect-bytes";
import { AppError } from "#kit/app-error";
import { sha256 } from "#kit/hash";
import type { BlobStore } from "#ports/blob-store";
import type { LoadedModel } from "#ports/model-adapter";
import type { Gate } from "./define.ts";
import { evaluateGate, type GateReport } from "./evaluate-gate.ts";
import type { TableProfile } from "./column-profile.ts";
import { evaluateModel, type ModelEvaluation } from "./evaluate-model.ts";
import { profileOf, type TableColumn } from "./profile-columns.ts";
import type { RowModel } from "./test-rows.ts";

export interface RegisterServices {
  registry: RegistryServices;
  tracking: TrackingServices;
  blobs: BlobStore;
  tables: TrainingTables;
  /** Loads a stored model file. */
  loadModel: (blob: string) => Promise<LoadedModel>;
  /** Which versions `<model>@<alias>` were when the run began, so that a step's key can name them. */
  standing: ReadonlyMap<string, { model: string; version: number }>;
  /** Told of every new version, for lineage. */
  onVersion: (version: ModelVersion, model: TrainedModel, context: StepContext) => Promise<void>;
}

export interface RegisterOptions {
  /** Rows that the model has not learnt from. */
  test: RowRange;
  /** What it must pass before it takes the alias. */
  gate: Gate;
  /** The alias it takes when it passes. */
  alias?: string;
  /** A column to slice the evaluation by; the slices of the gate's own checks are evaluated in any case. */
  slices?: string[];
}

export interface Registered {
  kind: "registered";
  model: string;
  version: number;
  digest: string;
  alias: string;
  /** Whether the version took the alias. */
  promoted: boolean;
  /** Version that held the alias before, if any. */
  previous?: number;
  verdict: GateReport["verdict"];
  summary: string;
  metrics: Record<string, number>;
}

/** The verbs that quality adds to `step`. */
export function qualitySteps(services: RegisterServices) {
  return {
    register: defineStep({
      name: "register",
      label: "gate",
      version: 1,
      // The champion is not part of the key: a version is judged once, against the champion of its day.
      key: (name: string, model: TrainedModel, options: RegisterOptions) => ({ name, digest: model.digest, signature: model.signature, ...options }),
      describe: (registered: Registered) => describe(registered),
      run: (context, name: string, model: TrainedModel, options: RegisterOptions) => register(services, context, name, model, options),
    }),

    paramsOf: defineStep({
      name: "paramsOf",
      label: "parameters",
      version: 1,
      key: (reference: string) => ({ reference, version: standing(services, reference).version }),
      describe: (found: ChosenParams) => `those of ${found.model} v${found.version}`,
      run: async (_context, reference: string): Promise<ChosenParams> => {
        const held = standing(services, reference);
        const version = await getVersion(services.registry, held.model, held.version);
        return { model: version.model, version: version.version, params: (await readTraining(services.blobs, version)).params };
      },
    }),
  };
}

/** Parameters that a version was trained with. */
export interface ChosenParams {
  model: string;
  version: number;
  params: Record<string, unknown>;
}

function standing({ standing: versions }: RegisterServices, reference: string): { model: string; version: number } {
  const version = versions.get(reference);
  if (version) return version;
  throw new AppError("not_found", `No version stood as ${reference} when the run began (there were: ${[...versions.keys()].join(", ") || "none"}).`, {
    hint: "Search for parameters instead: trials above 0.",
  });
}

function describe({ model, version, alias, promoted, summary }: Registered): string {
  const [head, ...open] = summary.split("\n");
  if (promoted) return `${head} → ${model}@${alias} is now v${version}`;
  return [`${head}; ${model}@${alias} stays, v${version} is kept for a look`, ...open].join("\n    ");
}

async function register(
  services: RegisterServices,
  context: StepContext,
  name: string,
  model: TrainedModel,
  options: RegisterOptions,
): Promise<Registered> {
  const { registry, tracking, tables } = services;
  const alias = options.alias ?? "champion";
  const rows = await tables.range(options.test);
  context.progress("scoring the test rows");
  const loaded = await services.loadModel(model.blob);
  const scores = await scoreColumns(loaded, model.signature, rows.features, rows.rows, context.signal);
  const champion = await championScores(services, `${name}@${alias}`, rows, context.signal);
  context.progress("judging");
  const columns = testColumns(rows, model.signature);
  const report = await evaluateGate({
    gate: options.gate,
    model: rowModel(loaded, model.signature),
    test: { columns, labels: rows.label, scores },
    ...(champion && { champion: champion.scores }),
    seed: model.seed,
  });
  const evaluation = evaluate(options, model, rows, columns, scores);
  await loaded.close();

  context.progress("registering");
  const version = await store(services, context, name, model, report, evaluation);
  await services.onVersion(version, model, context);
  await logMetrics(tracking, {
    run: context.runId,
    metrics: Object.entries(evaluation.metrics).map(([key, value]) => ({ key: `test_${key}`, value })),
  });
  const promoted = report.verdict === "passed";
  if (promoted) {
    const reason = report.summary.split("\n")[0]!;
    await setAlias(registry, { model: name, alias, version: version.version, actor: `run ${context.runId}`, reason, gate: gateId(report, version) });
  }
  return {
    kind: "registered",
    ...{ model: name, version: version.version, digest: version.digest, alias, promoted },
    ...(champion && champion.version !== version.version && { previous: champion.version }),
    ...{ verdict: report.verdict, summary: report.summary, metrics: evaluation.metrics },
  };
}

async function championScores(
  services: RegisterServices,
  reference: string,
  rows: TrainingTable,
  signal: AbortSignal,
): Promise<{ version: number; scores: Float32Array } | undefined> {
  const holder = await resolve(services.registry, reference).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  });
  if (!holder) return undefined;
  const model = await services.loadModel(modelBlob(holder));
  try {
    return {
      version: holder.version,
      scores: await scoreColumns(model, await readSignature(services.blobs, holder), rows.features, rows.rows, signal),
    };
  } finally {
    await model.close();
  }
}

function evaluate(options: RegisterOptions, model: TrainedModel, rows: TrainingTable, columns: TableColumn[], scores: Float32Array): ModelEvaluation {
  const sliced = new Set([...(options.slices ?? []), ...options.gate.checks.flatMap((check) => (check.kind === "slices" ? [check.column] : []))]);
  return evaluateModel({
    ...{ task: model.signature.task, labels: rows.label, scores, timeMs: rows.time },
    ...(sliced.size > 0 && { slices: { columns: columns.filter((column) => sliced.has(column.name)) } }),
  });
}

/** Writes everything of the version under the run, then makes the version. A retried step finds what it has written. */
async function store(
  services: RegisterServices,
  context: StepContext,
  name: string,
  model: TrainedModel,
  report: GateReport,
  evaluation: ModelEvaluation,
): Promise<ModelVersion> {
  const { registry, tracking, blobs, tables } = services;
  const run = context.runId;
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const onnx = await collectBytes(await blobs.get(model.blob));
  const folder = await logModel(tracking, {
    run,
    format: "onnx",
    signature: {
      inputs: model.signature.inputs.map((input) => ({ name: input.name, type: input.kind === "number" ? "float" : "string" })),
      outputs: [{ name: model.signature.task === "binary" ? "probability" : "value", type: "float" }],
    },
    files: [
      { path: "model.onnx", data: onnx, mediaType: "application/octet-stream" },
      {
        path: "training.json",
        data: json({ trainer: model.trainer, params: model.params, seed: model.seed, bestIteration: model.bestIteration }),
        mediaType: "application/json",
      },
      { path: "signature.json", data: json(model.signature), mediaType: "application/json" },
    ],
  });
  const learnt = await tables.range(model.train);
  const profile = await logArtifact(tracking, {
    run,
    path: "profile.json",
    data: json(await profileAside(learnt.features)),
    mediaType: "application/json",
  });
  const evaluationFile = await logArtifact(tracking, { run, path: "evaluation.json", data: json(evaluation), mediaType: "application/json" });
  return registerVersion(registry, {
    ...{ model: name, runId: run, folder },
    ...(profile.digest !== undefined && { profile: profile.digest }),
    metrics: evaluation.metrics,
    gate: JSON.parse(
      JSON.stringify({ ...report, id: sha256(JSON.stringify([run, folder.digest, report.gate])).slice(0, 26), evaluation: evaluationFile.digest }),
    ) as Record<string, never>, // through JSON: the report holds plain values only
    data: model.train.set.tables,
    tags: { trainer: model.trainer, seed: String(model.seed), blob: model.blob, training_set: model.train.set.blob },
    actor: `run ${run}`,
  });
}

/** A profile of many rows, a column at a time, so that the event loop goes on in between. */
async function profileAside(columns: readonly TableColumn[]): Promise<TableProfile> {
  let whole: TableProfile | undefined;
  for (const column of columns) {
    const part = profileOf([column]);
    whole = { ...part, columns: { ...whole?.columns, ...part.columns } };
    await setImmediate();
  }
  return whole ?? profileOf([]);
}

function gateId(report: GateReport, version: ModelVersion): string {
  return String(version.gate?.["id"] ?? report.gate);
}

/** Where a version's ONNX file is in the blob store. Throws `corrupt_data` for a version without one. */
export function modelBlob(version: ModelVersion): string {
  const file = version.files.find(({ path }) => path === "model.onnx");
  if (!file)
    throw new AppError(
      "unsupported",
      `${version.model}@${version.version} has no model.onnx (it has: ${version.files.map(({ path }) => path).join(", ")}).`,
      { hint: "Convert it to ONNX." },
    );
  return artifactKey(file.digest);
}

const trainingSchema = z.object({
  trainer: z.string(),
  params: z.record(z.string(), z.unknown()),
  seed: z.number().int(),
  bestIteration: z.number().int(),
});

/** How a version was trained. Throws `unsupported` for one that was made elsewhere. */
export async function readTraining(blobs: BlobStore, version: ModelVersion): Promise<z.infer<typeof trainingSchema>> {
  const file = version.files.find(({ path }) => path === "training.json");
  if (!file) throw new AppError("unsupported", `${version.model}@${version.version} does not say how it was trained: it has no training.json.`);
  return trainingSchema.parse(await readJson(blobs, file.digest));
}

async function readJson(blobs: BlobStore, digest: string): Promise<unknown> {
  return JSON.parse((await collectBytes(await blobs.get(artifactKey(digest)))).toString("utf8"));
}

/** Reads what a version wants to be asked with. */
export async function readSignature(blobs: BlobStore, version: ModelVersion): Promise<Signature> {
  const file = version.files.find(({ path }) => path === "signature.json");
  if (!file) throw new AppError("unsupported", `${version.model}@${version.version} does not say which features it takes: it has no signature.json.`);
  const parsed = signatureSchema.safeParse(await readJson(blobs, file.digest));
  if (!parsed.success)
    throw new AppError(
      "corrupt_data",
      `The signature of ${version.model}@${version.version} cannot be read: ${parsed.error.issues[0]?.message ?? "unknown"}.`,
    );
  return parsed.data;
}

function testColumns(rows: TrainingTable, signature: Signature): TableColumn[] {
  return [{ name: signature.id, kind: "number", values: rows.id }, ...rows.features.map((feature): TableColumn => feature)];
}

function rowModel(model: LoadedModel, signature: Signature): RowModel {
  const write = objectWriter(signature);
  return async (rows) => {
    const matrix = new Float32Array(rows.length * model.width);
    rows.forEach((row, i) => write(row, matrix, i * model.width));
    const scores = new Float32Array(rows.length);
    await model.score(matrix, rows.length, scores);
    return scores;
  };
}
