/** Wakes one who waits. */
export interface Bell {
  ring(): void;
  /** Resolves at the next ring, after a time or when the signal aborts; at once where it rang since it was last heard. */
  heard(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  let rang = false;
  let wake = () => {};
  return {
    ring() {
      rang = true;
      wake();
    },
    async heard(timeoutMs, signal) {
      if (!rang && !signal.aborted)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
          signal.addEventListener("abort", wake, { once: true });
        }).finally(() => signal.removeEventListener("abort", wake));
      rang = false;
    },
  };
}
