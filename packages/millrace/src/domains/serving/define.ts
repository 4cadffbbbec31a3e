import type { Source, Topic } from "#domains/ingest";
import { durationMs, type Duration } from "#domains/features";
import type { AnyFlow } from "#domains/pipelines";
import type { PolicyTrigger } from "#domains/quality";
import { AppError } from "#kit/app-error";

/** Where a model answers: over HTTP, on a stream, in batch; what watches it; when it learns again. */
export interface Endpoint {
  readonly kind: "endpoint";
  readonly name: string;
  /** `<model>@<alias>`, resolved anew when the alias moves. */
  readonly model: string;
  /** Events to answer, and the topic of the answers. */
  readonly stream?: { readonly in: Topic; readonly out: string };
  /** Events that bring the truth, and the field that holds it. */
  readonly outcomes?: {
    readonly from: Topic;
    readonly label: string;
    /** How long a prediction waits for its outcome, in event time. */ readonly withinMs: number;
  };
  /** Tables that are scored whole, by the name of the table for the scores (`predictions.<name>`). */
  readonly batch?: Readonly<Record<string, { readonly of: { readonly name: string }; readonly where?: string }>>;
  readonly retrain?: Retraining;
}

export interface Retraining {
  /** The flow that made the model; it runs again on newer data. */
  readonly with: AnyFlow;
  /** Parameters other than the flow's own; `until` is set to the moment of the decision. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Any one of these starts it. */
  readonly when: readonly PolicyTrigger[];
  /** Rest between two trainings, in event time. */
  readonly atMostEveryMs: number;
}

export interface EndpointOptions {
  model: string;
  stream?: { in: Topic; out: string };
  outcomes?: { from: Topic; label: string; within?: Duration };
  batch?: Record<string, { of: { name: string }; where?: string }>;
  retrain?: { with: AnyFlow; params?: Record<string, unknown>; when: PolicyTrigger[]; atMostEvery?: Duration };
}

/** Defines an endpoint. Throws `invalid_definition`. */
export function endpoint(name: string, options: EndpointOptions): Endpoint {
  const fail = (why: string, hint: string) => new AppError("invalid_definition", `Endpoint "${name}" ${why}.`, { hint });
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    throw fail("has a name that cannot be used", "Use lower-case words joined by dashes, such as late-arrival.");
  if (!/^[^/\\:@%\p{Cc}]+@[\w-]+$/u.test(options.model)) {
    throw fail(`names its model "${options.model}"`, "Write the model and its alias or version: late-arrival@champion.");
  }
  if (options.outcomes && !(options.outcomes.label in options.outcomes.from.columns)) {
    throw fail(
      `expects the truth in \`${options.outcomes.label}\`, which events of ${options.outcomes.from.name} lack`,
      `They have: ${Object.keys(options.outcomes.from.columns).join(", ")}.`,
    );
  }
  if (options.outcomes && options.stream && options.outcomes.from.key !== options.stream.in.key) {
    throw fail(
      "joins outcomes to predictions by different keys",
      `Both topics need the same key; they have ${options.stream.in.key} and ${options.outcomes.from.key}.`,
    );
  }
  if (options.retrain && !options.outcomes)
    throw fail("cannot retrain without outcomes", "Say where the truth comes from: outcomes: { from: topic, label }.");
  const { model, stream, outcomes, batch, retrain } = options;
  return {
    kind: "endpoint",
    name,
    model,
    ...(stream && { stream }),
    ...(outcomes && { outcomes: { from: outcomes.from, label: outcomes.label, withinMs: durationMs(outcomes.within ?? "7d") } }),
    ...(batch && {
      batch: Object.fromEntries(
        Object.entries(batch).map(([into, { of, where }]) => [into, { of: { name: of.name }, ...(where !== undefined && { where }) }]),
      ),
    }),
    ...(retrain && {
      retrain: { with: retrain.with, params: retrain.params ?? {}, when: retrain.when, atMostEveryMs: durationMs(retrain.atMostEvery ?? "7d") },
    }),
  };
}

/** The topic of an endpoint's answers. */
export function outOf({ name, stream }: Pick<Endpoint, "name" | "stream">): string {
  return stream?.out ?? `${name}-predictions`;
}

/** Rows that ingestion left for later, played back as events in the order of their times, through the SQL that prepares history. */
export interface Replay {
  readonly kind: "replay";
  readonly name: string;
  /** Model whose rows are the events. */
  readonly of: { readonly name: string };
  /** Source whose rows after its `until` are played back. */
  readonly rest: Source;
  readonly to: readonly Topic[];
}

/** Defines a replay. Throws `invalid_definition`. */
export function replay(name: string, options: { of: { name: string }; rest: Source; to: Topic[] }): Replay {
  if (!options.rest.batch?.until) {
    throw new AppError("invalid_definition", `Replay "${name}" has nothing to play: source "${options.rest.name}" ingests all of its rows.`, {
      hint: "Give the source's batch an `until`.",
    });
  }
  return { kind: "replay", name, of: { name: options.of.name }, rest: options.rest, to: options.to };
}
