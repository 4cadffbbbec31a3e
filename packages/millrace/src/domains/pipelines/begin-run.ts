import { AppError } from "#kit/app-error";
import { digestOf } from "#kit/hash";
import { newId } from "#kit/id";
import { cancelled, takenOver } from "./failures.ts";
import { jsonText } from "./json-value.ts";
import { aliveFromMs, leaseOf, type Ledger } from "./ledger.ts";
import type { CodeFacts, RunEvent } from "./model.ts";
import { appendEvent } from "./store-events.ts";
import { findLastRun, findRun, insertRun, takeRun, type RunRow } from "./store-runs.ts";

export interface BeginOptions {
  ledger: Ledger;
  flow: { readonly name: string };
  resume?: "last" | "new" | (string & {});
  cause?: string;
  signal?: AbortSignal;
}

/** A run that this process holds. */
export interface BegunRun {
  id: string;
  attempt: number;
  startedMs: number;
}

/** Begins a run or takes one up, waiting for at most a lease when its worker may have died. */
export async function beginRun(options: BeginOptions, params: object, code: CodeFacts): Promise<BegunRun> {
  const { ledger, flow, resume = "last", signal } = options;
  const identity = digestOf([flow.name, params, code.digest]);
  const paramsText = jsonText(params, `The parameters of flow ${flow.name}`) ?? "{}";
  let held: RunRow | undefined;
  for (;;) {
    const outcome = await ledger.write(async (transaction): Promise<BegunRun | { heldBy: RunRow }> => {
      const nowMs = ledger.clock.now();
      const found = resume === "new" ? undefined : await (resume === "last" ? findLastRun(transaction, identity) : findRun(transaction, resume));
      if (resume !== "last" && resume !== "new") requireSame(resume, found, flow.name, identity);
      const mine = found?.worker === ledger.worker;
      const alive = found?.status === "running" && (mine ? ledger.running.has(found.id) : found.lease_until_ms >= aliveFromMs(ledger));
      // A lease that was renewed while we waited belongs to a living worker.
      if (found && alive && !mine && (!held || held.lease_until_ms === found.lease_until_ms)) return { heldBy: found };
      if (found && alive && resume !== "last") throw takenOver(found.id);
      const about = { flow: flow.name, params, code, cause: options.cause };
      if (found && !alive && found.status !== "succeeded") {
        const taken = { id: found.id, attempt: found.attempt + 1, startedMs: nowMs };
        ledger.running.add(found.id);
        await takeRun(transaction, found.id, taken.attempt, leaseOf(ledger));
        await appendEvent(transaction, startedEvent(taken, about));
        return taken;
      }
      const id = newId();
      ledger.running.add(id); // within the transaction: the next one of this process must know that the run is alive
      const run = { id, flow: flow.name, params: paramsText, identity, cause: options.cause ?? null, code, lease: leaseOf(ledger), nowMs };
      await insertRun(transaction, run);
      const begun = { id, attempt: 1, startedMs: nowMs };
      await appendEvent(transaction, startedEvent(begun, about));
      return begun;
    });
    if (!("heldBy" in outcome)) return outcome;
    held ??= outcome.heldBy;
    await pause(Math.min(250, ledger.leaseMs / 4), signal);
  }
}

function requireSame(id: string, found: RunRow | undefined, flow: string, identity: string): asserts found is RunRow {
  if (!found) throw new AppError("not_found", `There is no run ${id}.`, { hint: "See the runs with: millrace runs list" });
  if (found.status === "succeeded") throw new AppError("conflict", `Run ${id} has succeeded; there is nothing to take up.`);
  if (found.flow !== flow) throw new AppError("invalid_argument", `Run ${id} is one of flow ${found.flow}, not of ${flow}.`);
  if (found.identity !== identity) {
    throw new AppError("conflict", `Run ${id} was begun with other code or parameters.`, {
      hint: "Start a new run: steps that are unchanged are taken from the cache.",
    });
  }
}

export function startedEvent(
  run: BegunRun,
  about: { flow: string; params: object; code: CodeFacts; cause: string | undefined },
): Extract<RunEvent, { type: "run-started" }> {
  const { flow, params, code, cause = null } = about;
  return { type: "run-started", runId: run.id, flow, params: { ...params }, attempt: run.attempt, code, cause, atMs: run.startedMs };
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(cancelled("Waiting for the run's former worker"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
