import { reportKinds, type TransferReport } from "#compat/mlflow-import";
import { textTable } from "./command-line.ts";

const problemsShown = 20;

/** A report for people: counts, what was compared, what was left out, and every problem with its remedy. */
export function transferText(report: TransferReport): string {
  const { dryRun, kinds, problems, verified } = report;
  const number = (value: number) => value.toLocaleString("en-US");
  const rows = reportKinds.map((kind) => ({ kind, ...kinds[kind], ...(!dryRun && { verified: verified[kind] ?? 0 }) }));
  const lines = [
    `${dryRun ? "A dry run: nothing is written. " : ""}From ${report.from} to ${report.to}.`,
    textTable(rows),
    `${number(report.versions)} versions of models, ${number(report.points)} new points of metrics, ${number(report.bytes)} bytes in files.`,
  ];
  if (!dryRun && isNothingNew(report)) lines.push("Nothing was new: nothing was changed.");
  if (report.changedHere > 0)
    lines.push(`${number(report.changedHere)} things were changed here since an earlier import, and stay as they are here.`);
  for (const { what, count } of report.leftOut) lines.push(`Left out: ${count > 0 ? `${number(count)} ` : ""}${what}.`);
  for (const { problem, kind, id, why, remedy, count } of problems.slice(0, problemsShown))
    lines.push(`${problem}: ${kind} ${id}${count === undefined ? "" : ` and ${count - 1} more`}\n  ${why}\n  ${remedy}`);
  if (problems.length > problemsShown) lines.push(`… and ${problems.length - problemsShown} more problems: --json has them all.`);
  return lines.join("\n");
}

/** 1 where something did not arrive as it was, 6 where something was not taken, else 0. */
export function exitOf({ problems }: TransferReport): number {
  if (problems.some(({ problem }) => problem === "mismatch")) return 1;
  return problems.some(({ problem }) => problem !== "files left") ? 6 : 0;
}

function isNothingNew({ kinds }: TransferReport): boolean {
  return reportKinds.every((kind) => kinds[kind].new + kinds[kind].updated === 0);
}
