import { AppError } from "#kit/app-error";
import { systemClock, type Clock } from "#kit/clock";
import { newId } from "#kit/id";
import type { Database } from "#ports/database";
import { createCostMeter, type CostMeter } from "./cost-meter.ts";
import { groupWrites } from "./group-writes.ts";
import type { Cost, Run, RunEvent, Step } from "./model.ts";
import { selectEvents } from "./store-events.ts";
import { findRun, interruptRuns, runOf, selectRuns, type Lease, type RunFilter } from "./store-runs.ts";
import { selectSteps } from "./store-steps.ts";

/** What questions to the ledger need. */
export interface LedgerReader {
  readonly database: Database;
  readonly clock: Clock;
}

/** One process's hand on the ledger. Make one per process and database, so that runs in it share executions of equal steps. */
export interface Ledger extends LedgerReader {
  /** This process towards the others; new at every start. */
  readonly worker: string;
  /** How long a worker that is not heard of keeps its runs and steps. */
  readonly leaseMs: number;
  readonly write: Database["write"];
  /** Ids of the runs that this process works on. */
  readonly running: Set<string>;
  /** Keys that run in this process now; settles when that execution has ended, however. */
  readonly executing: Map<string, Promise<void>>;
  readonly meter: CostMeter;
}

/** Opens the ledger in a migrated database. Nothing is read or written yet. */
export function openLedger(options: { database: Database; clock?: Clock; worker?: string; leaseMs?: number }): Ledger {
  const { database, clock = systemClock, worker = newId(), leaseMs = 15_000 } = options;
  return { database, clock, worker, leaseMs, write: groupWrites(database), running: new Set(), executing: new Map(), meter: createCostMeter() };
}

export function leaseOf(ledger: Ledger): Lease {
  return { worker: ledger.worker, untilMs: ledger.clock.now() + ledger.leaseMs };
}

/**
 * Leases that end before this time are those of dead workers. Where one process holds the project, every other worker is one of
 * an earlier process and dead, whatever its lease says.
 */
export function aliveFromMs(ledger: Ledger): number {
  return ledger.database.capabilities.sharedByProcesses ? ledger.clock.now() : Number.MAX_SAFE_INTEGER;
}

/**
 * Marks what dead workers left as interrupted, at the start of a process: on a shared database the leases that ran out, on an
 * embedded one (whose project lock was free) the leases of all earlier processes.
 */
export function reclaim(ledger: Ledger): Promise<{ runs: number; steps: number }> {
  const except = ledger.database.capabilities.sharedByProcesses ? undefined : ledger.worker;
  return ledger.write((transaction) => interruptRuns(transaction, ledger.clock.now(), except));
}

/** Runs, newest first. */
export function listRuns({ database, clock }: LedgerReader, filter: RunFilter = {}): Promise<Run[]> {
  return selectRuns(database, filter, clock.now());
}

export interface RunDetails extends Run {
  steps: Step[];
  /** Of the steps that ran in it; memory is the largest. */
  cost: Cost;
}

/** A run with its steps. Throws `not_found`. */
export async function getRun({ database, clock }: LedgerReader, id: string): Promise<RunDetails> {
  const row = await findRun(database, id);
  if (!row)
    throw new AppError("not_found", `There is no run ${id} of a flow.`, {
      hint: `millrace runs list has them; of a tracked run of another program: millrace runs details ${id}`,
    });
  const steps = await selectSteps(database, id, clock.now());
  const cost = { wallMs: 0, cpuMs: 0, peakRssBytes: 0 };
  for (const step of steps) {
    cost.wallMs += step.cost?.wallMs ?? 0;
    cost.cpuMs += step.cost?.cpuMs ?? 0;
    cost.peakRssBytes = Math.max(cost.peakRssBytes, step.cost?.peakRssBytes ?? 0);
  }
  return { ...runOf(row, clock.now()), steps, cost };
}

const settlingMs = 5_000;

/**
 * Kept events in order, after the one with id `since`. On a shared database an event is told once it is 5 s old: until then
 * another process may commit one that belongs before it.
 */
export function events(
  { database, clock }: LedgerReader,
  { since, runId, limit = 500 }: { since?: string; runId?: string; limit?: number } = {},
): Promise<{ id: string; event: RunEvent }[]> {
  const untilMs = database.capabilities.sharedByProcesses && runId === undefined ? clock.now() - settlingMs : Number.MAX_SAFE_INTEGER;
  return selectEvents(database, { limit, untilMs, ...(since !== undefined && { since }), ...(runId !== undefined && { runId }) });
}
