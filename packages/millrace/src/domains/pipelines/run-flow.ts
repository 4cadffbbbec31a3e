import { tmpdir } from "node:os";
import { join } from "node:path";
import { rm } from "node:fs/promises";
import { AppError } from "#kit/app-error";
import { digestOf } from "#kit/hash";
import { silentLog, type Log } from "#kit/log";
import { beginRun, startedEvent, type BegunRun } from "./begin-run.ts";
import { callStep } from "./call-step.ts";
import type { AnyStepKind, Flow } from "./define.ts";
import { cancelled, failureOf, takenOver } from "./failures.ts";
import { jsonText } from "./json-value.ts";
import { leaseOf, type Ledger } from "./ledger.ts";
import type { CodeFacts, RunEvent } from "./model.ts";
import { resolveParams } from "./params.ts";
import { openSession, type Session } from "./session.ts";
import { stepTools } from "./step-tools.ts";
import { appendEvent } from "./store-events.ts";
import { finishRun, renewLease } from "./store-runs.ts";
import { saveProgress, selectStepIds } from "./store-steps.ts";

export interface RunFlowOptions<Params extends object, Result> {
  ledger: Ledger;
  flow: Flow<Params, Result, never>;
  /** Values for the flow's parameters; the others keep their defaults. */
  params?: Partial<Params>;
  /** The verbs of `step` beside the built-in ones. */
  steps?: Record<string, AnyStepKind>;
  /**
   * `last` (when not given): takes up the newest run of the same flow, parameters and code if it did not succeed, otherwise
   * begins a new one. An id: takes up that run. `new`: begins a new run.
   */
  resume?: "last" | "new" | (string & {});
  /** Runs every step even where the ledger has its output; a resumed run keeps what it has finished itself. */
  fresh?: boolean;
  /** From `codeVersion`; `digest` over the project's sources, if given, is part of what makes two runs the same. */
  code?: { commit: string | null; dirty: boolean | null; branch: string | null; digest?: string };
  /** Facts by name that step kinds may take into their keys, such as `{ node: "24.21.0", python: "<digest of the lock file>" }`. */
  environment?: Record<string, string | undefined>;
  /** Who or what asks for the run. */
  cause?: string;
  onEvent?: (event: RunEvent) => void;
  /** Cancels the run. */
  signal?: AbortSignal;
  log?: Log;
  /** Folder for the steps' scratch folders. */
  scratchRoot?: string;
  /** How many steps run at the same time; 64 when not given. */
  parallel?: number;
}

export interface RunResult<Result> {
  runId: string;
  /** Whether the run had been begun before. */
  resumed: boolean;
  result: Result;
  steps: { ran: number; cached: number };
}

/**
 * Runs a flow: every awaited step is durable when its promise resolves, and is not run again while its key stays the same.
 *
 * When a step fails, the flow's body decides as with any promise. Once the body has thrown, no further step starts; steps that
 * run at that moment (of a `Promise.all`, say) end in their own time and keep their outputs, then the run has failed. A cancelled
 * run does not wait: its steps' signals are aborted and what they still produce is dropped.
 *
 * Rejects with what the body threw (an `AppError`; others are wrapped as `step_failed`), `cancelled`, or `conflict` when another
 * process works on the run or has taken it over.
 */
export async function runFlow<Params extends object, Result>(options: RunFlowOptions<Params, Result>): Promise<RunResult<Result>> {
  const { ledger, flow } = options;
  const params = resolveParams(flow, options.params ?? {});
  const code: CodeFacts = {
    commit: options.code?.commit ?? null,
    dirty: options.code?.dirty ?? null,
    branch: options.code?.branch ?? null,
    digest: digestOf([Function.prototype.toString.call(flow.body), options.code?.digest ?? null]),
  };
  if (options.signal?.aborted) throw cancelled(`Flow ${flow.name}`);
  const run = await beginRun(options, params, code);
  try {
    return await workOn(run, options, params, code);
  } finally {
    ledger.running.delete(run.id);
  }
}

/** Works on a run that this process holds. */
async function workOn<Params extends object, Result>(
  run: BegunRun,
  options: RunFlowOptions<Params, Result>,
  params: Readonly<Params>,
  code: CodeFacts,
): Promise<RunResult<Result>> {
  const { ledger, flow, signal } = options;
  const resumed = run.attempt > 1;
  const scratch = join(options.scratchRoot ?? join(tmpdir(), "millrace-scratch"), run.id);
  if (resumed) await rm(scratch, { recursive: true, force: true });
  const session = openSession({
    ledger,
    run: { id: run.id, attempt: run.attempt },
    existing: resumed ? await selectStepIds(ledger.database, run.id) : [],
    fresh: options.fresh ?? false,
    environment: options.environment ?? {},
    scratch,
    parallel: options.parallel ?? 64,
    log: options.log ?? silentLog,
    onEvent: options.onEvent ?? (() => undefined),
  });
  session.emit(startedEvent(run, { flow: flow.name, params, code, cause: options.cause }));
  const heartbeat = setInterval(() => void beat(session), ledger.leaseMs / 4);
  const cancel = () => session.abort(cancelled(`Run ${run.id}`));
  signal?.addEventListener("abort", cancel);
  if (signal?.aborted) cancel();
  try {
    const result = await play(session, flow.name, async () => {
      const step = stepTools(options.steps ?? {}, (call) => callStep(session, call));
      return flow.body(step as never, params); // `steps` has the verbs that the flow's type asks for
    });
    return { runId: run.id, resumed, result, steps: { ran: session.ran, cached: session.cached } };
  } finally {
    clearInterval(heartbeat);
    signal?.removeEventListener("abort", cancel);
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Runs the body to its end and records it. */
async function play<Result>(session: Session, flow: string, body: () => Promise<Result>): Promise<Result> {
  let outcome: { result: Result } | { error: AppError };
  try {
    const result = await Promise.race([body(), session.aborted]);
    session.close();
    await session.settled({ throwing: true }); // a step that was not awaited still belongs to the run
    outcome = { result };
  } catch (thrown) {
    session.close();
    await session.settled({ throwing: false });
    outcome = { error: flowError(thrown, flow, session) };
  }
  const { id, attempt } = session.run;
  const error = "error" in outcome ? failureOf(outcome.error) : null;
  const status = "error" in outcome ? (outcome.error.code === "cancelled" && session.signal.aborted ? "cancelled" : "failed") : "succeeded";
  const nowMs = session.ledger.clock.now();
  const event: RunEvent = { type: "run-finished", runId: id, flow, status, error, atMs: nowMs };
  const recorded = await session.ledger.write(async (transaction) => {
    const result = "result" in outcome ? resultText(outcome.result, session.log) : null;
    if (!(await finishRun(transaction, { id, attempt, status, result, error, nowMs }))) return false;
    await appendEvent(transaction, event);
    return true;
  });
  if (!recorded) throw takenOver(id);
  session.emit(event);
  if ("error" in outcome) throw outcome.error;
  return outcome.result;
}

function flowError(thrown: unknown, flow: string, session: Session): AppError {
  if (session.signal.aborted && session.signal.reason instanceof AppError) return session.signal.reason;
  if (thrown instanceof AppError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new AppError("step_failed", `Flow ${flow} failed between its steps: ${message}`, { cause: thrown, details: { runId: session.run.id } });
}

/** The ledger shows a flow's result where it is JSON; the caller gets it in any case. */
function resultText(result: unknown, log: Log): string | null {
  try {
    return jsonText(result, "The result of the flow");
  } catch (error) {
    log.debug("the flow's result is not kept", { reason: String(error) });
    return null;
  }
}

/** Keeps the run's leases alive and its progress visible. */
async function beat(session: Session): Promise<void> {
  try {
    const held = await session.ledger.write(async (transaction) => {
      if (!(await renewLease(transaction, session.run, leaseOf(session.ledger)))) return false;
      for (const progress of session.takeProgress()) await saveProgress(transaction, { runId: session.run.id, ...progress });
      return true;
    });
    if (!held && !session.closed) session.abort(takenOver(session.run.id));
  } catch (error) {
    session.log.warn("the run's lease could not be renewed", { runId: session.run.id, reason: String(error) });
  }
}
