import type { Topic } from "#domains/ingest";
import { AppError } from "#kit/app-error";
import { closestName } from "#kit/close-names";
import { outOf, type Endpoint } from "./define.ts";
import { openEndpoint, type OpenEndpoint } from "./open-endpoint.ts";
import type { PredictionRecord } from "./prediction-record.ts";
import type { ServingServices } from "./services.ts";
import { findEndpointState } from "./store.ts";
import { findPrediction, tracePrediction, type PredictionPlace, type PredictionTrace } from "./trace.ts";

/** Where requests find the endpoints of a project. */
export interface EndpointDesk {
  readonly endpoints: readonly Endpoint[];
  readonly topics: readonly Topic[];
  /** The endpoint at work, opened at the first call. Throws `not_found`; `unavailable` while it cannot be opened. */
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
  const opened = new Map<string, Promise<OpenEndpoint>>();
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

  async function openNamed(name: string): Promise<OpenEndpoint> {
    const definition = named(name);
    for (;;) {
      const standing = opened.get(name);
      if (!standing) return begin(definition);
      const endpoint = await standing;
      if (endpoint.usable()) return endpoint;
      if (opened.get(name) === standing) opened.delete(name); // of callers that come together the first opens it again
    }
  }

  function begin(definition: Endpoint): Promise<OpenEndpoint> {
    const opening = (open ?? ((endpoint: Endpoint) => openEndpoint(services, endpoint, topics)))(definition);
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

  return {
    endpoints,
    topics,
    stream,
    open: openNamed,
    async describe(name) {
      const definition = named(name);
      const live = await opened.get(name)?.catch(() => undefined);
      const status = live?.usable() ? live.status() : undefined;
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
      for (const each of opened.values()) await (await each).reload();
    },
    async close() {
      for (const each of opened.values()) await (await each.catch(() => undefined))?.close();
      opened.clear();
    },
  };
}

function unknownName(what: string, name: string, known: string[]): AppError {
  const close = closestName(name, known);
  return new AppError("not_found", `There is no ${what} "${name}"${close === undefined ? "" : `; did you mean ${close}?`}`, {
    hint: known.length > 0 ? `There are: ${known.join(", ")}.` : `The project defines none.`,
  });
}
