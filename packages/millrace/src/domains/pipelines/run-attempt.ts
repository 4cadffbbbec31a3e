import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "#kit/app-error";
import type { Log } from "#kit/log";
import type { Transaction } from "#ports/database";
import type { StepContext } from "./define.ts";
import { failureOf, stepError, takenOver } from "./failures.ts";
import { jsonText, jsonValue } from "./json-value.ts";
import type { RunEvent } from "./model.ts";
import type { Session } from "./session.ts";
import type { StepKey } from "./step-key.ts";
import type { Call } from "./step-tools.ts";
import { appendEvent } from "./store-events.ts";
import { finishStep, type StepEnd } from "./store-steps.ts";

/** A step of a run, identified and keyed. */
export interface KeyedCall extends Call {
  id: string;
  index: number;
  key: StepKey;
}

export interface Attempt {
  session: Session;
  step: KeyedCall;
  number: number;
}

type Publish = (transaction: Transaction) => Promise<void>;

/** Runs the body of a claimed step once and records how it ended. The output is what the ledger keeps of it. */
export async function runAttempt(attempt: Attempt): Promise<{ output: unknown } | { error: AppError }> {
  const { session, step } = attempt;
  const running = session.ledger.meter.start();
  const published: Publish[] = [];
  const stop = stopper(attempt);
  const scratch = scratchFolder(session, step.id, attempt.number);
  const context: StepContext = {
    runId: session.run.id,
    stepId: step.id,
    attempt: attempt.number,
    fence: `${session.run.id}/${step.id}/${attempt.number}`,
    signal: stop.signal,
    log: withFields(session.log, { runId: session.run.id, stepId: step.id }),
    progress: progressOf(attempt),
    scratch: scratch.make,
    publish: (work) => void published.push(work),
    addCost: running.add,
  };
  try {
    const body = Promise.resolve().then(() => step.run(context));
    void body.catch(() => undefined).then(scratch.remove);
    const value = await Promise.race([body, stop.stopped]);
    stop.clear();
    const text = jsonText(value, `The output of step ${step.id}`);
    const output = jsonValue(text);
    const end = { state: "succeeded", output: text, summary: summaryOf(attempt, output), error: null, cost: running.stop() } as const;
    await record(attempt, end, published);
    return { output };
  } catch (thrown) {
    stop.clear();
    const error = stepError(thrown, step.id, session.run.id);
    const state = session.signal.aborted ? "cancelled" : "failed";
    await recordFailure(attempt, { state, output: null, summary: null, error: failureOf(error), cost: running.stop() });
    return { error };
  }
}

/** What every event of a step has. */
export function fieldsOf(session: Session, step: KeyedCall): { runId: string; stepId: string; name: string; label: string; atMs: number } {
  return { runId: session.run.id, stepId: step.id, name: step.name, label: step.label, atMs: session.ledger.clock.now() };
}

/** Records the end of an attempt with what it publishes, all or nothing. Throws `conflict` when a later attempt has begun. */
async function record(attempt: Attempt, end: Omit<StepEnd, "runId" | "id" | "attempt" | "nowMs">, published: Publish[]): Promise<void> {
  const { session, step, number } = attempt;
  const fields = fieldsOf(session, step);
  const { state, summary, error, cost } = end;
  const event: RunEvent = { type: "step-finished", ...fields, attempt: number, state, cachedFrom: null, summary, cost, error };
  const work = async (transaction: Transaction) => {
    const stepEnd = { ...end, runId: session.run.id, id: step.id, attempt: number, nowMs: fields.atMs };
    if (!(await finishStep(transaction, stepEnd))) return false;
    for (const publish of published) await publish(transaction);
    await appendEvent(transaction, event);
    return true;
  };
  // What others publish may fail, and must then fail alone.
  const recorded = await (published.length > 0 ? session.ledger.database.write(work) : session.ledger.write(work));
  if (!recorded) throw takenOver(session.run.id);
  session.emit(event);
}

async function recordFailure(attempt: Attempt, end: Omit<StepEnd, "runId" | "id" | "attempt" | "nowMs">): Promise<void> {
  try {
    await record(attempt, end, []);
  } catch (error) {
    // The step's own error is the one to tell; its row stays `running` and is taken up like that of a dead worker.
    attempt.session.log.warn("the failure of a step could not be recorded", { stepId: attempt.step.id, reason: String(error) });
  }
}

/** The attempt's signal, and a promise that rejects with its reason: the run was cancelled or taken over, or time is up. */
function stopper({ session, step }: Attempt): { signal: AbortSignal; stopped: Promise<never>; clear(): void } {
  const controller = new AbortController();
  const { timeoutMs } = step.options;
  const follow = () => controller.abort(session.signal.reason);
  const timeUp = () => {
    const message = `Step ${step.id} did not end within ${timeoutMs} ms.`;
    controller.abort(new AppError("step_failed", message, { hint: "Raise `timeoutMs`, or make the step smaller." }));
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(timeUp, timeoutMs);
  session.signal.addEventListener("abort", follow);
  const stopped = new Promise<never>((_resolve, reject) => controller.signal.addEventListener("abort", () => reject(controller.signal.reason)));
  stopped.catch(() => undefined); // seen by the race
  if (session.signal.aborted) follow();
  const clear = () => {
    clearTimeout(timer);
    session.signal.removeEventListener("abort", follow);
  };
  return { signal: controller.signal, stopped, clear };
}

function scratchFolder(session: Session, stepId: string, attempt: number): { make(): Promise<string>; remove(): Promise<void> } {
  let folder: Promise<string> | undefined;
  return {
    make() {
      folder ??= mkdir(session.scratch, { recursive: true }).then(() =>
        mkdtemp(join(session.scratch, `${stepId.replaceAll(/[^\w-]/g, "_").slice(0, 40)}-${attempt}-`)),
      );
      return folder;
    },
    async remove() {
      if (folder) await rm(await folder, { recursive: true, force: true });
    },
  };
}

/** Keeps the latest fraction and the latest text, whichever of the two is told. */
function progressOf({ session, step, number }: Attempt): StepContext["progress"] {
  let fraction: number | null = null;
  let text: string | null = null;
  return (value) => {
    if (typeof value === "number") fraction = Math.min(1, Math.max(0, value));
    else text = value.slice(0, 200);
    session.noteProgress({ id: step.id, attempt: number, fraction, text });
    session.emit({ type: "step-progress", ...fieldsOf(session, step), fraction, text });
  };
}

function summaryOf({ session, step }: Attempt, output: unknown): string | null {
  try {
    return step.describe(output) ?? null;
  } catch (error) {
    session.log.warn("the output of a step could not be described", { stepId: step.id, reason: String(error) });
    return null;
  }
}

function withFields(log: Log, common: Record<string, unknown>): Log {
  return {
    debug: (message, fields) => log.debug(message, { ...common, ...fields }),
    info: (message, fields) => log.info(message, { ...common, ...fields }),
    warn: (message, fields) => log.warn(message, { ...common, ...fields }),
    error: (message, fields) => log.error(message, { ...common, ...fields }),
  };
}
