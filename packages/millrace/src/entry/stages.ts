import { readFileSync } from "node:fs";
import type { Terminal } from "./command-line.ts";

/** What one stage of a longer work cost and gave. */
export interface StageReport {
  name: string;
  summary: string;
  seconds: number;
  /** Largest memory of the process at any moment of the stage. */
  peakMemoryMb: number;
  /** Nothing had changed: the result was there already. */
  cached: boolean;
}

export interface Stages {
  /** Runs a stage: shows it while it works and one line when it is done. */
  run<Result>(
    name: string,
    work: (progress: (text: string) => void) => Promise<{ result: Result; summary: string; cached?: boolean }>,
  ): Promise<Result>;
  readonly reports: StageReport[];
  /** Seconds since the stages were opened. */
  seconds(): number;
}

const sampleMs = 100;

export function openStages(terminal: Terminal): Stages {
  const started = performance.now();
  const reports: StageReport[] = [];
  return {
    reports,
    seconds: () => (performance.now() - started) / 1_000,
    async run(name, work) {
      const begun = performance.now();
      let peak = memoryMb();
      let text = "";
      const watch = setInterval(() => {
        peak = Math.max(peak, memoryMb());
        terminal.progress(`  ${name.padEnd(16)}${text}  ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
      }, sampleMs);
      try {
        const { result, summary, cached = false } = await work((line) => (text = line));
        const report: StageReport = {
          name,
          summary,
          seconds: (performance.now() - begun) / 1_000,
          peakMemoryMb: Math.round(Math.max(peak, memoryMb())),
          cached,
        };
        reports.push(report);
        terminal.note(stageLine(report));
        return result;
      } finally {
        clearInterval(watch);
      }
    },
  };
}

/** `  ingest          22 weeks, 2,497,772 rows                    0.5 s`, with `cached` where nothing had to be done. */
export function stageLine({ name, summary, seconds, cached }: StageReport): string {
  return `  ${name.padEnd(16)}${summary}${cached ? " (cached)" : ""}  ${seconds.toFixed(1)} s`;
}

/** Resident memory of this process; Millrace starts no others. */
export function memoryMb(): number {
  return process.memoryUsage.rss() / 1_048_576;
}

/** The largest resident memory that this process ever had. */
export function peakMemoryMb(): number {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
    if (line) return Number(line[1]) / 1_024;
  } catch {
    // not Linux: the resource usage below has it
  }
  return process.resourceUsage().maxRSS / 1_024;
}
