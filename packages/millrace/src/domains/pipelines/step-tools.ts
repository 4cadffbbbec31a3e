import { AppError } from "#kit/app-error";
import type { AnyStepKind, StepContext, StepOptions, StepTools } from "./define.ts";

/** A call of a verb: what to run, and what its key is made of. */
export interface Call {
  /** Ids are made of it: the kind's name, or the name given to `step.run`. */
  name: string;
  /** Identity of the kind in the key. */
  kind: { name: string; version: number };
  label: string;
  environment: readonly string[];
  inputs(): Record<string, unknown> | Promise<Record<string, unknown>>;
  run(context: StepContext): Promise<unknown>;
  describe(output: unknown): string | undefined;
  intact(output: unknown): Promise<boolean>;
  options: StepOptions;
}

const builtIn = ["run", "with", "then"]; // `then` would make the object look like a promise

/**
 * The object given to a flow's body: `run`, `with` and a verb for each kind.
 *
 * @typeParam Step the verbs' types: `kinds` has them all
 */
export function stepTools<Step extends StepTools>(kinds: Record<string, AnyStepKind>, call: (call: Call) => Promise<unknown>): Step {
  const taken = Object.keys(kinds).find((verb) => builtIn.includes(verb));
  if (taken) throw new AppError("invalid_definition", `A step kind cannot be called ${taken}: \`step.${taken}\` means something already.`);
  const withOptions = (options: StepOptions): StepTools => {
    const verbs = Object.entries(kinds).map(([verb, kind]) => [verb, (...args: unknown[]) => call(kindCall(kind, args, options))]);
    const tools = {
      ...Object.fromEntries(verbs),
      run: (name: string, inputs: unknown, work: Work) => call(functionCall(name, inputs, work, options)),
      with: (more: StepOptions) => withOptions({ ...options, ...more }),
    };
    return tools as StepTools; // outputs go through the ledger as JSON, where their types are lost
  };
  return withOptions({}) as Step;
}

function kindCall(kind: AnyStepKind, args: unknown[], options: StepOptions): Call {
  return {
    name: kind.name,
    kind: { name: kind.name, version: kind.version },
    label: kind.label,
    environment: kind.environment ?? [],
    async inputs() {
      const key = kind.key ? await kind.key(...args) : args;
      if (typeof key === "object" && key !== null && !Array.isArray(key)) return { ...key };
      if (Array.isArray(key)) return Object.fromEntries(key.map((value: unknown, i) => [`argument ${i + 1}`, value]));
      return { key };
    },
    run: (context) => kind.run(context, ...args),
    describe: (output) => kind.describe?.(output),
    intact: async (output) => (kind.intact ? kind.intact(output) : true),
    options,
  };
}

type Work = (inputs: unknown, context: StepContext) => Promise<unknown>;

function functionCall(name: string, inputs: unknown, work: Work, options: StepOptions): Call {
  return {
    name,
    kind: { name: `run ${name}`, version: 1 },
    label: name,
    environment: [],
    inputs: () => ({ code: work, inputs }),
    run: (context) => work(inputs, context),
    describe: () => undefined,
    intact: async () => true,
    options,
  };
}
