import { AppError } from "#kit/app-error";
import type { LedgerReader } from "./ledger.ts";
import type { StepRef } from "./model.ts";
import type { KeyPart } from "./step-key.ts";
import { selectEarlierSteps, selectKeyedStep, type KeyedStep } from "./store-steps.ts";

export interface Why extends StepRef {
  /** Above 1 where earlier attempts in the same run did not finish. */
  attempt: number;
  /**
   * `cached`: an output for the key existed. `first`: no step of its kind ran before. `changed`: the key has parts that the nearest
   * earlier execution had not. `unfinished`: that execution had the same key and no output. `asked`: it had an output, and the
   * step was to run nevertheless, or what the output referred to was gone.
   */
  reason: "cached" | "first" | "changed" | "unfinished" | "asked";
  /** The execution whose output was taken, or the one compared with. */
  other: StepRef | null;
  /** Parts of the key that differ from `other`; undefined where a side has no such part. */
  changed: { part: string; before: KeyPart | undefined; after: KeyPart | undefined }[];
}

/**
 * Tells why a step ran or was cached. Compared is the earlier execution of the same kind with the fewest differing parts, the
 * latest of several. Throws `not_found`.
 */
export async function why({ database }: LedgerReader, runId: string, stepId: string): Promise<Why> {
  const step = await selectKeyedStep(database, { runId, stepId });
  if (!step) throw new AppError("not_found", `Run ${runId} has no step ${stepId}.`, { hint: `See its steps with: millrace runs show ${runId}` });
  const about = { runId, stepId, attempt: step.attempt };
  if (step.cachedFrom) return { ...about, reason: "cached", other: step.cachedFrom, changed: [] };
  let nearest: { earlier: KeyedStep; changed: Why["changed"] } | undefined;
  for (const earlier of await selectEarlierSteps(database, step)) {
    const changed = differences(earlier.parts, step.parts);
    if (!nearest || changed.length < nearest.changed.length) nearest = { earlier, changed };
  }
  if (!nearest) return { ...about, reason: step.attempt > 1 ? "unfinished" : "first", other: null, changed: [] };
  const other = { runId: nearest.earlier.runId, stepId: nearest.earlier.stepId };
  if (nearest.earlier.key !== step.key) return { ...about, reason: "changed", other, changed: nearest.changed };
  return { ...about, reason: nearest.earlier.state === "succeeded" ? "asked" : "unfinished", other, changed: [] };
}

function differences(before: Record<string, KeyPart>, after: Record<string, KeyPart>): Why["changed"] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .sort()
    .filter((part) => before[part] !== after[part])
    .map((part) => ({ part, before: before[part], after: after[part] }));
}
