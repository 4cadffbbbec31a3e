import { breather } from "./breathe.ts";
import { type ChosenRuns, chooseRuns } from "./choose-runs.ts";
import type { TrackingServices } from "./model.ts";
import { parseRunFields, parseRunOrder } from "./order-text.ts";
import { type FoundRun, type RunQuery, runReader } from "./query-runs.ts";
import type { RunField } from "./run-fields.ts";
import { firstInOrder } from "./run-order.ts";
import { tieBreak } from "./search-runs.ts";
import { numberText } from "./wire-number.ts";

const runsPerPiece = 200; // a few milliseconds of work
export const exportFormats = ["csv", "json", "ndjson"] as const;
export type ExportFormat = (typeof exportFormats)[number];

/**
 * The runs of a search as text, a piece at a time, however many: CSV (RFC 4180, a column a metric, param and tag), one JSON list,
 * or a line of JSON a run. It has the runs that matched when it began, with what they have when their turn comes.
 */
export async function exportRuns(
  services: TrackingServices,
  { format, order = "", select, ...choice }: Omit<RunQuery, "cursor" | "limit"> & { format: ExportFormat },
): Promise<AsyncIterable<Uint8Array>> {
  const orderBy = parseRunOrder(order);
  const selected = select === undefined ? undefined : parseRunFields(select);
  const chosen = await chooseRuns(services, choice, orderBy);
  const slots = firstInOrder(chosen.columns, chosen.slots, [...orderBy, ...tieBreak], chosen.slots.length);
  const ids = slots.map((slot) => chosen.columns.id(slot)); // slots may move while others wait for a slow reader
  const keyed = format === "csv" ? await keyedColumns(chosen, selected) : [];
  return encoded(pieces(chosen, ids, selected, keyed, format));
}

async function* pieces(chosen: ChosenRuns, ids: string[], selected: RunField[] | undefined, keyed: KeyedColumn[], format: ExportFormat) {
  if (format === "csv") yield csvLine([...attributes, ...keyed.map(({ kind, key }) => `${kind}s.${key}`)]);
  if (format === "json") yield "[\n";
  let separator = "";
  const breathe = breather();
  for (let from = 0; from < ids.length; from += runsPerPiece) {
    const read = runReader(chosen, selected);
    let text = "";
    for (const id of ids.slice(from, from + runsPerPiece)) {
      const slot = chosen.columns.slotOf(id);
      if (slot === undefined) continue; // purged meanwhile
      const run = read(slot);
      text += format === "csv" ? csvRun(run, keyed) : `${separator}${jsonRun(run)}${format === "ndjson" ? "\n" : ""}`;
      if (format === "json") separator = ",\n";
    }
    yield text;
    await breathe();
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

async function keyedColumns({ columns, slots }: ChosenRuns, selected: RunField[] | undefined): Promise<KeyedColumn[]> {
  const kinds = ["metric", "param", "tag"] as const;
  if (selected !== undefined)
    return selected.flatMap((field) => kinds.flatMap((kind) => (kind in field ? [{ kind, key: (field as Record<string, string>)[kind]! }] : []))); // just asked
  const found: KeyedColumn[] = [];
  const breathe = breather();
  for (const kind of kinds) {
    for (const key of columns.keys(kind).sort()) {
      const column = columns.column(kind, key);
      if (slots.some((slot) => (column?.kind === "number" ? column.has(slot) : (column?.code(slot) ?? -1) >= 0))) found.push({ kind, key });
      await breathe();
    }
  }
  return found;
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

/** A text that a spreadsheet would take for a formula begins with an apostrophe in CSV, as spreadsheets write it themselves. */
function csvLine(given: string[]): string {
  const cells = given.map((cell) => (/^[=+\-@\t\r]/.test(cell) && Number.isNaN(Number(cell)) && cell !== "-Infinity" ? `'${cell}` : cell));
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")}\r\n`;
}

function jsonRun(run: FoundRun): string {
  return JSON.stringify({ ...run, metrics: Object.fromEntries(Object.entries(run.metrics).map(([key, value]) => [key, numberText(value)])) });
}
