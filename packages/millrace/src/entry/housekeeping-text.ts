import type { HousekeepingReport } from "#domains/tracking";
import { counted, sizeText } from "./doctor-check.ts";

const done = { archive: "archived", unarchive: "restored", purge: "purged" } as const;

/** What was done in one sentence, and what was left in a line each. */
export function reportText(verb: keyof typeof done, report: HousekeepingReport): string {
  const { experiments, runs, points, artifacts, bytes, left, leftRuns, dryRun } = report;
  const what = [counted(experiments, "experiment"), counted(runs, "run"), counted(points, "metric point"), counted(artifacts, "artifact")].join(", ");
  const lines = left.slice(0, 15).map((why) => `  left: ${why}`);
  if (leftRuns > lines.length) lines.push(`  left: ${leftRuns - lines.length} more`);
  return [`${dryRun ? "would be " : ""}${done[verb]}: ${what} (${sizeText(bytes)})`, ...lines].join("\n");
}

export function addReports(a: HousekeepingReport, b: HousekeepingReport): HousekeepingReport {
  return {
    experiments: a.experiments + b.experiments,
    runs: a.runs + b.runs,
    points: a.points + b.points,
    artifacts: a.artifacts + b.artifacts,
    bytes: a.bytes + b.bytes,
    left: b.left, // what one call left the next one finds again
    leftRuns: b.leftRuns,
    dryRun: b.dryRun,
    done: b.done,
  };
}
