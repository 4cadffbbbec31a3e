import {
  createExperiment,
  deleteExperiment,
  deleteRun,
  type Experiment,
  getExperiment,
  listExperiments,
  restoreExperiment,
  restoreRun,
  searchRuns,
  type TrackingServices,
  updateExperiment,
} from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { isId } from "#kit/id";
import type { Database } from "#ports/database";
import { endpoint, type Handler } from "./endpoint.ts";
import { parseFilter, parseOrder } from "./filter.ts";
import { experimentGrammar } from "./grammars.ts";
import { ifThere } from "./if-there.ts";
import { checkKey, checkLength, checkPage, limits } from "./limits.ts";
import { checkLocation } from "./locations.ts";
import { inOrder, matches, pageOf, type Searchable } from "./match.ts";
import { experimentLocation, experimentLocations, saveExperimentLocation } from "./places.ts";
import { absent, invalid, refusal } from "./protocol.ts";
import { type Fields, integer, keyValues, missing, needText, text, texts } from "./request.ts";
import { wireTexts } from "./wire-run.ts";

/** The experiment that clients use when they name none. */
const standard = { id: "0", name: "Default" };
const ensured = new WeakSet<Database>();

/** Makes the standard experiment on the first call, where there is none. */
export async function ensureStandard(tracking: TrackingServices): Promise<void> {
  if (ensured.has(tracking.state)) return;
  await createExperiment(tracking, standard).catch((error: unknown) => {
    if (!(error instanceof AppError && error.code === "conflict")) throw error; // it is there
  });
  ensured.add(tracking.state);
}

const create: Handler = async ({ tracking }, fields) => {
  const name = needText(fields, "name");
  const given = text(fields, "artifact_location");
  const tags = keyValues(fields, "tags");
  checkLength("name", limits.experimentNameLength, name);
  for (const [key, value] of Object.entries(tags)) checkExperimentTag(key, value);
  const location = given && checkLocation(given, "artifact_location");
  await ensureStandard(tracking);
  const { id } = await createExperiment(tracking, { name, tags, numbered: true }).catch(translateTaken(name));
  if (location) await tracking.state.write((transaction) => saveExperimentLocation(transaction, id, location));
  return { experiment_id: id };
};

const get: Handler = async ({ tracking }, fields) => {
  return { experiment: await answer(tracking, await findById(tracking, needText(fields, "experiment_id"))) };
};

const getByName: Handler = async ({ tracking }, fields) => {
  const name = needText(fields, "experiment_name");
  await ensureStandard(tracking);
  const found = await ifThere(getExperiment(tracking, { name }));
  if (found === undefined) throw absent(`Could not find experiment with name '${name}'`);
  return { experiment: await answer(tracking, found) };
};

const update: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "experiment_id");
  const name = needText(fields, "new_name");
  checkLength("name", limits.experimentNameLength, name);
  const { deletedMs } = await findById(tracking, id);
  if (deletedMs !== undefined) throw invalid("Cannot rename a non-active experiment.");
  await updateExperiment(tracking, { id, name }).catch(translateTaken(name));
  return {};
};

/** A deletion takes the runs with it, and a restoration brings them all back, as MLflow has it. */
const remove: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "experiment_id");
  if ((await findById(tracking, id)).deletedMs !== undefined) throw noExperiment(id);
  await deleteExperiment(tracking, { id });
  await eachRun(tracking, id, "active", (run) => deleteRun(tracking, { run }));
  return {};
};

const restore: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "experiment_id");
  if ((await findById(tracking, id)).deletedMs === undefined) throw noExperiment(id);
  await restoreExperiment(tracking, { id });
  await eachRun(tracking, id, "deleted", (run) => restoreRun(tracking, { run }));
  return {};
};

const setTag: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "experiment_id");
  const key = needText(fields, "key");
  const value = text(fields, "value") ?? "";
  checkExperimentTag(key, value);
  if ((await findById(tracking, id)).deletedMs !== undefined) throw notActive(id);
  await updateExperiment(tracking, { id, tags: { [key]: value } });
  return {};
};

const deleteTag: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "experiment_id");
  const key = needText(fields, "key");
  const { deletedMs, tags } = await findById(tracking, id);
  if (deletedMs !== undefined) throw notActive(id);
  if (!Object.hasOwn(tags, key)) throw absent(`No tag with name: ${key} in experiment with id ${id}`);
  await updateExperiment(tracking, { id, tags: { [key]: null } });
  return {};
};

const search: Handler = async ({ tracking }, fields) => {
  const limit = checkPage(integer(fields, "max_results") ?? 0, limits.runsPerPage);
  const clauses = parseFilter(text(fields, "filter"), experimentGrammar);
  const order = texts(fields, "order_by").map((term) => parseOrder(term, experimentGrammar));
  if (order.some(({ entity }) => entity !== "attribute"))
    throw invalid(`Invalid order_by entity: ${order.find(({ entity }) => entity !== "attribute")!.entity}`);
  if (order.length === 0) order.push({ entity: "attribute", key: "creation_time", direction: "desc" });
  order.push({ entity: "attribute", key: "experiment_id", direction: "desc" });
  for (const term of order) if (term.key === "experiment_id") term.key = idOrder;
  await ensureStandard(tracking);
  const found = (await listExperiments(tracking, { view: viewOf(fields, "view_type") })).map(searchable).filter((each) => matches(each, clauses));
  const { page, next } = pageOf(inOrder(found, order), text(fields, "page_token"), limit);
  const locations = await experimentLocations(
    tracking.state,
    page.map(({ experiment }) => experiment.id),
  );
  return {
    ...(page.length > 0 && { experiments: page.map(({ experiment }) => wireExperiment(experiment, locations(experiment.id))) }),
    ...(next !== undefined && { next_page_token: next }),
  };
};

export const experimentRoutes = [
  ...endpoint("POST", "experiments/create", "project:run", create),
  ...endpoint("GET", "experiments/get", "project:read", get),
  ...endpoint("GET", "experiments/get-by-name", "project:read", getByName),
  ...endpoint("POST", "experiments/search", "project:read", search),
  ...endpoint("GET", "experiments/search", "project:read", search),
  ...endpoint("POST", "experiments/update", "project:run", update),
  ...endpoint("POST", "experiments/delete", "project:run", remove),
  ...endpoint("POST", "experiments/restore", "project:run", restore),
  ...endpoint("POST", "experiments/set-experiment-tag", "project:run", setTag),
  ...endpoint("POST", "experiments/delete-experiment-tag", "project:run", deleteTag),
];

export type View = "active" | "deleted" | "all";

/** Which things by their life: the enum's name, or its number as old clients send it in a query. */
export function viewOf(fields: Fields, name: string): View {
  const given = fields[name];
  if (given === undefined || given === null || given === "ACTIVE_ONLY" || given === 1 || given === "1") return "active";
  if (given === "DELETED_ONLY" || given === 2 || given === "2") return "deleted";
  if (given === "ALL" || given === 3 || given === "3") return "all";
  throw invalid(`Invalid value ${JSON.stringify(given)} for parameter '${name}' supplied: it is none of ACTIVE_ONLY, DELETED_ONLY, ALL.`);
}

/** The experiment by id, deleted or not. */
export async function findById(tracking: TrackingServices, id: string): Promise<Experiment> {
  if (id === standard.id) await ensureStandard(tracking);
  return getExperiment(tracking, { id })
    .catch(async (error: unknown) => {
      if (id !== standard.id) throw error;
      ensured.delete(tracking.state); // it was purged since it was made
      await ensureStandard(tracking);
      return getExperiment(tracking, { id });
    })
    .catch((error: unknown) => {
      throw error instanceof AppError && error.code === "not_found" ? noExperiment(id) : error;
    });
}

export function notActive(id: string): AppError {
  return invalid(`The experiment ${id} must be in the 'active' state. Current state is deleted.`);
}

function noExperiment(id: string): AppError {
  if (!isExperimentId(id)) return invalid(`Invalid experiment ID '${id}'. Experiment ID must be a valid integer.`);
  return absent(`No Experiment with id=${id} exists`);
}

/** MLflow numbers experiments; those that were made by other ways have ids of their own. */
function isExperimentId(id: string): boolean {
  return /^-?\d+$/.test(id) || isId(id);
}

/** Refuses what can be no experiment's id, unless there is one of that id. */
export async function checkExperimentIds(tracking: TrackingServices, ids: string[]): Promise<void> {
  for (const id of ids) if (!isExperimentId(id)) await findById(tracking, id);
}

function translateTaken(name: string) {
  return (error: unknown): never => {
    if (!(error instanceof AppError && error.code === "conflict")) throw error;
    const deleted = / exists already, deleted/.test(error.message);
    const hint = deleted ? " It is deleted: restore it, or permanently delete it, to use the name again." : "";
    throw refusal("RESOURCE_ALREADY_EXISTS", `Experiment(name=${name}) already exists.${hint}`);
  };
}

function checkExperimentTag(key: string, value: string): void {
  if (key === "") throw missing("key");
  checkKey(key, "key", "key");
  checkLength("value", limits.experimentTagLength, value);
}

async function eachRun(tracking: TrackingServices, experiment: string, view: View, change: (run: string) => Promise<void>): Promise<void> {
  for (;;) {
    const { runs } = await searchRuns(tracking, { experiments: [experiment], view, limit: 1_000 });
    if (runs.length === 0) return;
    await Promise.all(runs.map(({ id }) => change(id))); // one commit for all of the page
  }
}

async function answer(tracking: TrackingServices, experiment: Experiment): Promise<object> {
  return wireExperiment(experiment, await experimentLocation(tracking.state, experiment.id));
}

function wireExperiment(experiment: Experiment, location: string): object {
  const tags = wireTexts(experiment.tags);
  return {
    experiment_id: experiment.id,
    name: experiment.name,
    artifact_location: location,
    lifecycle_stage: experiment.deletedMs === undefined ? "active" : "deleted",
    last_update_time: experiment.updatedMs,
    creation_time: experiment.createdMs,
    ...(tags.length > 0 && { tags }),
    workspace: "default",
  };
}

/** What experiments are ordered by where their ids are asked for. */
const idOrder = "order of ids";

function searchable(experiment: Experiment): Searchable & { experiment: Experiment } {
  const { id, name, createdMs, updatedMs, tags } = experiment;
  const order = /^\d+$/.test(id) ? id.padStart(20, "0") : id; // as numbers are
  return { experiment, tags, attributes: { name, experiment_id: id, [idOrder]: order, creation_time: createdMs, last_update_time: updatedMs } };
}
