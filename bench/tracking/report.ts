// The table of docs/explanation/tracking-benchmarks.md, made from bench/results/tracking.json: `node --conditions=source bench/tracking/report.ts`.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Entry, readResults, type RowName, type TrackingResults } from "./results.ts";
import type { ServerName } from "./servers.ts";

const page = join(import.meta.dirname, "..", "..", "docs", "explanation", "tracking-benchmarks.md");
const begin = "<!-- Made by `node --conditions=source bench/tracking/report.ts`; do not edit. -->\n";
const end = "<!-- End of the measured table. -->";

/** A line of the table: a number of a row, which is to be so many times better than MLflow's, or below a limit. */
interface Line {
  row: RowName;
  what: (sizes: TrackingResults["sizes"]) => string;
  field: string;
  unit: string;
  /** More is better. */
  more?: boolean;
  /** Times better than the server named (one worker unless said). */
  times?: number;
  than?: ServerName;
  /** Millrace's number at the most. */
  most?: number;
}

const count = (value: number) => value.toLocaleString("en-US");
const lines: Line[] = [
  { row: "cold-start", what: () => "Cold start to the first answer, existing store", field: "p50Ms", unit: "ms", times: 20, most: 350 },
  { row: "memory", what: () => "Resident memory of the process tree, idle", field: "idleMb", unit: "MB", times: 15 },
  { row: "memory", what: () => "… MLflow without its job workers", field: "idleMb", unit: "MB", times: 3.5, than: "mlflow-one-bare" },
  { row: "memory", what: () => "Resident memory after load", field: "afterMb", unit: "MB", times: 15 },
  { row: "memory", what: () => "… MLflow without its job workers", field: "afterMb", unit: "MB", times: 3.5, than: "mlflow-one-bare" },
  { row: "log-metric", what: () => "Log one metric, raw HTTP, durable: p50", field: "p50Ms", unit: "ms", times: 15 },
  { row: "log-metric", what: () => "… p99", field: "p99Ms", unit: "ms" },
  { row: "writers", what: () => "8 concurrent writers, one metric a call", field: "callsPerSecond", unit: "calls/s", more: true, times: 40 },
  { row: "writers", what: () => "… p99", field: "p99Ms", unit: "ms", most: 20 },
  { row: "log-batch", what: () => "log-batch of 1,000 metrics", field: "rowsPerSecond", unit: "rows/s", more: true, times: 30 },
  {
    row: "search",
    what: ({ runs }) => `Search: 100 of ${count(runs)} runs (20 metrics, 20 params each), filter and order`,
    field: "p50Ms",
    unit: "ms",
    times: 50,
  },
  { row: "search", what: () => "… a page of 1,000 runs", field: "pageP50Ms", unit: "ms", times: 50 },
  {
    row: "search-many",
    what: ({ manyRuns }) => `Search over ${count(manyRuns)} runs by metric and param, 100 returned: p95`,
    field: "p95Ms",
    unit: "ms",
    most: 50,
  },
  {
    row: "history",
    what: ({ historyPoints }) => `A history of ${count(historyPoints)} points, complete, in MLflow's pages`,
    field: "p50Ms",
    unit: "ms",
    times: 40,
  },
  {
    row: "sample",
    what: ({ samplePoints, historyPoints }) => `${count(samplePoints)} points sampled for a chart (MLflow: ${count(historyPoints)} points)`,
    ...{ field: "p50Ms", unit: "ms", most: 100 },
  },
  { row: "files", what: ({ fileMb }) => `Upload of ${count(fileMb)} MB`, field: "uploadMbPerSecond", unit: "MB/s", more: true, times: 1 },
  { row: "files", what: () => "… most memory meanwhile", field: "uploadMemoryMb", unit: "MB", most: 150 },
  { row: "files", what: () => "Download of the same", field: "downloadMbPerSecond", unit: "MB/s", more: true, times: 1 },
  { row: "files", what: () => "… most memory meanwhile", field: "downloadMemoryMb", unit: "MB", most: 150 },
  { row: "client", what: () => "The MLflow client's own `log_metric`", field: "p50Ms", unit: "ms", most: 2.3 },
  { row: "client", what: () => "A scikit-learn fit with the client's `autolog`", field: "autologSeconds", unit: "s" },
];

/** The Markdown table with its notes. Lines whose measurement is not there are left out. */
export function measuredTable(results: TrackingResults): string {
  const { machine, versions, conditions, rows, sizes } = results;
  const cells = lines.flatMap((line) => {
    const row = rows[line.row];
    const ours = row?.millrace;
    if (ours === undefined) return [];
    const one = row?.[line.than ?? "mlflow-one"];
    const standard = row?.[line.than === undefined ? "mlflow-default" : "mlflow-default-bare"];
    const ratio = ratioOf(line, ours, one);
    return [
      [
        line.what(sizes),
        shown(line, ours),
        shown(line, one),
        shown(line, standard),
        ratio === undefined ? "" : `${times(ratio)}×`,
        ...verdict(line, ours, ratio),
      ],
    ];
  });
  const entries = Object.values(rows).flatMap((row) => Object.values(row));
  const loads = entries.map(({ load }) => load).sort((a, b) => a - b);
  const days = [...new Set(entries.map(({ at }) => at.slice(0, 10)))].sort();
  const answers = Object.values(rows.search ?? {}).map(({ answer }) => answer);
  const alike = answers.length > 1 && new Set(answers).size === 1;
  return [
    "| | Millrace | `mlflow server --workers 1` | `mlflow server` | Ratio to one worker | Asked | Met |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...cells.map((each) => `| ${each.join(" | ")} |`),
    "",
    `Measured ${days.join(" to ")} on ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Node ${machine.node.replace("v", "")};`,
    `${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}; load average before each measurement ${loads[0]} to ${loads.at(-1)}; ${conditions}.`,
    ...(alike ? ["All servers answered the searches with the same runs in the same order."] : []),
    "",
  ].join("\n");
}

/** The page with its table as the results have it now. */
export function withTrackingTable(text: string): string {
  const results = readResults();
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error("docs/explanation/tracking-benchmarks.md has lost the marks around its measured table.");
  return results === undefined ? text : `${text.slice(0, from)}${begin}\n${measuredTable(results)}\n${text.slice(to)}`;
}

export function writeTable(): void {
  writeFileSync(page, withTrackingTable(readFileSync(page, "utf8")));
}

function ratioOf({ field, more }: Line, ours: Entry, theirs: Entry | undefined): number | undefined {
  const [a, b] = [Number(ours[field]), Number(theirs?.[field] ?? Number.NaN)];
  return Number.isNaN(a / b) ? undefined : more ? a / b : b / a;
}

function verdict({ times: wanted, most, field, unit }: Line, ours: Entry, ratio: number | undefined): [string, string] {
  const asked = [...(wanted === undefined ? [] : [`${wanted}×`]), ...(most === undefined ? [] : [`under ${most} ${unit}`])];
  if (asked.length === 0) return ["", ""];
  if (wanted !== undefined && ratio === undefined) return [asked.join(", "), "not compared"];
  const met = (wanted === undefined || ratio! >= wanted) && (most === undefined || Number(ours[field]) < most);
  return [asked.join(", "), met ? "yes" : "**no**"];
}

function shown({ field, unit }: Line, entry: Entry | undefined): string {
  const value = entry?.[field];
  return typeof value === "number" ? `${count(value)} ${unit}` : "";
}

function times(ratio: number): string {
  return ratio >= 10 ? String(Math.round(ratio)) : ratio.toFixed(1);
}

if (import.meta.main) writeTable();
