import { createBell, type Bell } from "#kit/bell";

/** What this process put down to be sent: wakes the one who delivers, and knows what was not tried yet. */
export interface Outbox {
  bell: Bell;
  /** A message was committed. */
  add(id: string): void;
  /** It was tried for the first time. */
  tried(id: string): void;
  /** Resolves when all that is in it by now was tried, whatever came of it, or after a time; nobody waits for the same twice. */
  emptied(withinMs: number): Promise<void>;
}

export function createOutbox(): Outbox {
  const untried = new Map<string, PromiseWithResolvers<void>>();
  const bell = createBell();
  const tried = (id: string) => {
    untried.get(id)?.resolve();
    untried.delete(id);
  };
  return {
    bell,
    tried,
    add(id) {
      untried.set(id, Promise.withResolvers());
      bell.ring();
    },
    async emptied(withinMs) {
      if (untried.size === 0) return;
      const waiting = [...untried];
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, withinMs);
      await Promise.race([late.promise, Promise.all(waiting.map(([, { promise }]) => promise))]);
      clearTimeout(timer);
      for (const [id] of waiting) tried(id);
    },
  };
}
