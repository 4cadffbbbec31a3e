import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { LogFiles } from "./embedded-files.ts";
import { scanFrames } from "./embedded-journal.ts";
import { hasItsData, loadLog } from "./embedded-recovery.ts";
import type { LogView } from "./embedded-reader.ts";
import { applyRecord, emptyState, type LogState } from "./embedded-state.ts";

/** A view whose news come from elsewhere: `close` ends all waiting. */
export interface ClosableView extends LogView {
  close(): void;
}

/** The view of the process that writes: its state is the truth, `wake` tells readers that it changed. */
export function writerView(files: LogFiles, folder: string, state: LogState): ClosableView & { wake(): void } {
  let waiting = new Set<(more: boolean) => void>();
  let closed = false;
  const wake = (more: boolean) => {
    const woken = waiting;
    waiting = new Set();
    for (const resolve of woken) resolve(more);
  };
  return {
    folder,
    files,
    indexes: new Map(),
    state: () => state,
    refresh: () => Promise.resolve(),
    news: (signal) =>
      new Promise((resolve) => {
        if (closed || signal?.aborted) return resolve(false);
        const abort = () => settle(false);
        const settle = (more: boolean) => {
          waiting.delete(settle);
          signal?.removeEventListener("abort", abort);
          resolve(more);
        };
        waiting.add(settle);
        signal?.addEventListener("abort", abort);
      }),
    wake: () => wake(true),
    close() {
      closed = true;
      wake(false);
    },
  };
}

/**
 * The view of a second process: what the journal says, read again when asked. It never writes. It may see a group a moment before
 * the writer has made it durable.
 */
export async function journalView(files: LogFiles, folder: string, pollMs: number): Promise<ClosableView> {
  const ended = new AbortController();
  let loaded = await loadLog(files, folder);
  let reading = Promise.resolve();

  async function readOn(): Promise<void> {
    const newest = (await files.list(folder)).filter((name) => /^journal-\d{20}\.log$/.test(name)).at(-1);
    if (newest === undefined) return;
    const size = newest === loaded?.journal.name ? await files.size(join(folder, newest)) : undefined;
    if (!loaded || size === undefined) {
      loaded = (await loadLog(files, folder)) ?? loaded;
      return;
    }
    if (size <= loaded.journal.bytes) return;
    const { journal, state } = loaded;
    const file = await files.open(join(folder, journal.name), "read");
    try {
      const added = Buffer.alloc(size - journal.bytes);
      const got = await file.read(added, journal.bytes);
      const frames = scanFrames(added.subarray(0, got), 0, state.seq, join(folder, journal.name));
      for (const frame of frames) {
        if (frame === frames.at(-1) && !(await hasItsData(files, folder, state, frame.record))) break; // as in `loadLog`
        applyRecord(state, frame.record);
        journal.bytes += frame.bytes;
      }
    } finally {
      await file.close();
    }
  }

  const refresh = () => {
    const next = reading.then(readOn);
    reading = next.catch(() => undefined); // the caller gets the error; the next one reads anew
    return next;
  };
  const nothing = emptyState();
  return {
    folder,
    files,
    indexes: new Map(),
    state: () => loaded?.state ?? nothing,
    refresh,
    async news(signal) {
      const seq = loaded?.state.seq;
      while (loaded?.state.seq === seq) {
        const stop = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
        const waited = await sleep(pollMs, true, { signal: stop }).catch(() => false); // rejects only when aborted
        if (!waited) return false;
        await refresh();
      }
      return true;
    },
    close: () => ended.abort(),
  };
}
