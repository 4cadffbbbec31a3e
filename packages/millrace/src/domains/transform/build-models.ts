import { tmpdir } from "node:os";
import { AppError, toAppError } from "#kit/app-error";
import type { Clock } from "#kit/clock";
import type { Lake } from "#domains/lake";
import type { ColumnType, Warehouse } from "#ports/warehouse";
import { decideBuild, type BuildAction } from "./build-decision.ts";
import { prepareModel, singularTestsByModel, testKey, type PreparedModel } from "./build-key.ts";
import { buildModel, testRows } from "./build-model.ts";
import { inputsOf, inputVersion, modelInput, offerRecord, openBuildSession, type BuildSession, type LineageFacts } from "./build-session.ts";
import { modelSchema, type BuildRecord, type BuildStore, type Model, type ProjectGraph, type RecordedColumn, type TestResult } from "./model.ts";
import { standingRecord } from "./recover-build.ts";
import { selectModels } from "./select-models.ts";

export interface BuildOptions {
  graph: ProjectGraph;
  lake: Lake;
  warehouse: Warehouse;
  buildStore: BuildStore;
  clock: Clock;
  /** Columns of sources that may still have no table in the lake, by `schema.table`: read as empty until then. */
  sources?: Record<string, ColumnType[]>;
  /** As `selectModels` reads it; default all. */
  select?: readonly string[];
  /** Build all rows of incremental models anew, and of all others that are selected. */
  fullRefresh?: boolean;
  /** Models built at the same time; default 2. */
  concurrency?: number;
  /** Local folder for rows under test; default the system's. */
  scratchFolder?: string;
  onProgress?: (progress: BuildProgress) => void;
  /** Told of every new version before it counts as built; told again after a crash in between. */
  onLineage?: (facts: LineageFacts) => Promise<void> | void;
  signal?: AbortSignal;
}

export type BuildProgress = { kind: "started"; model: string; action: BuildAction; reason: string } | { kind: "finished"; result: ModelResult };

/** `blocked`: a model that it reads failed, so it was not tried. */
export type BuildStatus = "built" | "tested" | "skipped" | "failed" | "blocked";

export interface ModelResult {
  model: string;
  status: BuildStatus;
  /** Why it was built, skipped or blocked, in words. */
  reason: string;
  materialized: Model["config"]["materialized"];
  /** Only new rows were added. */
  incremental: boolean;
  /** Version that stands now; undefined where nothing does. */
  version: number | undefined;
  /** Rows written; undefined for views and where nothing was. */
  rows: number | undefined;
  columns: RecordedColumn[];
  tests: TestResult[];
  durationMs: number;
  error: AppError | undefined;
}

/**
 * Builds the selected models in dependency order, only what changed, independent ones at the same time. Each result is tested before it
 * is committed to the lake as `models.<name>`. A model that fails keeps its last good version, and those that read it are not tried;
 * the others go on. Resolves with one result a model, in dependency order; `assertBuilt` turns failures into an error.
 */
export async function buildModels(options: BuildOptions): Promise<ModelResult[]> {
  const { graph, onProgress, signal } = options;
  const names = selectModels(graph, options.select);
  const session = await openBuildSession({
    graph,
    lake: options.lake,
    warehouse: options.warehouse,
    buildStore: options.buildStore,
    clock: options.clock,
    scratchFolder: options.scratchFolder ?? tmpdir(),
    sources: options.sources ?? {},
    onLineage: options.onLineage ?? (() => undefined),
  });
  const singular = singularTestsByModel(graph);
  const slots = limiter(Math.max(1, options.concurrency ?? 2));
  const results = new Map<string, Promise<ModelResult>>();
  try {
    for (const name of names) {
      const model = graph.models.get(name)!; // a selection names models of the graph
      const run = async (): Promise<ModelResult> => {
        const tests = singular.get(name) ?? [];
        const parents = [...model.refs, ...model.testRefs, ...tests.flatMap((test) => test.refs)].filter((parent) => parent !== name);
        const before = await Promise.all(parents.map((parent) => results.get(parent)));
        const broken = before.find((result) => result?.status === "failed" || result?.status === "blocked");
        return slots(async () => {
          signal?.throwIfAborted();
          const startedMs = performance.now();
          const result = broken === undefined ? await runModel(session, model, tests, options) : blocked(model, broken.model);
          result.durationMs = performance.now() - startedMs;
          onProgress?.({ kind: "finished", result });
          return result;
        });
      };
      const promise = run();
      promise.catch(() => undefined); // awaited below; an abort must not count as unhandled before that
      results.set(name, promise);
    }
    return await Promise.all(results.values());
  } finally {
    await Promise.allSettled(results.values());
    await session.catalog.close();
  }
}

/** Throws the error of the first model that failed, naming how many others did. */
export function assertBuilt(results: readonly ModelResult[]): void {
  const failed = results.filter((result) => result.error !== undefined);
  const first = failed[0]?.error;
  if (first === undefined) return;
  if (failed.length === 1) throw first;
  const others = failed.slice(1).map((result) => result.model);
  throw new AppError(first.code, `${first.message}\nAlso failed: ${others.join(", ")}.`, {
    ...(first.hint !== undefined && { hint: first.hint }),
    cause: first,
    details: { ...first.details, failed: failed.map((result) => result.model) },
  });
}

async function runModel(session: BuildSession, model: Model, tests: ProjectGraph["tests"], options: BuildOptions): Promise<ModelResult> {
  let record: BuildRecord | undefined;
  try {
    const prepared = prepareModel(session.graph, model, tests);
    record = await standingRecord(session, model.name);
    const inputs = await inputsOf(session, model);
    const testInputs = (await Promise.all(prepared.testRefs.map((name) => modelInput(session, name, model)))).map(inputVersion);
    const facts = { prepared, record, inputs: inputs.map(inputVersion), testInputs, engine: session.engine };
    const lakeVersion = await versionInLake(session, model.name);
    const { action, reason } = decideBuild({ ...facts, lakeVersion, fullRefresh: options.fullRefresh ?? false });
    if (action === "skip") return resultOf(model, record, { status: "skipped", reason });
    options.onProgress?.({ kind: "started", model: model.name, action, reason });
    if (action === "test") return await testAgain(session, prepared, record!, testInputs, reason); // what is only tested stands
    const built = await buildModel(session, prepared, action, record, inputs, testInputs);
    session.records.set(model.name, built.record);
    const incremental = action === "incremental" && !built.rebuilt;
    const why = built.rebuilt ? `${reason}; all rows anew, because its columns changed` : reason;
    return { ...resultOf(model, built.record, { status: "built", reason: why }), incremental, rows: built.rows };
  } catch (thrown) {
    options.signal?.throwIfAborted();
    const error = toAppError(thrown);
    return { ...resultOf(model, record, { status: "failed", reason: error.message.split("\n")[0]! }), error };
  }
}

async function testAgain(
  session: BuildSession,
  prepared: PreparedModel,
  record: BuildRecord,
  testInputs: ReturnType<typeof inputVersion>[],
  reason: string,
): Promise<ModelResult> {
  await offerRecord(session, record);
  const tests = await testRows(session, prepared, record);
  const tested: BuildRecord = { ...record, tests, testKey: testKey(prepared.testsDigest, testInputs) };
  await session.buildStore.putFinished(tested);
  return resultOf(prepared.model, tested, { status: "tested", reason });
}

async function versionInLake(session: BuildSession, name: string): Promise<number | undefined> {
  const table = `${modelSchema}.${name}`;
  return (await session.lake.exists(table)) ? (await session.lake.snapshot(table)).version : undefined;
}

function resultOf(model: Model, record: BuildRecord | undefined, facts: { status: BuildStatus; reason: string }): ModelResult {
  return {
    model: model.name,
    ...facts,
    materialized: model.config.materialized,
    incremental: false,
    version: record?.version,
    rows: undefined,
    columns: record?.columns ?? [],
    tests: record?.tests ?? [],
    durationMs: 0,
    error: undefined,
  };
}

function blocked(model: Model, by: string): ModelResult {
  return resultOf(model, undefined, { status: "blocked", reason: `\`${by}\`, which it reads, was not built` });
}

/** Lets at most so many run at a time, in the order they came. */
function limiter(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
