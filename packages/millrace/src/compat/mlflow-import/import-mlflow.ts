import { AppError } from "#kit/app-error";
import type { ImportContext } from "./import-context.ts";
import { importExperiments, locationHere } from "./import-experiments.ts";
import { importFiles, loggedModelTarget, runTarget } from "./import-files.ts";
import { importLoggedModels } from "./import-logged-models.ts";
import { importModels } from "./import-models.ts";
import { importRuns } from "./import-runs.ts";
import { lastTaken } from "./ledger.ts";
import { importTraces } from "./import-traces.ts";
import type { ExperimentRecord } from "./records.ts";
import { newReport, orProblem, type TransferReport } from "./report.ts";
import { verifyImport } from "./verify.ts";

export interface ImportOptions extends Omit<ImportContext, "report" | "atMs"> {
  /** Experiments by name or id, with their runs and logged models; all, and the registered models, unless told. */
  experiments?: string[];
}

/**
 * Takes a store of MLflow's over, with every id, time, point and file, and compares both sides at the end. May be stopped at any
 * moment and run again: it goes on where it was, takes in what is new in the source, and changes nothing where there is nothing new.
 * Nothing that stands here with other content is overwritten: that is a conflict in the report. Throws `not_found` for an experiment
 * that the source does not have.
 */
export async function importMlflow({ experiments: wanted, ...options }: ImportOptions): Promise<TransferReport> {
  const report = newReport(`${options.source.origin} (${options.source.description})`, "this project", options.dryRun);
  const before = await lastTaken(options.here.tracking.state, options.source.origin);
  const context: ImportContext = { ...options, report, atMs: Math.max(options.clock.now(), before + 1) };
  const experiments = await importExperiments(context, chosen(await context.source.experiments(), wanted));
  for (const experiment of experiments) await importContents(context, experiment);
  if (wanted === undefined) await importModels(context);
  report.leftOut.push(...(await context.source.leftOut()));
  if (wanted !== undefined) report.leftOut.push({ what: "registered models, since experiments were chosen", count: 0 });
  if (!context.dryRun) await verifyImport(context);
  return report;
}

function chosen(experiments: ExperimentRecord[], wanted: string[] | undefined): ExperimentRecord[] {
  if (wanted === undefined) return experiments;
  const missing = wanted.find((each) => !experiments.some(({ id, name }) => id === each || name === each));
  if (missing !== undefined) {
    throw new AppError("not_found", `The source has no experiment "${missing}".`, {
      hint: `It has: ${experiments
        .slice(0, 20)
        .map(({ name }) => name)
        .join(", ")}.`,
    });
  }
  return experiments.filter(({ id, name }) => wanted.includes(id) || wanted.includes(name));
}

async function importContents(context: ImportContext, experiment: ExperimentRecord): Promise<void> {
  const owned: { kind: "run" | "logged model"; id: string; location: string }[] = [];
  const isCopied = locationHere(context, experiment) !== experiment.location || experiment.location.startsWith("mlflow-artifacts:");
  for await (const runs of importRuns(context, experiment.id)) {
    for (const { record, location } of runs) owned.push({ kind: "run", id: record.id, location });
    await copyAll();
  }
  for await (const models of importLoggedModels(context, experiment.id)) {
    for (const { record, location } of models) owned.push({ kind: "logged model", id: record.id, location });
    await copyAll();
  }

  await importTraces(context, experiment.id);

  /** The files of a page follow it, so that no more than a page is ever held. */
  async function copyAll(): Promise<void> {
    for (const owner of owned.splice(0))
      await orProblem(context.report, "files", `${owner.kind} ${owner.id}`, () =>
        importFiles(context, owner, () => (isCopied ? (owner.kind === "run" ? runTarget : loggedModelTarget)(context, owner.id) : none())),
      );
  }
}

async function none(): Promise<undefined> {
  return undefined;
}
