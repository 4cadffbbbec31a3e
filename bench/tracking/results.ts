import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import type { Measured, Sizes } from "./measures.ts";
import type { ServerName } from "./servers.ts";

/** In the order of the table. */
export const rowNames = [
  "cold-start",
  "memory",
  "log-metric",
  "writers",
  "log-batch",
  "search",
  "search-many",
  "history",
  "sample",
  "files",
  "client",
] as const;
export type RowName = (typeof rowNames)[number];

/** What was measured of one server for one row, when, and what else the machine had to do (load average before it). */
export type Entry = Measured & { at: string; load: number };

export interface TrackingResults {
  date: string;
  machine: { cpu: string; cores: number; memoryGb: number; node: string };
  versions: Record<string, string>;
  conditions: string;
  sizes: Sizes;
  rows: Partial<Record<RowName, Partial<Record<ServerName, Entry>>>>;
}

export const resultsFile = join(import.meta.dirname, "..", "results", "tracking.json");

export function readResults(file = resultsFile): TrackingResults | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as TrackingResults) : undefined; // written below
}

/** Written whole or not at all: a run that is stopped keeps the rows it has. */
export function saveResults(results: TrackingResults, file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(results, undefined, 2)}\n`);
  renameSync(`${file}.new`, file);
}

export function thisMachine(): TrackingResults["machine"] {
  return { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), node: process.version };
}
