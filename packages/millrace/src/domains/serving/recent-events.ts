/** The events of one topic that came lately, to notice one that a sender repeats. An event is its key and its time. */
export interface RecentEvents {
  /** Takes an event down. False when it is a repetition: the same key at the same time, not longer than `reachMs` before the newest. */
  add(key: string, timeMs: number): boolean;
}

/** Times by key: one, or for keys with several events a set. */
type Times = Map<string, number | Set<number>>;

/**
 * Remembers events in two generations, so that forgetting costs nothing. What counts as a repetition depends on the events and
 * their order alone, never on when a generation began.
 */
export function createRecentEvents(reachMs: number): RecentEvents {
  let newestMs = Number.NEGATIVE_INFINITY;
  let youngFromMs = Number.NEGATIVE_INFINITY;
  let young: Times = new Map();
  let old: Times = new Map();
  let oldUntilMs = Number.NEGATIVE_INFINITY; // most events are newer than the old generation: they need not be looked up there
  return {
    add(key, timeMs) {
      const beforeMs = newestMs;
      if (timeMs > newestMs) newestMs = timeMs;
      if (timeMs < newestMs - reachMs) return true;
      if (newestMs - youngFromMs > reachMs) {
        old = young;
        young = new Map();
        youngFromMs = newestMs;
        oldUntilMs = beforeMs;
      }
      if (timeMs <= oldUntilMs && has(old, key, timeMs)) return false;
      const times = young.get(key);
      if (times === undefined) young.set(key, timeMs);
      else if (typeof times === "object") {
        if (times.has(timeMs)) return false;
        times.add(timeMs);
      } else if (times === timeMs) return false;
      else young.set(key, new Set([times, timeMs]));
      return true;
    },
  };
}

function has(times: Times, key: string, timeMs: number): boolean {
  const found = times.get(key);
  return typeof found === "object" ? found.has(timeMs) : found === timeMs;
}
