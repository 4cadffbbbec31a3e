import { treesTrainer } from "#adapters/trainer/trees";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { getRun as getLedgerRun } from "#domains/pipelines";
import { modelBlob, readTraining } from "#domains/quality";
import { resolve } from "#domains/registry";
import { buildTrainingSet, trainedModelSchema } from "#domains/training";
import { AppError } from "#kit/app-error";
import { sha256 } from "#kit/hash";
import type { Services } from "./services.ts";

export interface Reproduction {
  model: string;
  version: number;
  /** The training set, made again from the recorded table versions. */
  trainingSet: { recorded: string; again: string; equal: boolean };
  /** The model file, learnt again from it. */
  file: { recorded: string; again: string; equal: boolean };
  equal: boolean;
  seconds: number;
}

/**
 * Makes a version again from what was recorded of it: the same table versions, rows, features, parameters and seed; then compares
 * the bytes. Nothing of it is taken from a cache. Throws `not_found` when the version or its run is not there.
 */
export async function reproduceVersion(
  services: Services,
  reference: string,
  options: { signal: AbortSignal; onProgress: (text: string) => void },
): Promise<Reproduction> {
  const started = performance.now();
  const version = await resolve(services.registry, reference);
  const { request, model } = await recordedWork(services, version.runId, version.tags["blob"], reference);
  const { lake, blobs, tables, project } = services;
  const threads = project.config.resources.threads;
  tables.clear();
  const scratch = join(project.home, "scratch", `reproduce-${process.pid}`);
  try {
    const set = await buildTrainingSet({ lake, blobs, tables, threads }, request, {
      scratch: () => mkdir(scratch, { recursive: true }).then(() => scratch),
      ...options,
    });
    options.onProgress("learning");
    const { params, seed } = await readTraining(blobs, version);
    const range = ({ from, to }: { from: number; to: number }) => tables.range({ kind: "row_range", set, from, to });
    const fitted = await treesTrainer.fit({
      train: await range(model.train),
      ...(model.valid && { valid: await range(model.valid) }),
      ...{ params, seed, threads, signal: options.signal },
      onProgress: ({ iteration, iterations }) => options.onProgress(`learning, ${Math.round((100 * iteration) / iterations)} %`),
    });
    const trainingSet = compare(model.train.set.blob, set.blob);
    const file = compare(modelBlob(version).split("/").at(-1)!, sha256(fitted.onnx));
    return {
      model: version.model,
      version: version.version,
      trainingSet,
      file,
      equal: trainingSet.equal && file.equal,
      seconds: (performance.now() - started) / 1_000,
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Finds, in the run that made the version, the step that trained it. */
async function recordedWork({ ledger }: Services, runId: string | undefined, blob: string | undefined, reference: string) {
  if (runId === undefined)
    throw new AppError("not_found", `${reference} was not made by a run of this project, so there is nothing to make it again from.`);
  const run = await getLedgerRun(ledger, runId);
  for (const step of run.steps) {
    const parsed = trainedModelSchema.safeParse(step.output);
    if (parsed.success && parsed.data.blob === blob) return { model: parsed.data, request: parsed.data.train.set.request };
  }
  throw new AppError("not_found", `Run ${runId} has no step that trained ${reference}.`);
}

function compare(recorded: string, again: string): { recorded: string; again: string; equal: boolean } {
  return { recorded, again, equal: recorded === again };
}
