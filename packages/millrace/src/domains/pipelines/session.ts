import type { AppError } from "#kit/app-error";
import type { Log } from "#kit/log";
import type { Ledger } from "./ledger.ts";
import type { RunEvent } from "./model.ts";

export interface SessionOptions {
  ledger: Ledger;
  run: { id: string; attempt: number };
  /** Steps that earlier attempts of the run left, in the order of their calls. */
  existing: { id: string; name: string; key: string; state: string }[];
  fresh: boolean;
  environment: Record<string, string | undefined>;
  /** The run's folder for scratch folders; made when needed. */
  scratch: string;
  parallel: number;
  log: Log;
  onEvent: (event: RunEvent) => void;
}

export interface Progress {
  id: string;
  attempt: number;
  fraction: number | null;
  text: string | null;
}

/** One process working on one run, from its beginning (or being taken up) to its end. */
export interface Session extends Omit<SessionOptions, "onEvent" | "existing" | "parallel"> {
  /** Aborted when the run is cancelled or taken over; `reason` is an `AppError`. */
  readonly signal: AbortSignal;
  /** Rejects with the reason when aborted; never resolves. */
  readonly aborted: Promise<never>;
  readonly closed: boolean;
  ran: number;
  cached: number;
  abort(reason: AppError): void;
  /** Lets no further step begin. */
  close(): void;
  emit(event: RunEvent): void;
  /** The id and index of the next call: what the same call had in an earlier attempt, or its name, numbered from the second on. */
  identify(name: string, key: string): { id: string; index: number };
  /** Takes an id chosen by the user; undefined when it is in use. */
  reserve(id: string): { id: string; index: number } | undefined;
  /** Does one thing after the other, in the order of the calls; an error is the caller's alone. */
  inOrder<Result>(work: () => Promise<Result>): Promise<Result>;
  track(execution: Promise<unknown>): void;
  /** Waits for all steps; with `throwing`, rejects with the first error among those under way at the call. */
  settled(options: { throwing: boolean }): Promise<void>;
  /** Runs work when fewer than `parallel` others run. */
  inTurn<Result>(work: () => Promise<Result>): Promise<Result>;
  noteProgress(progress: Progress): void;
  /** Progress noted since the last call. */
  takeProgress(): Progress[];
}

export function openSession({ existing, onEvent, parallel, ...options }: SessionOptions): Session {
  const controller = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => controller.signal.addEventListener("abort", () => reject(controller.signal.reason)));
  aborted.catch(() => undefined); // seen by those who race with it
  const inFlight = new Set<Promise<unknown>>();
  const progress = new Map<string, Progress>();
  const ids = stepIds(existing);
  const turns = semaphore(parallel);
  let order: Promise<unknown> = Promise.resolve();
  let closed = false;

  return {
    ...options,
    signal: controller.signal,
    aborted,
    ran: 0,
    cached: 0,
    ...ids,
    inTurn: turns,
    inOrder<Result>(work: () => Promise<Result>) {
      const result = order.then(work);
      order = result.catch(() => undefined);
      return result;
    },
    get closed() {
      return closed;
    },
    abort: (reason) => controller.abort(reason),
    close: () => void (closed = true),
    emit(event) {
      try {
        onEvent(event);
      } catch (error) {
        options.log.warn("the receiver of run events threw an error", { event: event.type, reason: String(error) });
      }
    },
    track(execution) {
      inFlight.add(execution);
      execution.then(
        () => inFlight.delete(execution),
        () => inFlight.delete(execution), // awaited by the flow's body, if at all: an unhandled rejection would end the process
      );
    },
    async settled({ throwing }) {
      const outcomes = await Promise.allSettled(inFlight);
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      if (throwing && failed) throw failed.reason;
    },
    noteProgress: (noted) => void progress.set(noted.id, noted),
    takeProgress() {
      const taken = [...progress.values()];
      progress.clear();
      return taken;
    },
  };
}

/**
 * Ids by the order of calls, kept over attempts: where parallel branches call in another order than before, a call finds its
 * former id by name and key, so that no finished step is written over.
 */
function stepIds(existing: SessionOptions["existing"]): Pick<Session, "identify" | "reserve"> {
  const byCall = new Map<string, string[]>();
  for (const { id, name, key } of existing) {
    const call = `${key} ${name}`;
    byCall.set(call, [...(byCall.get(call) ?? []), id]);
  }
  const finished = new Set(existing.filter(({ state }) => state === "succeeded" || state === "cached").map(({ id }) => id));
  const used = new Set<string>();
  const counts = new Map<string, number>();
  const take = (id: string) => {
    used.add(id);
    return { id, index: used.size - 1 };
  };
  return {
    identify(name, key) {
      const former = byCall.get(`${key} ${name}`)?.find((id) => !used.has(id));
      if (former !== undefined) return take(former);
      for (let count = (counts.get(name) ?? 0) + 1; ; count++) {
        const id = count === 1 ? name : `${name}#${count}`;
        if (used.has(id) || finished.has(id)) continue;
        counts.set(name, count);
        return take(id);
      }
    },
    reserve: (id) => (used.has(id) ? undefined : take(id)),
  };
}

function semaphore(limit: number): Session["inTurn"] {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve)); // the turn is handed over, `running` stays
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
