import { AsyncLocalStorage } from "node:async_hooks";
import { AppError } from "#kit/app-error";
import { takenOver } from "./failures.ts";
import { jsonValue } from "./json-value.ts";
import { aliveFromMs, leaseOf } from "./ledger.ts";
import type { RunEvent } from "./model.ts";
import { fieldsOf, runAttempt, type KeyedCall } from "./run-attempt.ts";
import type { Session } from "./session.ts";
import { stepKey } from "./step-key.ts";
import type { Call } from "./step-tools.ts";
import { appendEvent } from "./store-events.ts";
import { claimStep, type Claim } from "./store-steps.ts";

/** The step whose body is running, to refuse steps within steps. */
const inside = new AsyncLocalStorage<{ session: Session; stepId: string }>();

const askAgainMs = 250;

/** Carries out one call of a verb: gives back the output that the ledger has for its key, or runs it and records the output. */
export function callStep(session: Session, call: Call): Promise<unknown> {
  const execution = execute(session, call);
  session.track(execution);
  return execution;
}

async function execute(session: Session, call: Call): Promise<unknown> {
  checkCall(session, call);
  const step = await session.inOrder(async () => identify(session, call, await call.inputs())); // ids follow the order of the calls
  const fresh = session.fresh || call.options.fresh === true;
  const key = step.key.digest;
  const { executing } = session.ledger;
  if (!fresh) {
    // Equal keys of this process take turns; the second finds the first one's output in the ledger.
    for (let other = executing.get(key); other; other = executing.get(key)) await Promise.race([other, session.aborted]);
  }
  const turn = session.inTurn(() => obtain(session, step, fresh));
  if (fresh) return turn;
  const done = turn.then(
    () => undefined,
    () => undefined,
  );
  executing.set(key, done);
  void done.then(() => executing.get(key) === done && executing.delete(key));
  return turn;
}

function checkCall(session: Session, { name }: Call): void {
  if (session.closed || session.signal.aborted) {
    throw new AppError("conflict", `Step ${name} was called after run ${session.run.id} had ended.`, {
      hint: "Await every step within the flow's body, and call none from timers or callbacks that outlive it.",
    });
  }
  const outer = inside.getStore();
  if (outer?.session === session) {
    throw new AppError("invalid_definition", `Step ${name} was called inside step ${outer.stepId}.`, {
      hint: "Steps do not nest: give the step's output back to the flow's body and call the next step there.",
    });
  }
  checkName(name);
}

function identify(session: Session, call: Call, inputs: Record<string, unknown>): KeyedCall {
  const { name, options } = call;
  const environment = Object.fromEntries(call.environment.map((part) => [part, session.environment[part] ?? null]));
  const key = stepKey(call.kind, inputs, environment);
  if (options.id === undefined) return { ...call, key, ...session.identify(name, key.digest) };
  checkName(options.id);
  const reserved = session.reserve(options.id);
  if (!reserved) {
    throw new AppError("invalid_definition", `Two steps of run ${session.run.id} have the id ${options.id}.`, {
      hint: "Make the id of each call its own, or leave it out.",
    });
  }
  return { ...call, key, ...reserved };
}

function checkName(name: string): void {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
  if (typeof name !== "string" || !/^[^\u0000-\u001f]{1,200}$/.test(name)) {
    throw new AppError("invalid_definition", `${JSON.stringify(name)} cannot name a step.`, { hint: "Use up to 200 characters of one line." });
  }
}

/** Claims the step until it has an output: from the ledger, from a worker that is running it now, or by running it here. */
async function obtain(session: Session, step: KeyedCall, fresh: boolean): Promise<unknown> {
  const { times, delayMs } = retryOf(step);
  let again = false;
  for (let tries = 0; ;) {
    if (session.signal.aborted) throw session.signal.reason;
    const claim = await claimOnce(session, step, { fresh, again });
    if (claim.outcome === "superseded") {
      session.abort(takenOver(session.run.id));
      throw takenOver(session.run.id);
    }
    if (claim.outcome === "busy") {
      const text = `waiting for ${claim.holder.stepId} of run ${claim.holder.runId}`;
      session.emit({ type: "step-progress", ...fieldsOf(session, step), fraction: null, text });
      await delay(session, askAgainMs);
    } else if (claim.outcome === "cached") {
      const output = jsonValue(claim.output);
      if (await step.intact(output)) {
        session.cached++;
        session.emit(cachedEvent(session, step, claim));
        return output;
      }
      again = true;
    } else {
      const outcome = await inside.run({ session, stepId: step.id }, () => runAttempt({ session, step, number: claim.attempt }));
      if ("output" in outcome) {
        session.ran++;
        return outcome.output;
      }
      if (tries >= times || outcome.error.status < 500 || session.signal.aborted) throw outcome.error;
      await delay(session, delayMs * 2 ** tries++);
    }
  }
}

async function claimOnce(session: Session, step: KeyedCall, { fresh, again }: { fresh: boolean; again: boolean }): Promise<Claim> {
  const { ledger, run } = session;
  const call = { run, id: step.id, name: step.name, label: step.label, index: step.index, key: step.key, fresh, again };
  let started: RunEvent | undefined;
  const claim = await ledger.write(async (transaction) => {
    started = undefined; // the transaction may run twice
    const time = { nowMs: ledger.clock.now(), aliveFromMs: aliveFromMs(ledger) };
    const decided = await claimStep(transaction, call, leaseOf(ledger), time);
    if (decided.outcome === "claimed") {
      started = { type: "step-started", ...fieldsOf(session, step), attempt: decided.attempt };
      await appendEvent(transaction, started);
    } else if (decided.outcome === "cached" && decided.recorded) {
      await appendEvent(transaction, cachedEvent(session, step, decided));
    }
    return decided;
  });
  if (started) session.emit(started);
  return claim;
}

function cachedEvent(session: Session, step: KeyedCall, claim: Extract<Claim, { outcome: "cached" }>): RunEvent {
  return {
    type: "step-finished",
    ...fieldsOf(session, step),
    attempt: claim.attempt,
    state: "cached",
    cachedFrom: claim.from,
    summary: claim.summary,
    cost: { wallMs: 0, cpuMs: 0, peakRssBytes: 0 },
    error: null,
  };
}

function retryOf({ options: { retry = 0 } }: Call): { times: number; delayMs: number } {
  return typeof retry === "number" ? { times: retry, delayMs: 1_000 } : retry;
}

/** Waits, or rejects as soon as the run is cancelled. */
function delay(session: Session, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(session.signal.reason);
    };
    const timer = setTimeout(() => {
      session.signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    session.signal.addEventListener("abort", stop, { once: true });
  });
}
