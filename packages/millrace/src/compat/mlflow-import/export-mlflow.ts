import { anyLoggedModel, experimentLocation, loggedModelsAfter, metricsOf, rootPath, runRoot } from "#compat/mlflow";
import { listModels } from "#domains/registry";
import { getRun, listExperiments, runPoints, searchRuns } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { exportFiles, folderFiles, runFiles } from "./export-files.ts";
import { insertExperimentRow, insertLatest, insertLoggedModelRows, insertModelRows, insertPoints, insertRunRows } from "./export-rows.ts";
import { exportTraces } from "./export-traces.ts";
import { checkTarget, type ExportTarget, fileOf, layout, locationOf, type OpenTarget } from "./export-target.ts";
import { type HereServices, modelHere, recordOfExperiment, recordOfLoggedModel, recordOfRun, runDigest } from "./here.ts";
import { createPointsMeter, type PointBatch } from "./points.ts";
import { type ExperimentRecord, recordDigest } from "./records.ts";
import { newReport, orProblem, type TransferReport } from "./report.ts";
import type { MlflowSource } from "./source.ts";
import { verifyExport } from "./verify-export.ts";

/** Runs that share a commit, and points of one run that do. */
const runsAtOnce = 10;
const pointsPerCommit = 20_000;

export interface ExportOptions {
  here: HereServices;
  target: ExportTarget;
  /** Opens what was written, to read it back. */
  openWritten(): Promise<MlflowSource>;
  /** Experiments by name or id; all, and the registered models, unless told. */
  experiments?: string[];
  artifacts: boolean;
  dryRun: boolean;
  signal: AbortSignal;
  progress(line: string): void;
}

export interface ExportContext extends Omit<ExportOptions, "target" | "experiments"> {
  target: OpenTarget;
  report: TransferReport;
  /** Digests of what was written, by kind and id. */
  written: Map<string, string>;
  /** An experiment's id there. */
  idThere: Map<string, string>;
}

/**
 * Fills an empty database of MLflow's with what is here, ids kept, and reads it back to compare. Experiments that MLflow cannot number
 * as they are get a number, and a tag with their id here. Throws as `checkTarget`, and `not_found` for an unknown experiment.
 */
export async function exportMlflow({ experiments: wanted, ...options }: ExportOptions): Promise<TransferReport> {
  const target = await checkTarget(options.target);
  const { here } = options;
  const report = newReport("this project", `${target.origin} (schema ${target.schema.revision})`, options.dryRun);
  const chosen = (await listExperiments(here.tracking, { view: "all" })).filter(
    ({ id, name }) => wanted?.includes(id) !== false || wanted.includes(name),
  );
  const missing = wanted?.find((each) => !chosen.some(({ id, name }) => id === each || name === each));
  if (missing !== undefined) throw new AppError("not_found", `There is no experiment "${missing}".`, { hint: "millrace experiments list" });
  const context: ExportContext = { ...options, target, report, written: new Map(), idThere: numbered(chosen) };
  for (const experiment of chosen) {
    const location = await experimentLocation(here.tracking.state, experiment.id);
    const record = recordOfExperiment(experiment, location);
    report.kinds.experiments.found++;
    if ((await orProblem(report, "experiments", record.id, () => exportExperiment(context, record))) === undefined) continue;
    await exportRuns(context, record);
    await exportLoggedModels(context, record);
    await exportTraces(context, record, isCopied(context, record));
  }
  if (wanted === undefined) await exportModels(context);
  if (!options.dryRun) await verifyExport(await options.openWritten(), report, context.written, options.signal);
  return report;
}

/** MLflow's experiments have integers for ids. `Default` has 0 there. */
function numbered(experiments: { id: string; name: string }[]): Map<string, string> {
  const isNumber = (id: string) => /^(0|[1-9]\d{0,17})$/.test(id);
  let next = experiments.map(({ id }) => (isNumber(id) ? BigInt(id) : 0n)).reduce((a, b) => (a > b ? a : b), 0n);
  const zeroIsFree = !experiments.some(({ id }) => id === "0");
  return new Map(experiments.map(({ id, name }) => [id, isNumber(id) ? id : name === "Default" && zeroIsFree ? "0" : String((next += 1n))] as const));
}

function isCopied({ artifacts }: ExportContext, { location }: ExperimentRecord): boolean {
  return artifacts && rootPath(location) !== undefined;
}

async function exportExperiment(context: ExportContext, record: ExperimentRecord): Promise<true> {
  const { target, report, written, idThere } = context;
  const id = idThere.get(record.id)!; // all are numbered
  const tags = id === record.id ? record.tags : { ...record.tags, "millrace.experiment_id": record.id };
  const location = isCopied(context, record) ? locationOf(target, layout.experiment(id)) : record.location;
  const there = { ...record, id, tags, location };
  report.kinds.experiments.new++;
  if (context.dryRun) return true;
  await target.database.write((transaction) => insertExperimentRow(transaction, there));
  written.set(`experiments ${id}`, recordDigest(there));
  return true;
}

async function exportRuns(context: ExportContext, experiment: ExperimentRecord): Promise<void> {
  const { here, report, signal } = context;
  for (let cursor: string | undefined; ;) {
    signal.throwIfAborted();
    const page = await searchRuns(here.tracking, {
      experiments: [experiment.id],
      view: "all",
      limit: 200,
      orderBy: [{ attribute: "startedMs" }],
      ...(cursor !== undefined && { cursor }),
    });
    report.kinds.runs.found += page.runs.length;
    for (let i = 0; i < page.runs.length; i += runsAtOnce)
      await Promise.all(page.runs.slice(i, i + runsAtOnce).map(({ id }) => orProblem(report, "runs", id, () => exportRun(context, experiment, id))));
    context.progress(`${report.kinds.runs.found} runs, ${report.points} points`);
    cursor = page.nextCursor;
    if (cursor === undefined) return;
  }
}

async function exportRun(context: ExportContext, experiment: ExperimentRecord, id: string): Promise<true> {
  const { here, target, report, written, idThere, dryRun } = context;
  const run = await getRun(here.tracking, id);
  const number = idThere.get(experiment.id)!; // as above
  const record = { ...recordOfRun(run), experiment: number };
  if (!target.schema.loggedModels) Object.assign(record, { modelInputs: [], modelOutputs: [] });
  const path = layout.run(number, id);
  const copied = isCopied(context, experiment);
  report.kinds.runs.new++;
  const meter = createPointsMeter();
  if (!dryRun) {
    const location = copied ? locationOf(target, path) : runRoot(experiment.location, id);
    let waiting: PointBatch[] = [];
    let isFirst = true;
    const flush = async () => {
      const [batches, first] = [waiting, isFirst];
      [waiting, isFirst] = [[], false];
      await target.database.write(async (transaction) => {
        if (first) await insertRunRows(transaction, target.schema, record, location);
        if (first) await insertLatest(transaction, id, run.metrics);
        for (const batch of batches) await insertPoints(transaction, id, batch);
      });
    };
    for await (const { key, points } of runPoints(here.tracking, id)) {
      meter.add(key, points.steps, points.times, points.values, 0, points.count);
      waiting.push({ keys: [key], metrics: new Uint32Array(points.count), ...points });
      if (waiting.reduce((sum, { count }) => sum + count, 0) >= pointsPerCommit) await flush();
    }
    if (isFirst || waiting.length > 0) await flush();
    report.points += meter.result().count;
    written.set(`runs ${id}`, runDigest(record, meter.result()));
  }
  if (copied)
    await exportFiles(here.tracking, report, {
      ...{ id: `run ${id}`, files: runFiles(here.tracking, id), dryRun },
      place: (file) => fileOf(target, `${path}/${file}`),
    });
  return true;
}

async function exportLoggedModels(context: ExportContext, experiment: ExperimentRecord): Promise<void> {
  const { here, target, report, written, idThere, dryRun, signal } = context;
  const number = idThere.get(experiment.id)!; // as above
  const { state } = here.tracking;
  for (let after = ""; ;) {
    signal.throwIfAborted();
    const page = await loggedModelsAfter(state, experiment.id, after, 100);
    const pointsOf = await metricsOf(
      state,
      page.map(({ id }) => id),
    );
    for (const model of page) {
      report.kinds["logged models"].found++;
      await orProblem(report, "logged models", model.id, async () => {
        const path = layout.loggedModel(number, model.id);
        const root = isCopied(context, experiment) ? rootPath(model.location) : undefined;
        if (root !== undefined)
          await exportFiles(here.tracking, report, {
            ...{ id: `logged model ${model.id}`, files: folderFiles(here.tracking, root), dryRun },
            place: (file) => fileOf(target, `${path}/${file}`),
          });
        if (!target.schema.loggedModels)
          throw new AppError("invalid_argument", "MLflow before 3.0 has no logged models.", { hint: "Export for MLflow 3." });
        report.kinds["logged models"].new++;
        if (dryRun) return true;
        const record = { ...recordOfLoggedModel(model, pointsOf.get(model.id)!), experiment: number }; // it was asked for
        await target.database.write((transaction) =>
          insertLoggedModelRows(transaction, record, root === undefined ? model.location : locationOf(target, path)),
        );
        written.set(`logged models ${model.id}`, recordDigest(record));
        return true;
      });
    }
    if (page.length < 100) return;
    after = page.at(-1)!.id;
  }
}

async function exportModels(context: ExportContext): Promise<void> {
  const { here, target, report, written, dryRun, signal } = context;
  for (const { name } of await listModels(here.registry)) {
    signal.throwIfAborted();
    report.kinds.models.found++;
    await orProblem(report, "models", name, async () => {
      const model = await modelHere(here, name);
      if (model === undefined) return undefined; // deleted in this moment
      const { record, locations } = model;
      report.kinds.models.new++;
      report.versions += record.versions.length;
      const there: Record<number, string> = {};
      for (const { version } of record.versions) there[version] = await locationThere(context, `${name}/${version}`, locations[version] ?? "");
      if (dryRun) return true;
      await target.database.write((transaction) => insertModelRows(transaction, record, there));
      written.set(`models ${name}`, recordDigest(record));
      return true;
    });
  }
}

/** Where a version's files are there: with its run or logged model, or by themselves. */
async function locationThere(context: ExportContext, id: string, location: string): Promise<string> {
  const { here, target, idThere, report, dryRun } = context;
  const path = rootPath(location);
  if (path === undefined || !context.artifacts) return location;
  for (const match of `/${path}`.matchAll(/\/([^/]+)\/artifacts(?=\/|$)/g)) {
    const owner = match[1]!;
    const rest = `/${path}`.slice(match.index + match[0].length);
    const run = await getRun(here.tracking, owner).catch(() => undefined); // a name like any other
    if (run !== undefined && idThere.has(run.experiment)) return locationOf(target, `${layout.run(idThere.get(run.experiment)!, owner)}${rest}`);
    const model = run === undefined ? await anyLoggedModel(here.tracking.state, owner) : undefined;
    if (model !== undefined && idThere.has(model.experiment))
      return locationOf(target, `${layout.loggedModel(idThere.get(model.experiment)!, owner)}${rest}`);
  }
  await exportFiles(here.tracking, report, {
    ...{ id: `version ${id}`, files: folderFiles(here.tracking, path), dryRun },
    place: (file) => fileOf(target, `${path}/${file}`),
  });
  return locationOf(target, path);
}
