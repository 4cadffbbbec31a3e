import { z } from "zod";
import type { ReferenceOf } from "#domains/monitoring";
import { checkResultSchema } from "#domains/quality";
import type { Clock } from "#kit/clock";
import type { Log } from "#kit/log";
import type { Database } from "#ports/database";

export interface RetrainingServices {
  state: Database;
  /** Training profile and test AUC of a version. */
  reference: ReferenceOf;
  clock: Clock;
  log: Log;
}

/** What came of a retraining. */
export const outcomeSchema = z.object({
  /** The new version answers from now on. */
  promoted: z.boolean(),
  model: z.string(),
  version: z.int(),
  previous: z.int().optional(),
  verdict: z.enum(["passed", "failed", "inconclusive"]),
  /** The gate's words. */
  summary: z.string(),
  metrics: z.record(z.string(), z.number().nullable()),
});
export type RetrainingOutcome = z.infer<typeof outcomeSchema>;

export const decisionStates = ["pending", "running", "done", "failed"] as const;

/** A decision to learn again. */
export const decisionSchema = z.object({
  id: z.string(),
  endpoint: z.string(),
  /** The moment of event time at which it was taken: the new model learns from what was known by then. */
  atMs: z.int(),
  /** Version that answered. */
  version: z.int(),
  /** The triggers that fired. */
  reasons: z.array(checkResultSchema),
  state: z.enum(decisionStates),
  flow: z.string(),
  runId: z.string().nullable(),
  /** Null until it is done; null as well where the flow registered no version. */
  outcome: outcomeSchema.nullable(),
  /** Why it failed. */
  error: z.string().nullable(),
  createdMs: z.int(),
  updatedMs: z.int(),
});
export type Decision = z.infer<typeof decisionSchema>;

/** What the triggers said at the end of a day. */
export interface PolicyEvaluation {
  endpoint: string;
  dayEndMs: number;
  /** Version that was judged; undefined before anything was predicted. */
  version: number | undefined;
  results: z.infer<typeof checkResultSchema>[];
  /** Set where a trigger fired and the endpoint was not resting. */
  decision: Decision | undefined;
  /** The endpoint learns again no earlier than this. */
  restUntilMs: number | undefined;
}
