import { findRuns, inputsOf, readRuns, type RunFilter, runData, searchRuns, type TrackingServices } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { endpoint, type Handler } from "./endpoint.ts";
import { checkExperimentIds, ensureStandard, viewOf } from "./experiments.ts";
import { type Clause, type OrderField, parseFilter, parseOrder } from "./filter.ts";
import { runGrammar } from "./grammars.ts";
import { checkPage, limits } from "./limits.ts";
import { holds } from "./match.ts";
import { experimentLocations, runRoot } from "./places.ts";
import { invalid } from "./protocol.ts";
import { integer, text, texts, wrongType } from "./request.ts";
import { textAnswer } from "./text-answer.ts";
import { contextTag, loggedModel, nameTag, parentTag, statuses, wireDataset } from "./wire-run.ts";
import { runText } from "./wire-text.ts";

/** Of a page, however long, so many runs are in memory. */
const runsPerRead = 100;
/** And so many make a text: enough that the way of the text costs little, few enough for pieces of one size. */
const runsPerText = 20;

const search: Handler = async ({ tracking }, fields) => {
  const experiments = texts(fields, "experiment_ids");
  const limit = integer(fields, "max_results") ?? 1_000;
  if (limit > limits.runsPerPage) throw wrongType("max_results", limit);
  checkPage(limit, limits.runsPerPage);
  const clauses = parseFilter(text(fields, "filter"), runGrammar);
  const order = texts(fields, "order_by").map((term) => parseOrder(term, runGrammar));
  const orderBy = order.map(orderTerm);
  if (new Set(order.map(({ entity, key }) => `${entity}.${key}`)).size < order.length) throw invalid("`order_by` contains duplicate fields.");
  const view = viewOf(fields, "run_view_type");
  const cursor = text(fields, "page_token") || undefined;
  await ensureStandard(tracking);
  await checkExperimentIds(tracking, experiments);
  const known = experiments.filter((id) => /^[a-zA-Z0-9][\w-]{0,255}$/.test(id));
  if (known.length === 0) return {};
  const locations = await experimentLocations(tracking.state, known);
  const filter = await filterOf(tracking, clauses, known, locations);
  const page = await findRuns(tracking, { experiments: known, filter, orderBy, view, limit, ...(cursor !== undefined && { cursor }) }).catch(
    (error: unknown) => {
      if (error instanceof AppError && error.message.startsWith("The cursor is not one"))
        throw invalid("Invalid page token, could not base64-decode");
      throw error;
    },
  );
  return textAnswer(pageTexts());

  async function* pageTexts(): AsyncGenerator<string> {
    let front = '{"runs":[';
    for (let i = 0; i < page.ids.length; i += runsPerRead) {
      const ids = page.ids.slice(i, i + runsPerRead);
      const data = await runData(tracking, ids);
      const runs = await readRuns(tracking, ids);
      for (let j = 0; j < runs.length; j += runsPerText) {
        const written = runs.slice(j, j + runsPerText).map((run) => runText({ ...run, ...data.get(run.id) }, locations(run.experiment)));
        yield front + written.join(",");
        front = ",";
      }
    }
    const end = [...(front === "," ? ["]"] : []), ...(page.nextCursor === undefined ? [] : [`"next_page_token":${JSON.stringify(page.nextCursor)}`])];
    yield `${front === "," ? "" : "{"}${end.join(",")}}`;
  }
};

/** Datasets that runs of some experiments used, each once with each use. */
const searchDatasets: Handler = async ({ tracking }, fields) => {
  const experiments = texts(fields, "experiment_ids");
  if (experiments.length === 0) throw invalid("SearchDatasets request must specify at least one experiment_id.");
  if (experiments.length > 20)
    throw invalid(`SearchDatasets request cannot specify more than 20 experiment_ids. Received ${experiments.length} experiment_ids.`);
  await checkExperimentIds(tracking, experiments);
  const found = new Map<string, object>();
  for (const { experiment, inputs } of await inputsOf(tracking, experiments)) {
    for (const input of inputs) {
      if (input.facts?.["kind"] === loggedModel) continue;
      const { name, digest } = wireDataset(input) as { name: string; digest: string }; // as it writes them
      const summary = { experiment_id: experiment, name, digest, ...(input.use !== undefined && { context: input.use }) };
      found.set(JSON.stringify(summary), summary);
    }
  }
  return found.size > 0 ? { dataset_summaries: [...found.values()].slice(0, 1_000) } : {};
};

export const searchRoutes = [
  ...endpoint("POST", "runs/search", "project:read", search),
  ...endpoint("POST", "experiments/search-datasets", "project:read", searchDatasets),
];

type Field = { metric: string } | { param: string } | { tag: string } | { attribute: "id" | "name" | "actor" | "status" | "startedMs" | "endedMs" };
const attributes: Record<string, "id" | "name" | "actor" | "status" | "startedMs" | "endedMs"> = {
  run_id: "id",
  run_name: "name",
  "run name": "name",
  "Run name": "name",
  "Run Name": "name",
  user_id: "actor",
  status: "status",
  start_time: "startedMs",
  created: "startedMs",
  Created: "startedMs",
  end_time: "endedMs",
};

function fieldOf({ entity, key }: { entity: string; key: string }): Field {
  if (entity === "metric") return { metric: key };
  if (entity === "parameter") return { param: key };
  if (entity === "tag") return key === nameTag ? { attribute: "name" } : { tag: key };
  return { attribute: attributes[key]! }; // the grammar knows no others
}

function orderTerm(term: OrderField) {
  if (term.entity === "dataset") throw invalid("Runs cannot be ordered by datasets.");
  return { ...fieldOf(term.key === "artifact_uri" ? { entity: "attribute", key: "run_id" } : term), direction: term.direction };
}

/** MLflow's clauses as a filter of runs. */
async function filterOf(
  tracking: TrackingServices,
  clauses: Clause[],
  experiments: string[],
  locations: (experiment: string) => string,
): Promise<RunFilter> {
  const parts: RunFilter[] = [];
  for (const clause of clauses) {
    if (clause.entity === "dataset") parts.push(await datasetFilter(tracking, clause, experiments));
    else if (clause.entity === "attribute" && clause.key === "artifact_uri") parts.push(await rootFilter(tracking, clause, experiments, locations));
    else parts.push(conditionOf(clause));
  }
  return { and: parts };
}

const operators = { LIKE: "like", ILIKE: "ilike", IN: "in", "IS NULL": "missing", "IS NOT NULL": "exists" } as const;

function conditionOf(clause: Clause): RunFilter {
  const { op, value } = clause;
  const field = fieldOf(clause);
  if (op === "NOT IN") return { not: { ...field, op: "in", value: value! } }; // with a list always
  const known = op in operators ? operators[op as keyof typeof operators] : (op as "=");
  if (clause.entity === "tag" && clause.key === nameTag && value === undefined) return { tag: nameTag, op: op === "IS NULL" ? "exists" : "missing" }; // as `tagsOf`
  if ("attribute" in field && field.attribute === "status") return statusCondition(known, String(value));
  const condition: RunFilter = { ...field, op: known, ...(value !== undefined && { value }) };
  // A run's parent is a field of it here; a client may also have set the tag alone.
  return "tag" in field && field.tag === parentTag && op === "=" ? { or: [condition, { attribute: "parent", op: "=", value: value! }] } : condition;
}

/** Statuses are words in capitals there: of theirs, those that the clause lets through. */
function statusCondition(op: "=" | "like" | "ilike" | "in" | "missing" | "exists", value: string): RunFilter {
  const clause: Clause = { entity: "attribute", key: "status", op: op === "like" ? "LIKE" : op === "ilike" ? "ILIKE" : (op as "="), value };
  return { attribute: "status", op: "in", value: Object.entries(statuses).flatMap(([status, name]) => (holds(clause, name) ? [status] : [])) };
}

async function datasetFilter(tracking: TrackingServices, clause: Clause, experiments: string[]): Promise<RunFilter> {
  const matching = (await inputsOf(tracking, experiments)).filter(({ inputs }) =>
    inputs.some((input) => input.facts?.["kind"] !== loggedModel && holds(clause, datasetField(input, clause.key))),
  );
  return { attribute: "id", op: "in", value: matching.map(({ run }) => run) };
}

function datasetField(input: Parameters<typeof wireDataset>[0], key: string): string | undefined {
  if (key === "context") return input.use ?? (input.facts?.["tags"] as Record<string, string> | undefined)?.[contextTag];
  return (wireDataset(input) as Record<string, string>)[key]; // name or digest
}

/** Roots are made from ids, so the clause is asked of every run's. */
async function rootFilter(
  tracking: TrackingServices,
  clause: Clause,
  experiments: string[],
  locations: (experiment: string) => string,
): Promise<RunFilter> {
  const ids: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await searchRuns(tracking, { experiments, view: "all", limit: 10_000, ...(cursor !== undefined && { cursor }) });
    for (const run of page.runs) if (holds(clause, runRoot(locations(run.experiment), run.id))) ids.push(run.id);
    if (page.nextCursor === undefined) return { attribute: "id", op: "in", value: ids };
    cursor = page.nextCursor;
  }
}
