import { adoptPoints, adoptRun, type AdoptedRun, type RunInput, type RunOutput, type RunStatus } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { digestOf } from "#kit/hash";
import { pointsHere, runDigest, runHere } from "./here.ts";
import { decide, type ImportContext, mayReplace, newItem } from "./import-context.ts";
import { type Item, itemsOf, saveItems } from "./ledger.ts";
import { createPointsMeter, type PointBatch, type PointsDigest } from "./points.ts";
import { recordDigest, type RunRecord, type SourceRun } from "./records.ts";
import { conflict, orProblem } from "./report.ts";

/** Runs that share a commit; each holds a piece of its points meanwhile. */
const runsAtOnce = 10;

/** Takes the runs of an experiment over with all their points. Gives those that are here now, page by page, for their files to follow. */
export async function* importRuns(context: ImportContext, experiment: string): AsyncGenerator<SourceRun[]> {
  const { here, source, report, signal } = context;
  const { state } = here.tracking;
  for await (const page of source.runs(experiment)) {
    signal.throwIfAborted();
    report.kinds.runs.found += page.length;
    const items = await itemsOf(
      state,
      source.origin,
      "run",
      page.map(({ record }) => record.id),
    );
    const plans = await Promise.all(page.map((run) => orProblem(report, "runs", run.record.id, () => plan(context, run, items.get(run.record.id)))));
    const wanted = plans.filter((each) => each !== undefined);
    const taken = wanted.filter(({ take }) => take);
    if (!context.dryRun) {
      await saveItems(
        state,
        source.origin,
        taken.map(({ run, stamp }) => newItem(context, "run", run.record.id, stamp, null)),
      );
      const done: (Item | undefined)[] = [];
      for (let i = 0; i < taken.length; i += runsAtOnce)
        done.push(
          ...(await Promise.all(
            taken.slice(i, i + runsAtOnce).map((each) => orProblem(report, "runs", each.run.record.id, () => take(context, each))),
          )),
        );
      await saveItems(
        state,
        source.origin,
        [...done, ...wanted.map(({ known }) => known)].filter((item) => item !== undefined),
      );
      const failed = new Set(taken.filter((_, i) => done[i] === undefined).map(({ run }) => run));
      yield wanted.map(({ run }) => run).filter((run) => !failed.has(run));
    } else {
      for (const { isNew } of taken) report.kinds.runs[isNew ? "new" : "updated"]++;
      yield wanted.map(({ run }) => run);
    }
    context.progress(`${report.kinds.runs.found} runs, ${report.points} points`);
  }
}

interface Plan {
  run: SourceRun;
  stamp: string;
  take: boolean;
  isNew: boolean;
  /** Written down where it is here already. */
  known?: Item;
}

async function plan(context: ImportContext, run: SourceRun, item: Item | undefined): Promise<Plan> {
  const { here, report } = context;
  const { record } = run;
  const stamp = digestOf([recordDigest(record), run.pointsStamp]);
  const standing = await runHere(here, record.id);
  const decision = decide(context, item, stamp, standing !== undefined);
  const base = { run, stamp, isNew: standing === undefined };
  if (decision === "take") return { ...base, take: true };
  if (decision === "same") {
    report.kinds.runs.unchanged++;
    return { ...base, take: false };
  }
  const digestHere = runDigest(standing!, await pointsHere(here, record.id)); // there is one to compare with
  const digestThere = runDigest(record, await pointsThere(context, run));
  if (digestHere === digestThere) {
    report.kinds.runs.unchanged++;
    return { ...base, take: false, known: newItem(context, "run", record.id, stamp, digestThere) };
  }
  if (mayReplace(item, digestHere)) return { ...base, take: true };
  throw conflict(
    item === undefined
      ? `Run ${record.id} stands here already, with other content (experiment ${standing!.experiment}, "${standing!.name}").`
      : `Run ${record.id} was changed here and in the source since it was imported.`,
    "Delete one of the two for good, or import the source into a project of its own.",
  );
}

async function pointsThere({ source }: ImportContext, run: SourceRun): Promise<PointsDigest> {
  const meter = createPointsMeter();
  for await (const batch of source.points(run)) meter.addBatch(batch);
  return meter.result();
}

async function take(context: ImportContext, { run, stamp, isNew }: Plan): Promise<Item> {
  const { here, source, report } = context;
  const { record } = run;
  const meter = createPointsMeter();
  let first = true;
  for await (const batch of source.points(run)) {
    checkPoints(record.id, batch);
    meter.addBatch(batch);
    const points = { keys: batch.keys, columns: batch };
    if (first) await adoptRun(here.tracking, adopted(record), points);
    else await adoptPoints(here.tracking, record.id, points);
    first = false;
  }
  if (first) await adoptRun(here.tracking, adopted(record));
  const points = meter.result();
  report.points += points.count;
  report.kinds.runs[isNew ? "new" : "updated"]++;
  return newItem(context, "run", record.id, stamp, runDigest(record, points));
}

function checkPoints(run: string, batch: PointBatch): void {
  for (let i = 0; i < batch.count; i++) {
    if (Number.isSafeInteger(batch.steps[i]) && Number.isSafeInteger(batch.times[i])) continue;
    throw new AppError("invalid_argument", `Metric "${batch.keys[batch.metrics[i]!]}" of run ${run} has a step or time beyond 2^53.`, {
      hint: "Such points cannot be kept exactly; delete them in the source.",
    });
  }
}

const statuses: Record<RunRecord["status"], RunStatus> = {
  ...{ RUNNING: "running", SCHEDULED: "scheduled", FINISHED: "finished", FAILED: "failed", KILLED: "killed" },
};

function adopted(record: RunRecord): AdoptedRun {
  const { tags } = record;
  const parent = tags["mlflow.parentRunId"];
  const commit = tags["mlflow.source.git.commit"];
  return {
    id: record.id,
    experiment: record.experiment,
    name: record.name,
    parent: parent !== undefined && /^[a-zA-Z0-9][\w-]{0,255}$/.test(parent) ? parent : undefined,
    actor: record.user || undefined,
    status: statuses[record.status],
    startedMs: record.startedMs,
    endedMs: record.endedMs ?? undefined,
    deletedMs: record.deletedMs ?? undefined,
    params: record.params,
    tags,
    source: {
      ...{ commit, branch: tags["mlflow.source.git.branch"], repository: tags["mlflow.source.git.repoURL"], entry: tags["mlflow.source.name"] },
      ...{ dirty: undefined, diff: undefined },
    },
    environment: {},
    inputs: inputsOf(record),
    outputs: record.modelOutputs.map(({ model, step }): RunOutput => ({ kind: "model", name: model, facts: { kind: "logged-model", step } })),
    note: "",
  };
}

/** In the form in which the protocol writes them: context apart from other tags, empty texts left out. */
function inputsOf({ datasets, modelInputs }: RunRecord): RunInput[] {
  const inputs = datasets.map(({ name, digest, sourceType, source, schema, profile, tags: { "mlflow.data.context": use, ...tags } }): RunInput => ({
    ...{ name, digest, ...(use !== undefined && { use }) },
    facts: {
      sourceType,
      ...(source !== "" && { source }),
      ...(schema !== "" && { schema }),
      ...(profile !== "" && { profile }),
      ...(Object.keys(tags).length > 0 && { tags }),
    },
  }));
  return [...inputs, ...modelInputs.map((name): RunInput => ({ name, facts: { kind: "logged-model" } }))];
}
