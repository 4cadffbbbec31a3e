import { AppError } from "#kit/app-error";
import type { Log } from "#kit/log";
import type { Transaction } from "#ports/database";

/** A pipeline as plain data: a name, its parameters with their defaults, and an ordinary async function that awaits steps. */
export interface Flow<Params extends object = object, Result = unknown, Step extends StepTools = StepTools> {
  readonly kind: "flow";
  readonly name: string;
  readonly params: Readonly<Params>;
  body(step: Step, params: Readonly<Params>): Promise<Result>;
}

/** Any flow, whatever its parameters, result and steps. */
export type AnyFlow = Flow<object, unknown, never>;

/** The type of `flow` for users whose `step` has the verbs of `Step`. */
export type DefineFlow<Step extends StepTools> = <Params extends object, Result>(
  name: string,
  params: Params,
  body: (step: Step, params: Readonly<Params>) => Promise<Result>,
) => Flow<Params, Result, Step>;

/**
 * The function `flow` for a given set of verbs: `export const flow = flowWith<Step>()`.
 * A flow's name is lower-case words joined by `-` or `_`; its parameters are JSON values. Throws `invalid_definition` otherwise.
 */
export function flowWith<Step extends StepTools>(): DefineFlow<Step> {
  return (name, params, body) => {
    if (!/^[a-z][a-z0-9]*([-_][a-z0-9]+)*$/.test(name)) {
      throw new AppError("invalid_definition", `"${name}" cannot name a flow.`, {
        hint: "Use lower-case words joined by - or _, such as late-arrival.",
      });
    }
    if (typeof body !== "function") {
      throw new AppError("invalid_definition", `Flow ${name} has no body.`, {
        hint: 'Write it as flow("name", { param: "default" }, async (step, params) => { … }).',
      });
    }
    return { kind: "flow", name, params, body };
  };
}

/** `flow` with the built-in verbs alone. */
export const flow: DefineFlow<StepTools> = flowWith<StepTools>();

export interface StepOptions {
  /** Name of this call within the run, instead of the verb with a number. */
  id?: string;
  /** Runs even where the ledger has an output for the same key. */
  fresh?: boolean;
  /**
   * How often to try again after an error, and how long to wait before the first further try (doubled each time, 1 s when not
   * given). Errors that say the request was wrong (status below 500) are not tried again.
   */
  retry?: number | { times: number; delayMs: number };
  /** Time for one attempt; afterwards its signal is aborted and the attempt has failed. */
  timeoutMs?: number;
}

/** What `step` always has. An `interface Step extends StepTools, StepsOf<…> {}` adds the verbs of the other domains. */
export interface StepTools {
  /**
   * Runs a function of the project as a step. Its key is the name, the function's source text and `inputs`, so all that the
   * function depends on goes through `inputs` (variables it captures are not seen). The output is a small JSON value.
   */
  run<Inputs, Output>(name: string, inputs: Inputs, work: (inputs: Inputs, context: StepContext) => Promise<Output>): Promise<Output>;
  /** The same verbs with options: `step.with({ retry: 2 }).fit(…)`. */
  with(options: StepOptions): this;
}

/** What a step may use while it runs. */
export interface StepContext {
  readonly runId: string;
  readonly stepId: string;
  /** 1 for the first try of this step in this run, one more for each further. */
  readonly attempt: number;
  /** Names this attempt towards other systems (`run/step/attempt`): a later attempt has another, and only the latest may commit. */
  readonly fence: string;
  /** Aborted when the run is cancelled, the attempt runs out of time, or another process has taken the run over. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** How far the step is: a fraction from 0 to 1, or a short text such as `trial 3 of 6`. */
  progress(value: number | string): void;
  /** A folder for files that are not kept: made at the first call, removed when the attempt ends. */
  scratch(): Promise<string>;
  /** Adds writes to the transaction that records this step as finished: both happen, or neither; a superseded attempt writes nothing. */
  publish(work: (transaction: Transaction) => Promise<void>): void;
  /** Cost that this process does not see, such as that of a child process: CPU time is added, memory is the largest seen. */
  addCost(cost: { cpuMs?: number; peakRssBytes?: number }): void;
}

/**
 * A verb of `step`. `run` does the work and gives back a small JSON value: references to artifacts (a table and its version, a
 * blob and its digest), never the data. Equal keys mean equal outputs, so whatever changes the output belongs into the key.
 */
export interface StepDefinition<Args extends unknown[], Output> {
  /** What ids and keys are made of; usually the verb itself. */
  readonly name: string;
  /** What people read. */
  readonly label: string;
  /** Raised when the same arguments would give another output. */
  readonly version: number;
  /** Names of the parts of the environment that the output depends on, out of those given to `runFlow`, such as `python`. */
  readonly environment?: readonly string[];
  run(context: StepContext, ...args: Args): Promise<Output>;
  /**
   * What of the arguments belongs to the key, as an object whose field names `millrace why` shows; functions in it count by
   * their source text. Without it: all arguments. It may be a promise, where the content behind a reference has to be looked at.
   */
  key?(...args: NoInfer<Args>): unknown;
  /** One line about the output for the terminal and the console: `1,000,000 rows × 27`. */
  describe?(output: NoInfer<Output>): string;
  /** Whether what a cached output refers to is still stored; where not, the step runs again. */
  intact?(output: NoInfer<Output>): Promise<boolean>;
}

/** A step's definition together with the type of its verb. */
export interface StepKind<Args extends unknown[], Output, Verb = (...args: Args) => Promise<Output>> extends StepDefinition<Args, Output> {
  /** The type of the verb as users see it; never set. */
  readonly verb?: Verb;
}

/** Any step kind, for tables of them. */
export type AnyStepKind = StepKind<unknown[], unknown, (...args: never[]) => Promise<unknown>>;

/**
 * Defines a verb; its types follow from `run`, whose arguments have theirs written. A verb with type
 * parameters of its own states its type: `defineStep<Args, Output, <Row>(table: Table<Row>) => Promise<Rows<Row>>>({ … })`.
 */
export function defineStep<Args extends unknown[], Output, Verb = (...args: Args) => Promise<Output>>(
  kind: StepDefinition<Args, Output>,
): StepKind<Args, Output, NoInfer<Verb>> {
  if (!/^[a-zA-Z][\w-]*$/.test(kind.name)) {
    throw new AppError("invalid_definition", `"${kind.name}" cannot name a kind of step.`, { hint: "Use a plain word, such as fit." });
  }
  return kind;
}

/** The verbs that a table of step kinds gives `step`: `StepsOf<typeof kinds>` or `StepsOf<ReturnType<typeof trainingSteps>>`. */
export type StepsOf<Kinds extends Record<string, AnyStepKind>> = { [Name in keyof Kinds]: NonNullable<Kinds[Name]["verb"]> };
