import { getNamedType, type GraphQLFieldResolver, type GraphQLOutputType, isEnumType, isListType, isNonNullType, isObjectType } from "graphql";
import { AppError } from "#kit/app-error";
import { type AnyRoute, isRawAnswer, type RouteContext } from "#kit/route";
import { artifactRoutes } from "./artifacts.ts";
import type { MlflowServices } from "./endpoint.ts";
import { experimentRoutes } from "./experiments.ts";
import { metricRoutes } from "./metrics.ts";
import { type Fields, missing, texts } from "./request.ts";
import { runRoutes } from "./runs.ts";
import { searchRoutes } from "./search.ts";
import { versionRoutes } from "./versions.ts";

/** Who asks, and what is answered from. One for each request. */
export interface Asker {
  services: MlflowServices;
  context: RouteContext;
  /** Experiments that were asked for already, of which many runs have the same. */
  experiments: Map<string, Promise<Fields>>;
}

/** What answers a root field of the schema. */
export function rootField(name: string): GraphQLFieldResolver<unknown, Asker> {
  const answer = rootFields[name];
  if (answer === undefined) throw new AppError("internal", `Nothing answers the field ${name} of MLflow's GraphQL schema.`);
  return (_source, given, asker) => answer(asker, given);
}

/** Every other field is a value of a REST answer, under its name in Protocol Buffers. What is not set there has its type's zero. */
export const wireField: GraphQLFieldResolver<Fields, Asker> = (source, _given, _asker, { fieldName, returnType }) => {
  const value = source[wireName(fieldName)];
  if (typeof value === "function") return value();
  if (Array.isArray(value)) return inTurns(value);
  if (value === "NaN" && getNamedType(returnType).name === "Float") return null; // GraphQL has no such number
  return value === undefined ? zeroOf(returnType) : value;
};

type RootField = (asker: Asker, given: Fields) => Promise<Fields>;

const searchRuns = restRoute(searchRoutes, "POST", "runs/search");
const searchVersions = restRoute(versionRoutes, "GET", "model-versions/search");
const getExperiment = restRoute(experimentRoutes, "GET", "experiments/get");
const getInterval = restRoute(metricRoutes, "GET", "metrics/get-history-bulk-interval");

const runPage: RootField = async (asker, given) => {
  const { runs, ...page } = await ask(asker, searchRuns, inputOf(given));
  return { ...page, ...(runs !== undefined && { runs: related(asker, runs as WireRun[]) }) }; // as the route writes them
};

const rootFields: Record<string, RootField> = {
  mlflowGetExperiment: answeredBy(getExperiment),
  mlflowGetMetricHistoryBulkInterval: async (asker, given) => {
    const input = inputOf(given);
    return texts(input, "run_ids").length === 0 ? {} : ask(asker, getInterval, input); // a chart without runs is empty
  },
  mlflowGetRun: async (asker, given) => {
    const { run } = await ask(asker, restRoute(runRoutes, "GET", "runs/get"), inputOf(given));
    return { run: related(asker, [run as WireRun])[0] }; // as the route writes it
  },
  mlflowListArtifacts: answeredBy(restRoute(artifactRoutes, "GET", "artifacts/list")),
  mlflowSearchDatasets: answeredBy(restRoute(searchRoutes, "POST", "experiments/search-datasets")),
  mlflowSearchModelVersions: answeredBy(searchVersions),
  mlflowSearchRuns: runPage,
  test: echo,
  testMutation: echo,
};

function answeredBy(route: AnyRoute): RootField {
  return (asker, given) => ask(asker, route, inputOf(given));
}

async function echo(_asker: Asker, given: Fields): Promise<Fields> {
  if (given["inputString"] === undefined) throw missing("inputString");
  return { output: given["inputString"] };
}

function restRoute(routes: AnyRoute[], method: AnyRoute["method"], path: string): AnyRoute {
  const found = routes.find((route) => route.method === method && route.path === `/api/2.0/mlflow/${path}`);
  if (found === undefined) throw new AppError("internal", `MLflow's GraphQL schema is answered by ${method} ${path}, which is not there.`);
  return found;
}

/** Asks a REST route, as its caller would: with what it demands of them. */
async function ask({ services, context }: Pick<Asker, "services" | "context">, route: AnyRoute, fields: Fields): Promise<Fields> {
  const { actor } = context;
  if (route.permission !== "public" && !actor.permissions.has(route.permission))
    throw new AppError("permission_denied", `"${actor.name}" lacks the permission ${route.permission}.`);
  const answer: unknown = await route.handle(services as never, { ...fields, body: nothing, headers: {} }, context); // a route of these services
  if (!isRawAnswer(answer)) return answer as Fields; // handlers answer an object otherwise
  const { body } = answer;
  const bytes = typeof body === "string" || body instanceof Uint8Array ? [body] : body;
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(typeof piece === "string" ? Buffer.from(piece) : piece);
  return JSON.parse(Buffer.concat(pieces).toString("utf8")) as Fields; // a REST answer is a JSON object
}
const nothing = new Uint8Array(0);

/** A field's input under the names of the REST route. */
function inputOf({ input }: Fields): Fields {
  if (input === undefined || input === null) throw missing("input");
  return Object.fromEntries(Object.entries(input).map(([name, value]) => [wireName(name), value]));
}

type WireRun = Fields & { info: { run_id: string; experiment_id: string } };

/** Runs with what they refer to, which is looked up where it is asked for: the versions for all runs of a page at once. */
function related(asker: Asker, runs: WireRun[]): Fields[] {
  let found: Promise<Map<string, Fields[]>> | undefined;
  return runs.map((run) => ({
    ...run,
    experiment: () => experimentOf(asker, run.info.experiment_id),
    model_versions: async () => {
      found ??= versionsOf(
        asker,
        runs.map(({ info }) => info.run_id),
      );
      return (await found).get(run.info.run_id) ?? [];
    },
  }));
}

function experimentOf(asker: Asker, id: string): Promise<Fields> {
  let found = asker.experiments.get(id);
  if (found === undefined) {
    found = ask(asker, getExperiment, { experiment_id: id }).then(({ experiment }) => experiment as Fields); // as the route writes it
    asker.experiments.set(id, found);
  }
  return found;
}

async function versionsOf(asker: Asker, runs: string[]): Promise<Map<string, Fields[]>> {
  const found = new Map<string, Fields[]>();
  for (let i = 0; i < runs.length; i += runsPerSearch) {
    const filter = `run_id IN (${runs.slice(i, i + runsPerSearch).map((run) => `'${run}'`)})`; // ids hold no quotation marks
    for (let token: unknown = ""; token !== undefined;) {
      const page = await ask(asker, searchVersions, { filter, page_token: token });
      for (const version of (page["model_versions"] ?? []) as Fields[]) {
        const run = String(version["run_id"]); // it was found by it
        found.set(run, [...(found.get(run) ?? []), version]);
      }
      token = page["next_page_token"];
    }
  }
  return found;
}
const runsPerSearch = 500;

function wireName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** What a field of Protocol Buffers is that nobody set. Errors are the schema's own: there is none. */
function zeroOf(type: GraphQLOutputType): unknown {
  if (isNonNullType(type)) return zeroOf(type.ofType);
  if (isListType(type)) return [];
  if (isEnumType(type)) return null; // no value has the number zero
  if (isObjectType(type)) return type.name === "ApiError" ? null : {};
  return type.name === "String" ? "" : type.name === "Boolean" ? false : 0;
}

/** The items of a long list come a few at a time, so that other requests have their turn between them. */
function inTurns(items: unknown[]): unknown[] {
  if (items.length <= itemsPerTurn) return items;
  let turn = Promise.resolve();
  return items.map((item, i) => {
    if (i % itemsPerTurn === 0) turn = turn.then(() => new Promise((resolve) => void setImmediate(resolve)));
    return turn.then(() => item);
  });
}
const itemsPerTurn = 25;
