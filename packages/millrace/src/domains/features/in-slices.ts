import { setImmediate } from "node:timers/promises";

/** Rows that simple work goes through in a few milliseconds. */
export const sliceRows = 100_000;

/** Does work over [0, length) in slices, with a turn of the event loop between them, so that a server goes on answering. */
export async function inSlices(
  length: number,
  slice: number,
  signal: AbortSignal | undefined,
  work: (from: number, to: number) => void,
): Promise<void> {
  for (let from = 0; from < length; from += slice) {
    if (from > 0) await setImmediate();
    signal?.throwIfAborted();
    work(from, Math.min(length, from + slice));
  }
}
