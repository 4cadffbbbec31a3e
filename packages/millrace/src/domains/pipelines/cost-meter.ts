import type { Cost } from "./model.ts";

/** Measures what pieces of work cost while several run in one process. */
export interface CostMeter {
  start(): RunningCost;
}

export interface RunningCost {
  /** Cost that this process does not see, such as a child process's. */
  add(cost: { cpuMs?: number; peakRssBytes?: number }): void;
  stop(): Cost;
}

const sampleEveryMs = 100;
const rssFreshMs = 20; // reading it costs more than a small step

/**
 * A meter for one process. The CPU time of the process (all its threads) is shared evenly among the pieces that run at the same
 * moment, so that the sum over all pieces is what was spent. Memory is the process's resident set, sampled.
 */
export function createCostMeter(): CostMeter {
  const running = new Set<{ peakRssBytes: number }>();
  let sharedMs = 0; // CPU time that a piece running since the beginning, with the company there was, would have been given
  let lastCpu = process.cpuUsage();
  let rss = { bytes: 0, atMs: -Infinity };
  let timer: NodeJS.Timeout | undefined;

  return {
    start() {
      settle();
      const startedMs = performance.now();
      const before = sharedMs;
      const piece = { peakRssBytes: readRss(), addedCpuMs: 0, addedRssBytes: 0 };
      running.add(piece);
      timer ??= setInterval(sample, sampleEveryMs).unref();
      return {
        add({ cpuMs = 0, peakRssBytes = 0 }) {
          piece.addedCpuMs += cpuMs;
          piece.addedRssBytes = Math.max(piece.addedRssBytes, peakRssBytes);
        },
        stop() {
          settle();
          running.delete(piece);
          if (running.size === 0) {
            clearInterval(timer);
            timer = undefined;
          }
          return {
            wallMs: performance.now() - startedMs,
            cpuMs: sharedMs - before + piece.addedCpuMs,
            peakRssBytes: Math.max(piece.peakRssBytes, readRss()) + piece.addedRssBytes,
          };
        },
      };
    },
  };

  function settle(): void {
    const cpu = process.cpuUsage();
    if (running.size > 0) sharedMs += (cpu.user - lastCpu.user + cpu.system - lastCpu.system) / 1_000 / running.size;
    lastCpu = cpu;
  }

  function sample(): void {
    const bytes = readRss();
    for (const piece of running) piece.peakRssBytes = Math.max(piece.peakRssBytes, bytes);
  }

  function readRss(): number {
    const nowMs = performance.now();
    if (nowMs - rss.atMs > rssFreshMs) rss = { bytes: process.memoryUsage.rss(), atMs: nowMs };
    return rss.bytes;
  }
}
