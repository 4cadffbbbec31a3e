import { AppError, toAppError } from "#kit/app-error";
import type { Failure } from "./model.ts";

/** Another process works on the run: nothing of this one is recorded any more. */
export function takenOver(runId: string): AppError {
  return new AppError("conflict", `Another worker holds run ${runId}.`, { hint: `Follow it with: millrace runs show ${runId}` });
}

export function cancelled(what: string): AppError {
  return new AppError("cancelled", `${what} was cancelled.`, { hint: "Start it again to take it up where it stopped." });
}

/** What the flow's body sees of a step's error: an `AppError` as it is, anything else as `step_failed` with the step's name. */
export function stepError(thrown: unknown, stepId: string, runId: string): AppError {
  const error = toAppError(thrown);
  if (error.code !== "internal" || thrown instanceof AppError) return error;
  return new AppError("step_failed", `Step ${stepId} failed: ${error.message}`, {
    cause: thrown,
    details: { runId, stepId },
    hint: `See more with: millrace runs show ${runId}. What finished before is kept; the next start takes it up.`,
  });
}

/** An error as the ledger keeps it; `stack` only for errors of the project's own code. */
export function failureOf(error: AppError): Failure {
  const { code, message, hint, cause } = error;
  const stack = cause instanceof Error && !(cause instanceof AppError) ? cause.stack?.slice(0, 4_000) : undefined;
  return { code, message, ...(hint !== undefined && { hint }), ...(stack !== undefined && { stack }) };
}
