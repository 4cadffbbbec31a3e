import type { Handler } from "./endpoint.ts";
import { checkExperimentIds } from "./experiments.ts";
import { type Clause, parseFilter } from "./filter.ts";
import { loggedModelGrammar } from "./grammars.ts";
import { metricsOf, type ModelMetric } from "./logged-model-metrics.ts";
import { type LoggedModel, loggedModelsOf } from "./logged-model-reads.ts";
import { holds, inOrder, matches, pageOf, type Searchable } from "./match.ts";
import { invalid } from "./protocol.ts";
import { type Fields, integer, missing, needText, objects, text, texts, truth } from "./request.ts";
import { loggedStatuses, wireLoggedModel } from "./wire-logged-model.ts";

interface DatasetFilter {
  name: string | undefined;
  digest: string | undefined;
}

interface Found extends Searchable {
  model: LoggedModel;
  points: ModelMetric[];
}

export const searchLoggedModels: Handler = async ({ tracking }, fields) => {
  if (fields["experiment_ids"] === undefined || fields["experiment_ids"] === null) throw missing("experiment_ids");
  const experiments = texts(fields, "experiment_ids");
  const limit = integer(fields, "max_results") ?? 100;
  if (limit < 1) throw invalid(`Invalid value ${limit} for parameter 'max_results' supplied. It must be a positive integer`);
  const filter = text(fields, "filter");
  const clauses = parseFilter(filter, loggedModelGrammar);
  const datasets = objects(fields, "datasets").map((dataset): DatasetFilter => ({
    name: needText(dataset, "dataset_name"),
    digest: text(dataset, "dataset_digest") || undefined,
  }));
  const orders = objects(fields, "order_by").map(orderOf);
  await checkExperimentIds(tracking, experiments);
  const models = await loggedModelsOf(tracking.state, experiments);
  const metrics = await metricsOf(
    tracking.state,
    models.map(({ id }) => id),
  );
  const found = models.map((model) => searchable(model, metrics.get(model.id)!, orders)).filter((each) => matchesModel(each, clauses, datasets));
  const order = [
    ...orders.map(({ descending }, i) => ({
      entity: "attribute" as const,
      key: `order ${i}`,
      direction: descending ? ("desc" as const) : ("asc" as const),
    })),
    { entity: "attribute" as const, key: "creation_timestamp", direction: "desc" as const },
    { entity: "attribute" as const, key: "model_id", direction: "asc" as const },
  ];
  const asked: Asked = { experiments, filter: filter || null, orders };
  const { page, next } = pageOf(inOrder(found, order), positionIn(text(fields, "page_token"), asked), limit);
  return {
    ...(page.length > 0 && { models: page.map(({ model, points }) => wireLoggedModel(model, points)) }),
    ...(next !== undefined && { next_page_token: Buffer.from(JSON.stringify({ ...asked, next })).toString("base64url") }),
  };
};

/** What a search asks for; a token goes on with the search that it came from only. */
interface Asked {
  experiments: string[];
  filter: string | null;
  orders: Order[];
}

/** The position that a page's token tells of. Throws for a token of another search. */
function positionIn(token: string | undefined, asked: Asked): string | undefined {
  if (!token) return undefined;
  let given: Partial<Asked> & { next?: unknown };
  try {
    given = JSON.parse(Buffer.from(token, "base64url").toString()) as typeof given; // looked at below, field by field
  } catch {
    throw invalid("Invalid page token, could not base64-decode");
  }
  const differs = (name: keyof Asked) => JSON.stringify(given?.[name]) !== JSON.stringify(asked[name]);
  const told = (name: keyof Asked) => `Expected: ${JSON.stringify(asked[name])}. Found: ${JSON.stringify(given?.[name])}`;
  if (differs("experiments")) throw invalid(`Experiment IDs in the page token do not match the requested experiment IDs. ${told("experiments")}`);
  if (differs("orders")) throw invalid(`Order by in the page token does not match the requested order by. ${told("orders")}`);
  if (differs("filter")) throw invalid(`Filter string in the page token does not match the requested filter string. ${told("filter")}`);
  return String(given.next);
}

interface Order {
  field: string;
  descending: boolean;
  dataset: DatasetFilter | undefined;
}

function orderOf(given: Fields): Order {
  const field = needText(given, "field_name").trim();
  const name = text(given, "dataset_name") || undefined;
  const digest = text(given, "dataset_digest") || undefined;
  if (field.includes(".") ? !field.startsWith("metrics.") : !Object.hasOwn(loggedModelGrammar.attributes, field))
    throw invalid(`Invalid order by field name: ${field}`);
  return {
    field,
    descending: !(truth(given, "ascending") ?? true),
    dataset: name === undefined && digest === undefined ? undefined : { name, digest },
  };
}

/** Without a clause on metrics, datasets ask for models with any metric on one; with one, for a metric on them that it holds of. */
function matchesModel(found: Found, clauses: Clause[], datasets: DatasetFilter[]): boolean {
  const points = datasets.length === 0 ? found.points : found.points.filter((point) => datasets.some((dataset) => isOn(point, dataset)));
  const onMetrics = clauses.filter(({ entity }) => entity === "metric");
  if (datasets.length > 0 && onMetrics.length === 0 && points.length === 0) return false;
  if (!onMetrics.every((clause) => points.some((point) => point.metric === clause.key && holds(clause, point.value)))) return false;
  return matches(
    found,
    clauses.filter((clause) => !onMetrics.includes(clause)),
  );
}

function isOn(point: ModelMetric, { name, digest }: DatasetFilter): boolean {
  return (name === undefined || point.dataset_name === name) && (digest === undefined || point.dataset_digest === digest);
}

function searchable(model: LoggedModel, points: ModelMetric[], orders: Order[]): Found {
  const { id, name, type, status, sourceRun, createdMs, updatedMs, tags, params } = model;
  const attributes: Searchable["attributes"] = {
    name,
    model_id: id,
    model_type: type,
    status: loggedStatuses[status],
    source_run_id: sourceRun,
    creation_timestamp: createdMs,
    creation_time: createdMs,
    last_updated_timestamp: updatedMs,
    last_updated_time: updatedMs,
  };
  const keys = orders.map(({ field, dataset }) => {
    if (!field.startsWith("metrics.")) return attributes[field];
    const of = points.filter((point) => point.metric === field.slice("metrics.".length) && (dataset === undefined || isOn(point, dataset)));
    return of.at(-1)?.value; // points are in order of time
  });
  return { model, points, tags, params, attributes: { ...attributes, ...Object.fromEntries(keys.map((key, i) => [`order ${i}`, key])) } };
}
