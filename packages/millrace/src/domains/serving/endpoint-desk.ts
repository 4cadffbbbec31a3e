import type { Topic } from "#domains/ingest";
import { AppError } from "#kit/app-error";
import { closestName } from "#kit/close-names";
import { outOf, type Endpoint } from "./define.ts";
import { openEndpoint, type OpenEndpoint } from "./open-endpoint.ts";
import type { PredictionRecord } from "./prediction-record.ts";
import type { ServingServices } from "./services.ts";
import { findEndpointState } from "./store.ts";
import { openTensorEndpoint, type TensorEndpoint } from "./tensor-endpoint.ts";
import { findPrediction, tracePrediction, type PredictionPlace, type PredictionTrace } from "./trace.ts";

/** Where requests find the endpoints of a project. */
export interface EndpointDesk {
  readonly endpoints: readonly Endpoint[];
  readonly topics: readonly Topic[];
  /** The endpoint at work, opened at the first call. Throws `not_found`; `unavailable` while it cannot be opened. */
  answering(name: string): Promise<OpenEndpoint | TensorEndpoint>;
  /** As `answering`, for what only models of Millrace's own can do. Throws `unsupported` for others. */
  open(name: string): Promise<OpenEndpoint>;
  /** Endpoints as they stand, without opening them. */
  describe(name: string): Promise<EndpointDescription>;
  /** A recorded prediction. Throws `not_found`, `invalid_argument`. */
  prediction(id: string): Promise<PredictionRecord>;
  trace(id: string): Promise<PredictionTrace>;
  topic(name: string): Topic;
  readonly stream: ServingServices["stream"];
  /** Asks every open endpoint to look where its alias points. */
  reload(): Promise<void>;
  /** Closes what was opened. */
  close(): Promise<void>;
}

export interface EndpointDescription {
  name: string;
  model: string;
  /** `answering`, `closed` (not opened in this process), or `waiting` for a version it can load. */
  state: "answering" | "closed" | "waiting";
  version: number | null;
  shadow: number | null;
  problem: string | null;
  in: string | null;
  out: string;
  outcomes: string | null;
  /** Events that wait to be taken, by topic. */
  lag: Record<string, number>;
}

export interface DeskOptions {
  endpoints: Endpoint[];
  topics: Topic[];
  /** Opens an endpoint, with whatever watches it; `openEndpoint` unless something else is given. */
  open?: (endpoint: Endpoint) => Promise<OpenEndpoint>;
}

/** Makes the desk of a project's endpoints. Nothing is opened yet. */
export function createEndpointDesk(services: ServingServices, { endpoints, topics, open }: DeskOptions): EndpointDesk {
  const { stream, state } = services;
  const opened = new Map<string, Promise<OpenEndpoint | TensorEndpoint>>();
  const problems = new Map<string, string>();
  const named = (name: string): Endpoint => {
    const found = endpoints.find((each) => each.name === name);
    if (found) return found;
    throw unknownName(
      "endpoint",
      name,
      endpoints.map((each) => each.name),
    );
  };
  const placeOf = (name: string): PredictionPlace => {
    const definition = named(name);
    return { model: definition.model.split("@")[0]!, out: outOf(definition) };
  };

  async function openOwn(name: string): Promise<OpenEndpoint> {
    const endpoint = await openNamed(name);
    if (!isTensorEndpoint(endpoint)) return endpoint;
    throw new AppError("unsupported", `Endpoint "${name}" answers with ${endpoint.serving().what}, which was made outside Millrace.`, {
      hint: `Ask it through MLflow's protocol (/endpoints/${name}/invocations) or Open Inference (/v2/models/${name}/infer).`,
    });
  }

  async function openNamed(name: string): Promise<OpenEndpoint | TensorEndpoint> {
    const definition = named(name);
    for (;;) {
      const standing = opened.get(name);
      if (!standing) return begin(definition);
      const endpoint = await standing;
      if (endpoint.usable()) return endpoint;
      if (opened.get(name) === standing) opened.delete(name); // of callers that come together the first opens it again
    }
  }

  function begin(definition: Endpoint): Promise<OpenEndpoint | TensorEndpoint> {
    const opening = openKind(definition);
    opened.set(definition.name, opening);
    opening.then(
      () => problems.delete(definition.name),
      (error: unknown) => {
        problems.set(definition.name, error instanceof Error ? error.message : String(error));
        opened.delete(definition.name);
      },
    );
    return opening;
  }

  async function openKind(definition: Endpoint): Promise<OpenEndpoint | TensorEndpoint> {
    const tensors = await services.models.tensors?.(definition.model);
    if (tensors === undefined) return (open ?? ((endpoint: Endpoint) => openEndpoint(services, endpoint, topics)))(definition);
    const { name, stream: events, outcomes, batch, retrain } = definition;
    const own = Object.entries({ stream: events, outcomes, batch, retrain }).find(([, value]) => value !== undefined)?.[0];
    if (own !== undefined)
      throw new AppError(
        "unsupported",
        `Endpoint "${name}" has \`${own}\`, but ${tensors.name} v${tensors.version} was made outside Millrace and only answers what it is asked over HTTP.`,
        { hint: `Leave out \`${own}\`, or point ${definition.model} at a version that a flow of the project registered.` },
      );
    return openTensorEndpoint(services, definition, tensors);
  }

  /** What was opened for a model of one kind does not go on with one of the other. */
  async function hasOtherKind(endpoint: OpenEndpoint | TensorEndpoint): Promise<boolean> {
    const tensors = await services.models.tensors?.(endpoint.definition.model).catch((error: unknown) => {
      if (!isTensorEndpoint(endpoint)) throw error;
      return "tensors" as const; // which it says itself when it looks
    });
    return isTensorEndpoint(endpoint) === (tensors === undefined);
  }

  return {
    endpoints,
    topics,
    stream,
    answering: openNamed,
    open: openOwn,
    async describe(name) {
      const definition = named(name);
      const live = await opened.get(name)?.catch(() => undefined);
      const status = live?.usable() ? statusOf(live) : undefined;
      const stored = status ?? (await findEndpointState(state, name));
      const problem = status ? status.problem : problems.get(name);
      const lag = (await stream.groups(`endpoint/${name}`)).map((each) => [each.topic, each.lag] as const);
      return {
        name,
        model: definition.model,
        state: status ? "answering" : problem === undefined ? "closed" : "waiting",
        version: stored?.version ?? null,
        shadow: stored?.shadow ?? null,
        problem: problem ?? null,
        in: definition.stream?.in.name ?? null,
        out: outOf(definition),
        outcomes: definition.outcomes?.from.name ?? null,
        lag: Object.fromEntries(lag),
      };
    },
    prediction: (id) => findPrediction(services, id, placeOf),
    trace: (id) => tracePrediction(services, id, placeOf),
    topic(name) {
      const found = topics.find((each) => each.name === name);
      if (found) return found;
      throw unknownName(
        "topic",
        name,
        topics.map((each) => each.name),
      );
    },
    async reload() {
      for (const [name, each] of opened) {
        const endpoint = await each;
        if (await hasOtherKind(endpoint)) {
          opened.set(name, Promise.resolve(await openKind(endpoint.definition))); // where it cannot be opened, what stands goes on
          await endpoint.close();
        } else await endpoint.reload();
      }
    },
    async close() {
      for (const each of opened.values()) await (await each.catch(() => undefined))?.close();
      opened.clear();
    },
  };
}

/** Whether an endpoint answers with a model that was made outside Millrace. */
export function isTensorEndpoint(endpoint: OpenEndpoint | TensorEndpoint): endpoint is TensorEndpoint {
  return "ask" in endpoint;
}

function statusOf(endpoint: OpenEndpoint | TensorEndpoint): { version: number; shadow: number | undefined; problem: string | undefined } {
  return isTensorEndpoint(endpoint) ? { version: endpoint.serving().version, shadow: undefined, problem: endpoint.problem() } : endpoint.status();
}

function unknownName(what: string, name: string, known: string[]): AppError {
  const close = closestName(name, known);
  return new AppError("not_found", `There is no ${what} "${name}"${close === undefined ? "" : `; did you mean ${close}?`}`, {
    hint: known.length > 0 ? `There are: ${known.join(", ")}.` : `The project defines none.`,
  });
}
