import { AppError, toAppError } from "#kit/app-error";

export type ReportKind = "experiments" | "runs" | "logged models" | "models" | "traces" | "files";
export const reportKinds: ReportKind[] = ["experiments", "runs", "logged models", "models", "traces", "files"];

export interface KindCounts {
  /** Things that the source has. */
  found: number;
  new: number;
  updated: number;
  unchanged: number;
  /** Not taken: they are refused, or in conflict. */
  left: number;
}

/** Something that was not taken, or did not arrive as it was. */
export interface Problem {
  problem: "refused" | "conflict" | "mismatch" | "files left";
  kind: string;
  id: string;
  why: string;
  remedy: string;
  /** Of how many it holds, where it is told once for all. */
  count?: number;
}

/** What an import or export did, or with a dry run would do. */
export interface TransferReport {
  from: string;
  to: string;
  dryRun: boolean;
  kinds: Record<ReportKind, KindCounts>;
  /** Versions of models, points of metrics and bytes of files that were found. */
  versions: number;
  points: number;
  bytes: number;
  /** Compared after the transfer: things that are equal on both sides, by kind. */
  verified: Partial<Record<ReportKind, number>> & { points: number };
  /** Things taken by an earlier import that were changed here since, and are unchanged in the source. */
  changedHere: number;
  leftOut: { what: string; count: number }[];
  problems: Problem[];
}

export function newReport(from: string, to: string, dryRun: boolean): TransferReport {
  const none = (): KindCounts => ({ found: 0, new: 0, updated: 0, unchanged: 0, left: 0 });
  return {
    ...{ from, to, dryRun, versions: 0, points: 0, bytes: 0, verified: { points: 0 }, changedHere: 0, leftOut: [], problems: [] },
    kinds: { experiments: none(), runs: none(), "logged models": none(), models: none(), traces: none(), files: none() },
  };
}

/** Does something with one thing. What the thing itself is to blame for is written down and passed over; anything else is thrown. */
export async function orProblem<Result>(
  report: TransferReport,
  kind: ReportKind,
  id: string,
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await work();
  } catch (thrown) {
    const error = tooLarge(thrown) ?? toAppError(thrown);
    if (error.code !== "invalid_argument" && error.code !== "conflict" && error.code !== "not_found" && error.code !== "corrupt_data") throw thrown;
    report.kinds[kind].left++;
    report.problems.push({
      problem: error.code === "conflict" ? "conflict" : error.code === "corrupt_data" ? "mismatch" : "refused",
      ...{ kind, id, why: error.message, remedy: error.hint ?? "Change it in the source, and run the import again." },
    });
    return undefined;
  }
}

export function conflict(why: string, remedy: string): AppError {
  return new AppError("conflict", why, { hint: remedy });
}

/** SQLite's integers go beyond what a number keeps exactly, and are not read as something else. */
function tooLarge(thrown: unknown): AppError | undefined {
  if (!(thrown instanceof Error && thrown.message.includes("too large to be represented as a JavaScript number"))) return undefined;
  return new AppError("invalid_argument", "It has a number beyond 2^53, which cannot be kept exactly.", {
    cause: thrown,
    hint: "Correct it in the source.",
  });
}
