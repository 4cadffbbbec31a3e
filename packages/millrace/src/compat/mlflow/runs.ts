import { randomBytes } from "node:crypto";
import {
  deleteRun,
  getRun,
  restoreRun,
  type Run,
  type RunDetail,
  type RunStatus,
  startRun,
  type TrackingServices,
  updateRun,
} from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { endpoint, type Handler } from "./endpoint.ts";
import { findById, notActive } from "./experiments.ts";
import { ifThere } from "./if-there.ts";
import { checkLength, checkRunId, cut, limits } from "./limits.ts";
import { madeName } from "./made-names.ts";
import { experimentLocation } from "./places.ts";
import { absent, invalid } from "./protocol.ts";
import { integer, keyValues, needRun, text } from "./request.ts";
import { nameTag, parentTag, wireInfo, wireRun } from "./wire-run.ts";

const create: Handler = async ({ tracking }, fields) => {
  const experiment = text(fields, "experiment_id") || "0";
  const startedMs = integer(fields, "start_time");
  const actor = text(fields, "user_id");
  const given = keyValues(fields, "tags");
  for (const key of Object.keys(given)) checkLength("key", limits.keyLength, key); // any name, unlike those of tags that come later
  const tags = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, cut(value, limits.tagLength)]));
  const name = text(fields, "run_name") || undefined;
  const tagged = tags[nameTag] || undefined;
  if (name !== undefined && tagged !== undefined && name !== tagged) {
    throw invalid(
      `Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='${name}', mlflow.runName='${tagged}').`,
    );
  }
  delete tags[nameTag]; // it is the run's name
  if ((await findById(tracking, experiment)).deletedMs !== undefined) throw notActive(experiment);
  const parent = await knownRun(tracking, tags[parentTag]);
  const commit = tags["mlflow.source.git.commit"];
  const run = await startRun(tracking, {
    id: randomBytes(16).toString("hex"),
    experiment,
    tags,
    source: { commit, branch: tags["mlflow.source.git.branch"], repository: tags["mlflow.source.git.repoURL"], entry: tags["mlflow.source.name"] },
    name: name ?? tagged ?? madeName(),
    ...(parent !== undefined && { parent }),
    ...(actor && { actor }),
    ...(startedMs !== undefined && { startedMs }),
  });
  const { outputs: _none, ...made } = wireRun(run, await experimentLocation(tracking.state, experiment));
  return { run: made };
};

const get: Handler = async ({ tracking }, fields) => {
  const run = await findRun(tracking, needRun(fields));
  return { run: wireRun(run, await experimentLocation(tracking.state, run.experiment)) };
};

const update: Handler = async ({ tracking }, fields) => {
  const id = needRun(fields);
  const status = statusOf(fields["status"]);
  const endedMs = integer(fields, "end_time");
  const name = text(fields, "run_name") || undefined;
  const run = await translated(id, () =>
    updateRun(tracking, {
      run: id,
      ...(status !== undefined && { status }),
      ...((endedMs !== undefined || status !== undefined) && { endedMs: endedMs ?? null }), // who does not say when a run ended, is not answered for
      ...(name !== undefined && { name, tags: { [nameTag]: null } }),
    }),
  );
  return { run_info: wireInfo(run, await experimentLocation(tracking.state, run.experiment)) };
};

const remove: Handler = async ({ tracking }, fields) => {
  const id = needRun(fields);
  await findRun(tracking, id);
  await deleteRun(tracking, { run: id });
  return {};
};

const restore: Handler = async ({ tracking }, fields) => {
  const id = needRun(fields);
  await findRun(tracking, id);
  await restoreRun(tracking, { run: id });
  return {};
};

export const runRoutes = [
  ...endpoint("POST", "runs/create", "project:run", create),
  ...endpoint("GET", "runs/get", "project:read", get),
  ...endpoint("POST", "runs/update", "project:run", update),
  ...endpoint("POST", "runs/delete", "project:run", remove),
  ...endpoint("POST", "runs/restore", "project:run", restore),
];

/** A run by id, deleted or not, with MLflow's words where there is none. */
export async function findRun(tracking: TrackingServices, id: string): Promise<RunDetail> {
  checkRunId(id);
  return translated(id, () => getRun(tracking, id));
}

/** Does something with a run; where it is gone or deleted, MLflow says so in its own words. */
export async function translated<Result>(id: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === "not_found" && error.message.startsWith("There is no run")) throw absent(`Run with id=${id} not found`);
    if (error.code === "conflict" && error.message.endsWith("is deleted."))
      throw invalid(`The run ${id} must be in the 'active' state. Current state is deleted.`);
    throw error;
  }
}

async function knownRun(tracking: TrackingServices, id: string | undefined): Promise<string | undefined> {
  if (id === undefined) return undefined;
  const run: Run | undefined = await ifThere(getRun(tracking, id)); // a tag may say anything
  return run?.id;
}

/** By name or number. */
function statusOf(given: unknown): RunStatus | undefined {
  if (given === undefined || given === null) return undefined;
  const known: [string, number, RunStatus][] = [
    ["RUNNING", 1, "running"],
    ["SCHEDULED", 2, "scheduled"],
    ["FINISHED", 3, "finished"],
    ["FAILED", 4, "failed"],
    ["KILLED", 5, "killed"],
  ];
  const found = known.find(([name, number]) => given === name || given === number);
  if (found === undefined) throw invalid(`Invalid value ${JSON.stringify(given)} for parameter 'status' supplied: it is no status of a run.`);
  return found[2];
}
