import { chooseRuns } from "./choose-runs.ts";
import type { TrackingServices } from "./model.ts";
import { parseRunFields } from "./order-text.ts";
import { type FoundRun, queryRuns, type RunQuery } from "./query-runs.ts";
import { numberText } from "./wire-number.ts";

const runsPerPiece = 1_000;
export const exportFormats = ["csv", "json", "ndjson"] as const;
export type ExportFormat = (typeof exportFormats)[number];

/**
 * The runs of a search as text, a piece at a time, however many: CSV (RFC 4180, a column a metric, param and tag), one JSON list,
 * or a line of JSON a run. Without a selection the columns of CSV are those that the runs have when it begins.
 */
export async function exportRuns(
  services: TrackingServices,
  { format, ...query }: Omit<RunQuery, "cursor" | "limit"> & { format: ExportFormat },
): Promise<AsyncIterable<Uint8Array>> {
  const columns = format === "csv" ? await keyedColumns(services, query) : [];
  const first = await queryRuns(services, { ...query, limit: runsPerPiece }); // a bad query is an error before the first byte
  return encoded(pieces(services, query, first, format, columns));
}

async function* pieces(
  services: TrackingServices,
  query: RunQuery,
  first: Awaited<ReturnType<typeof queryRuns>>,
  format: ExportFormat,
  columns: KeyedColumn[],
) {
  if (format === "csv") yield csvLine([...attributes, ...columns.map(({ kind, key }) => `${kind}s.${key}`)]);
  let separator = "";
  if (format === "json") yield "[\n";
  for (let page = first; ; page = await queryRuns(services, { ...query, limit: runsPerPiece, cursor: page.nextCursor! })) {
    let text = "";
    for (const run of page.runs) {
      if (format === "csv") text += csvRun(run, columns);
      else text += `${separator}${jsonRun(run)}${format === "ndjson" ? "\n" : ""}`;
      if (format === "json") separator = ",\n";
    }
    yield text;
    if (page.nextCursor === undefined) break;
  }
  if (format === "json") yield "\n]\n";
}

async function* encoded(texts: AsyncIterable<string>): AsyncIterable<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const text of texts) if (text !== "") yield encoder.encode(text);
}

interface KeyedColumn {
  kind: "metric" | "param" | "tag";
  key: string;
}

async function keyedColumns(services: TrackingServices, { select, query, experiments, view }: RunQuery): Promise<KeyedColumn[]> {
  const kinds = ["metric", "param", "tag"] as const;
  if (select !== undefined) {
    return parseRunFields(select).flatMap((field) =>
      kinds.flatMap((kind) => (kind in field ? [{ kind, key: (field as Record<string, string>)[kind]! }] : [])),
    ); // just asked
  }
  const { columns, slots } = await chooseRuns(services, { query, experiments, view });
  return kinds.flatMap((kind) =>
    columns
      .keys(kind)
      .filter((key) => {
        const column = columns.column(kind, key);
        return slots.some((slot) => (column?.kind === "number" ? column.has(slot) : (column?.code(slot) ?? -1) >= 0));
      })
      .sort()
      .map((key) => ({ kind, key })),
  );
}

const attributes = ["id", "name", "experiment", "experiment.id", "status", "actor", "parent", "started", "ended"];

function csvRun(run: FoundRun, columns: KeyedColumn[]): string {
  const time = (ms: number | undefined) => (ms === undefined ? "" : new Date(ms).toISOString());
  const { id, name, experimentName, experiment, status, actor = "", parent = "", startedMs, endedMs } = run;
  return csvLine([
    ...[id, name, experimentName, experiment, status, actor, parent, time(startedMs), time(endedMs)],
    ...columns.map(({ kind, key }) => {
      const values: Record<string, string | number> = { metric: run.metrics, param: run.params, tag: run.tags }[kind];
      return Object.hasOwn(values, key) ? String(values[key]) : "";
    }),
  ]);
}

function csvLine(cells: string[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")}\r\n`;
}

function jsonRun(run: FoundRun): string {
  return JSON.stringify({ ...run, metrics: Object.fromEntries(Object.entries(run.metrics).map(([key, value]) => [key, numberText(value)])) });
}
