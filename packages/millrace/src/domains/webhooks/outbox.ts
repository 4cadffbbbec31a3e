import { createBell, type Bell } from "#kit/bell";

/** What this process put down to be sent: wakes the one who delivers, and knows what was not tried yet. */
export interface Outbox {
  bell: Bell;
  /** A message was committed. */
  add(id: string): void;
  /** It was tried for the first time. */
  tried(id: string): void;
  /**
   * Resolves when all that is in it by now was tried, whatever came of it, or after the time that receivers have. Where they took
   * longer, it resolves at once until one is in time again, so that a slow one does not slow down those who only tell it something.
   */
  emptied(): Promise<void>;
}

const forgetMs = 60_000;

/** @param promptMs the time that receivers have */
export function createOutbox(promptMs = 500): Outbox {
  const untried = new Map<string, { done: PromiseWithResolvers<void>; sinceMs: number }>();
  const bell = createBell();
  let late = false;
  return {
    bell,
    add(id) {
      for (const [old, { sinceMs }] of untried) {
        if (performance.now() - sinceMs < forgetMs) break; // they are in the order of their times
        untried.delete(old); // another process sent it
      }
      untried.set(id, { done: Promise.withResolvers(), sinceMs: performance.now() });
      bell.ring();
    },
    tried(id) {
      const message = untried.get(id);
      if (message === undefined) return;
      untried.delete(id);
      if (performance.now() - message.sinceMs < promptMs) late = false;
      message.done.resolve();
    },
    async emptied() {
      if (late || untried.size === 0) return;
      const waiting = [...untried];
      const over = Promise.withResolvers<void>();
      const timer = setTimeout(() => {
        late = true;
        for (const [id] of waiting) untried.delete(id);
        over.resolve();
      }, promptMs);
      await Promise.race([over.promise, Promise.all(waiting.map(([, { done }]) => done.promise))]);
      clearTimeout(timer);
    },
  };
}
