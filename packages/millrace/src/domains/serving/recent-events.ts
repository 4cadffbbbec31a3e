/** The events of one topic that came lately, to notice one that a sender repeats. An event is its key and its time. */
export interface RecentEvents {
  /** Takes an event down. False when it is a repetition: the same key at the same time, not longer than `reachMs` before the newest. */
  add(key: string, timeMs: number): boolean;
}

/**
 * Remembers events in two generations, so that forgetting costs nothing. What counts as a repetition depends on the events and
 * their order alone, never on when a generation began.
 */
export function createRecentEvents(reachMs: number): RecentEvents {
  let newestMs = Number.NEGATIVE_INFINITY;
  let youngFromMs = Number.NEGATIVE_INFINITY;
  let young = new Set<string>();
  let old = new Set<string>();
  return {
    add(key, timeMs) {
      if (timeMs > newestMs) newestMs = timeMs;
      if (timeMs < newestMs - reachMs) return true;
      if (newestMs - youngFromMs > reachMs) {
        old = young;
        young = new Set();
        youngFromMs = newestMs;
      }
      const event = `${timeMs} ${key}`;
      if (young.has(event) || old.has(event)) return false;
      young.add(event);
      return true;
    },
  };
}
