/** What the ledger tells about runs and steps. Times are epoch milliseconds. */
import { z } from "zod";

export const runStatus = z.enum(["running", "succeeded", "failed", "cancelled", "interrupted"]);
export type RunStatus = z.infer<typeof runStatus>;

/** `succeeded` ran here; `cached` took the output of an earlier execution with the same key. */
export const stepState = z.enum(["running", "succeeded", "cached", "failed", "cancelled", "interrupted"]);
export type StepState = z.infer<typeof stepState>;

export const stepRef = z.object({ runId: z.string(), stepId: z.string() });
export type StepRef = z.infer<typeof stepRef>;

export const failure = z.object({ code: z.string(), message: z.string(), hint: z.string().optional(), stack: z.string().optional() });
export type Failure = z.infer<typeof failure>;

/** CPU time is the process's, shared evenly among the steps that ran at the same moment; memory is the process's. */
export const cost = z.object({ wallMs: z.number(), cpuMs: z.number(), peakRssBytes: z.number() });
export type Cost = z.infer<typeof cost>;

/** Which code ran: the git commit, whether files differed from it, and a digest of the flow's body and the project's sources. */
export const codeFacts = z.object({
  commit: z.string().nullable(),
  dirty: z.boolean().nullable(),
  branch: z.string().nullable(),
  digest: z.string(),
});
export type CodeFacts = z.infer<typeof codeFacts>;

export const run = z.object({
  id: z.string(),
  flow: z.string(),
  params: z.record(z.string(), z.unknown()),
  status: runStatus,
  /** Who or what asked for the run, such as `retrain: drift of origin`. */
  cause: z.string().nullable(),
  /** How often the run was taken up: 1 when it never had to be resumed. */
  attempt: z.int(),
  worker: z.string(),
  startedMs: z.int(),
  finishedMs: z.int().nullable(),
  code: codeFacts,
  result: z.unknown(),
  error: failure.nullable(),
});
export type Run = z.infer<typeof run>;

export const step = z.object({
  id: z.string(),
  name: z.string(),
  label: z.string(),
  /** Order of the calls, from 0. */
  index: z.int(),
  key: z.string(),
  state: stepState,
  attempt: z.int(),
  worker: z.string(),
  /** Where a cached output was made. */
  cachedFrom: stepRef.nullable(),
  output: z.unknown(),
  summary: z.string().nullable(),
  error: failure.nullable(),
  progress: z.object({ fraction: z.number().nullable(), text: z.string().nullable() }),
  startedMs: z.int(),
  finishedMs: z.int().nullable(),
  cost: cost.nullable(),
});
export type Step = z.infer<typeof step>;

const at = z.int();
const stepFields = { runId: z.string(), stepId: z.string(), name: z.string(), label: z.string(), atMs: at };

/** What happens in a run, in the order in which it happens. All but `step-progress` are also kept in the ledger. */
export const runEvent = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("run-started"),
    runId: z.string(),
    flow: z.string(),
    params: z.record(z.string(), z.unknown()),
    attempt: z.int(),
    code: codeFacts,
    cause: z.string().nullable(),
    atMs: at,
  }),
  z.object({ type: z.literal("step-started"), ...stepFields, attempt: z.int() }),
  z.object({ type: z.literal("step-progress"), ...stepFields, fraction: z.number().nullable(), text: z.string().nullable() }),
  z.object({
    type: z.literal("step-finished"),
    ...stepFields,
    attempt: z.int(),
    state: z.enum(["succeeded", "cached", "failed", "cancelled"]),
    cachedFrom: stepRef.nullable(),
    summary: z.string().nullable(),
    cost,
    error: failure.nullable(),
  }),
  z.object({
    type: z.literal("run-finished"),
    runId: z.string(),
    flow: z.string(),
    status: z.enum(["succeeded", "failed", "cancelled"]),
    error: failure.nullable(),
    atMs: at,
  }),
]);
export type RunEvent = z.infer<typeof runEvent>;
