import type { Clock } from "#kit/clock";
import type { HereServices } from "./here.ts";
import type { Item, ItemKind } from "./ledger.ts";
import type { TransferReport } from "./report.ts";
import type { MlflowSource } from "./source.ts";

/** What every part of an import gets. */
export interface ImportContext {
  here: HereServices;
  source: MlflowSource;
  report: TransferReport;
  clock: Clock;
  /** When this import began, after everything that is written down of earlier ones. */
  atMs: number;
  scratchFolder: string;
  /** Copies the files of runs and models, where they can be had. */
  artifacts: boolean;
  /** Looks only. */
  dryRun: boolean;
  /** Reads also what has the stamp it had when it was taken. */
  recheck: boolean;
  signal: AbortSignal;
  progress(line: string): void;
}

export function newItem(context: ImportContext, kind: ItemKind, id: string, stamp: string, digest: string | null): Item {
  return { kind, id, stamp, digest, at_ms: context.atMs };
}

/** What to do with a thing of the source, from what stands here and what an earlier import wrote down. */
export type Decision = "take" | "same" | "compare";

export function decide(context: ImportContext, item: Item | undefined, stamp: string, stands: boolean): Decision {
  if (item?.digest === null || (item === undefined && !stands)) return "take";
  if (item !== undefined && item.stamp === stamp && stands && !context.recheck) return "same";
  return stands ? "compare" : "take";
}

/** Whether what stands here may give way: it is as an earlier import left it. */
export function mayReplace(item: Item | undefined, digestHere: string): boolean {
  return item?.digest === digestHere;
}
