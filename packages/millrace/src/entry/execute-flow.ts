import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { treesTrainer } from "#adapters/trainer/trees";
import { runFlow, type AnyFlow, type RunEvent, type RunResult } from "#domains/pipelines";
import type { Project } from "#domains/project";
import { qualitySteps } from "#domains/quality";
import { versionsHeld } from "#domains/registry";
import { finishRun, logInputs, logMetrics, logParams } from "#domains/tracking";
import { trainingSteps, type PinnedTable, type RunLog } from "#domains/training";
import { modelSchema } from "#domains/transform";
import { AppError } from "#kit/app-error";
import { captureConsole, uncaptured } from "#kit/capture-console";
import { codeVersion } from "#kit/git";
import type { Trainer } from "#ports/trainer";
import { beginTracking, textParams, watchInStores } from "./begin-tracking.ts";
import { loadModelFile } from "./load-model-file.ts";
import { lineageOfRuns } from "./record-lineage.ts";
import type { Services } from "./services.ts";
import type { RunWatch } from "./watch-run.ts";

export interface FlowOptions {
  params?: Record<string, unknown>;
  resume?: string;
  fresh?: boolean;
  cause?: string;
  onEvent?: (event: RunEvent) => void;
  signal?: AbortSignal;
}

const trainers: ReadonlyMap<string, Trainer> = new Map([[treesTrainer.name, treesTrainer]]);

/**
 * Runs a flow of the project on the data as it stands: every SQL model is pinned to its present version, the run is tracked
 * under the id of the ledger's run, and what it makes is recorded in the lineage.
 */
export async function executeFlow(services: Services, flow: AnyFlow, options: FlowOptions = {}): Promise<RunResult<unknown>> {
  const { project, ledger, tables, blobs, lake, warehouse, tracking, registry } = services;
  const pinned = await pinModels(services);
  const runLog = trackedRun(services);
  const lineage = lineageOfRuns(services);
  const steps = {
    ...trainingSteps({
      ...{ lake, blobs, warehouse, tables, trainers, runLog, threads: project.config.resources.threads },
      tableOf: (model) => pinned.get(model) ?? notBuilt(model, pinned),
      onTrainingSet: lineage.onTrainingSet,
    }),
    ...qualitySteps({
      registry,
      tracking,
      blobs,
      tables,
      standing: await versionsHeld(registry),
      async loadModel(blob) {
        await runLog.ready(); // what is registered is written under the run, which a flow from the cache may be ahead of
        return loadModelFile(blobs, blob);
      },
      onVersion: lineage.onVersion,
    }),
  };
  const code = { ...(await codeVersion(project.folder)), digest: sourceDigest(project) };
  let started: Promise<void> = Promise.resolve();
  let watch: RunWatch | undefined;
  const onEvent = (event: RunEvent) => {
    if (event.type === "run-started") {
      started = beginTracking(services, event, flow);
      started.catch(() => undefined); // told by whoever waits for it
      watch = watchInStores(services, event.runId, () => started);
    }
    uncaptured(() => options.onEvent?.(event)); // progress is not what the flow printed
  };
  runLog.ready = () => started;
  let runId: string | undefined;
  try {
    const work = () =>
      runFlow({
        ledger,
        flow,
        steps,
        code,
        params: options.params ?? {},
        ...(options.resume !== undefined && { resume: options.resume }),
        ...(options.fresh && { fresh: true }),
        ...(options.cause !== undefined && { cause: options.cause }),
        ...(options.signal && { signal: options.signal }),
        log: services.log,
        scratchRoot: join(project.home, "scratch"),
        onEvent: (event) => {
          runId = event.runId;
          onEvent(event);
        },
      });
    const result = await captureConsole((bytes) => watch?.console(bytes), work);
    await started;
    await watch?.stop();
    await finishRun(tracking, { run: result.runId, status: "finished" });
    return result;
  } catch (error) {
    await started.catch(() => undefined); // the flow's own error is the one to tell
    await watch?.stop();
    if (runId !== undefined) await finishRun(tracking, { run: runId, status: options.signal?.aborted ? "killed" : "failed" }).catch(() => undefined);
    throw error;
  } finally {
    tables.clear(); // a training set is some hundred megabytes
  }
}

/** The lake's table and version behind every built SQL model. Views have none: their rows are not stored. */
async function pinModels({ lake }: Services): Promise<Map<string, PinnedTable>> {
  const tables = (await lake.tables()).filter((table) => table.startsWith(`${modelSchema}.`));
  const snapshots = await Promise.all(tables.map((table) => lake.snapshot(table)));
  return new Map(snapshots.map(({ table, version }) => [table.slice(modelSchema.length + 1), { table, version }]));
}

function notBuilt(model: string, pinned: ReadonlyMap<string, PinnedTable>): never {
  throw new AppError("not_found", `The SQL model \`${model}\` has no table (these have: ${[...pinned.keys()].join(", ") || "none"}).`, {
    hint: "Build it first (millrace build); a view has no table: give it materialized='table'.",
  });
}

/** Writes what steps measure into the tracked run, once the run is there. */
function trackedRun({ tracking }: Services): RunLog & { ready: () => Promise<void> } {
  const log = {
    ready: () => Promise.resolve(),
    async params(run: string, params: Record<string, unknown>) {
      await log.ready();
      await logParams(tracking, { run, params: textParams(params) });
    },
    async metrics(run: string, points: { key: string; value: number; step: number }[]) {
      await log.ready();
      await logMetrics(tracking, { run, metrics: points });
    },
    async input(run: string, input: PinnedTable & { use: string }) {
      await log.ready();
      await logInputs(tracking, { run, inputs: [{ name: input.table, ...input }] });
    },
  };
  return log;
}

/** Digest over the project's definitions and SQL: what makes two runs the same besides their parameters. */
function sourceDigest(project: Project): string {
  const hash = createHash("sha256");
  const files = globSync([...project.config.include, "models/**/*.sql", "macros/**/*.sql"], { cwd: project.folder }).toSorted();
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(project.folder, file)))
      .update("\0");
  return hash.digest("hex");
}
