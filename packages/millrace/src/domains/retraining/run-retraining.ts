import { z } from "zod";
import { listRuns, type AnyFlow, type LedgerReader, type Run } from "#domains/pipelines";
import type { Endpoint } from "#domains/serving";
import { AppError, toAppError } from "#kit/app-error";
import type { Database } from "#ports/database";
import type { Log } from "#kit/log";
import type { Clock } from "#kit/clock";
import { outcomeSchema, type Decision, type RetrainingOutcome } from "./model.ts";
import { findDecision, markFinished, markRunning, selectDecisions } from "./store.ts";

export interface RetrainingWork {
  /** Brings the tables up to the moment of the decision: keeps topics as tables, builds SQL models. May be called again after a crash. */
  beforeFlow(decision: Decision): Promise<void>;
  /**
   * Runs a flow to its end. `resume` is the id of an unfinished run to take up, or `new`. `cause` must be recorded with the run:
   * it is how the run is found again after a crash. `onStart` is told the run's id.
   */
  startFlow(
    flow: AnyFlow,
    params: Record<string, unknown>,
    options: { cause: string; resume: string; onStart: (runId: string) => void },
  ): Promise<{ runId: string; result: unknown }>;
}

export interface RunRetrainingServices {
  state: Database;
  ledger: LedgerReader;
  clock: Clock;
  log: Log;
}

/** Decisions that are not finished, oldest first: what to take up when a process starts. */
export async function openDecisions({ state }: { state: Database }, endpoint: string): Promise<Decision[]> {
  const decisions = await selectDecisions(state, endpoint);
  return decisions.filter((decision) => decision.state === "pending" || decision.state === "running").reverse();
}

/**
 * Carries a decision out: exactly one run, whatever crashes on the way, because the run is found again by its cause. A flow that
 * fails makes the decision `failed`; the champion stays. Resolves to the finished decision; rejects, leaving it to be taken up
 * again, only where the work was cancelled, the disk is full, or another process does it.
 */
export async function runRetraining(
  services: RunRetrainingServices,
  endpoint: Pick<Endpoint, "name" | "retrain">,
  decision: Decision,
  work: RetrainingWork,
): Promise<Decision> {
  const { state, clock, log } = services;
  const { retrain } = endpoint;
  if (!retrain)
    throw new AppError("invalid_definition", `Endpoint "${endpoint.name}" has a retraining to carry out, but no longer says how to retrain.`, {
      hint: "Give it `retrain` again.",
    });
  const open = await state.write((transaction) => markRunning(transaction, decision.id, null, clock.now()));
  if (!open) return stored(state, decision.id);
  const cause = causeOf(decision);
  const found = await runOf(services.ledger, decision.flow, cause);
  if (found?.status === "succeeded") return finish({ runId: found.id, result: found.result });
  if (found?.status === "failed" && found.error?.code !== "storage_full") return fail(found.id, found.error?.message ?? "The run failed.");
  let runId = found?.id;
  const onStart = (id: string) => {
    runId = id;
    // For people who look on; the ledger is what counts after a crash.
    state
      .write((transaction) => markRunning(transaction, decision.id, id, clock.now()))
      .catch((error: unknown) => log.warn("the run's id was not noted", { decision: decision.id, reason: String(error) }));
  };
  try {
    await work.beforeFlow(decision);
    const params = { ...retrain.params, until: new Date(decision.atMs).toISOString() };
    const start = (resume: string) => work.startFlow(retrain.with, params, { cause, resume, onStart });
    return await finish(await (found && found.status !== "failed" ? start(found.id).catch((error: unknown) => anew(error, start)) : start("new")));
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code === "cancelled" || error.code === "storage_full" || (await heldElsewhere(error))) throw error;
    return fail(runId ?? null, error.message);
  }

  /** A run that was begun with other code cannot be taken up: the project has changed since. Another one takes its place. */
  async function anew(
    error: unknown,
    start: (resume: string) => Promise<{ runId: string; result: unknown }>,
  ): Promise<{ runId: string; result: unknown }> {
    const known = toAppError(error);
    if (known.code !== "conflict" || (await heldElsewhere(known))) throw error;
    return start("new");
  }

  async function heldElsewhere({ code }: AppError): Promise<boolean> {
    return code === "conflict" && (await runOf(services.ledger, decision.flow, cause))?.status === "running";
  }

  function finish({ runId, result }: { runId: string; result: unknown }): Promise<Decision> {
    const outcome = outcomeOf(result);
    log.info("a retraining is done", { endpoint: endpoint.name, runId, promoted: outcome?.promoted ?? null });
    return end({ state: "done", runId, outcome, error: null });
  }

  function fail(runId: string | null, error: string): Promise<Decision> {
    log.warn("a retraining failed; the champion stays", { endpoint: endpoint.name, runId, error });
    return end({ state: "failed", runId, outcome: null, error });
  }

  async function end(how: Parameters<typeof markFinished>[2]): Promise<Decision> {
    await state.write((transaction) => markFinished(transaction, decision.id, how, clock.now()));
    return stored(state, decision.id);
  }
}

/** What the ledger writes down as the reason of the run; it begins with the decision's own id. */
function causeOf({ id, reasons }: Decision): string {
  return `retraining ${id}: ${reasons.map(({ reason }) => reason).join(" ")}`.slice(0, 1_000);
}

/** The newest run of a decision. */
async function runOf(ledger: LedgerReader, flow: string, cause: string): Promise<Run | undefined> {
  for (let before: string | undefined; ;) {
    const runs = await listRuns(ledger, { flow, limit: 200, ...(before !== undefined && { before }) });
    const found = runs.find((run) => run.cause === cause);
    if (found || runs.length < 200) return found;
    before = runs.at(-1)!.id;
  }
}

const registeredSchema = z.object({ ...outcomeSchema.shape, kind: z.literal("registered"), metrics: z.record(z.string(), z.unknown()) });

/** What a flow that ends with `step.register(…)` gives back; null for any other. */
function outcomeOf(result: unknown): RetrainingOutcome | null {
  const parsed = registeredSchema.safeParse(result);
  if (!parsed.success) return null;
  const { kind: _, metrics, ...outcome } = parsed.data;
  const numbers = Object.entries(metrics).filter((entry): entry is [string, number] => typeof entry[1] === "number" && Number.isFinite(entry[1]));
  return { ...outcome, metrics: Object.fromEntries(numbers) };
}

async function stored(state: Database, id: string): Promise<Decision> {
  const decision = await findDecision(state, id);
  if (!decision) throw new AppError("not_found", `There is no retraining ${id}.`, { hint: "See: millrace retraining list" });
  return decision;
}
