import { AppError } from "#kit/app-error";
import type { FeatureColumn, LabelledTable } from "#ports/trainer";
import type { WarehouseColumn, WarehouseTable } from "#ports/warehouse";
import { inSlices, sliceRows } from "./in-slices.ts";
import { columnOf, joinFeatures, numbersOf, type JoinRequest } from "./join-features.ts";
import { orderByTimeAside } from "./order-by-time.ts";
import { sampleRows } from "./sample-rows.ts";

export interface TrainingSetRequest extends JoinRequest {
  /** The spine's column to learn; rows where it is null are left out. */
  label: string;
  /** When the label became known. With `beforeMs`, rows whose label was not known by then are left out. */
  labelKnown?: string;
  /** Further columns of the spine to learn from, as they stand: numbers, or text as categories. */
  columns?: readonly string[];
  /** The spine's column that identifies a row. */
  id?: string;
  /** Only rows that ask before this moment. */
  beforeMs?: number;
  /** Keep at most so many rows, chosen by the hash of their id and the seed. */
  sample?: { rows: number; seed: number };
}

/** Rows to learn from, in the order of time; those of equal time in the order of their ids, whatever the order of the spine. */
export interface TrainingSet {
  rows: number;
  /** The spine's own columns first, then the joined features by their full names. */
  features: FeatureColumn[];
  label: Float32Array;
  /** When each row asked, epoch ms, never falling. */
  time: Float64Array;
  /** What identifies each row, where the request named it. */
  id: WarehouseColumn | undefined;
  /** The end of the set's time: `beforeMs`, or just after the last row. */
  endMs: number;
  /** Rows of the spine left out: without time or label, too late, or not in the sample. */
  leftOut: { unusable: number; tooLate: number; notSampled: number };
}

/**
 * Builds a training set: chooses rows, puts them in the order of time, and joins the features as of each row's own time. The
 * same request always gives the same set. Throws `invalid_argument` when no rows are left or a column is missing.
 */
export async function buildTrainingSet(request: TrainingSetRequest): Promise<TrainingSet> {
  const { spine, sample } = request;
  const usable = await usableRows(request);
  const ids = request.id === undefined ? undefined : columnOf(spine, request.id, "spine");
  const candidates = ids === undefined ? usable.rows : await inOrderOf(usable.rows, sortable(ids), request.signal);
  const sampled = sample === undefined ? candidates : await sampleRows(candidates, ids, sample.rows, sample.seed, request.signal);
  if (sampled.length === 0) {
    throw new AppError(
      "invalid_argument",
      `No row of the spine can be learned from: of ${spine.rows}, ${usable.unusable} have no time or label and ${usable.tooLate} are too late.`,
      {
        hint: "Check the label and time columns and the moment that rows must come before.",
      },
    );
  }
  const chosen = await inOrderOf(sampled, numbersOf(spine, request.time, "spine"), request.signal);
  const extra = request.columns ?? [];
  const needed = new Set([request.time, request.label, ...extra, ...Object.values(request.features).flatMap((bound) => bound.on)]);
  if (request.id !== undefined) needed.add(request.id);
  const table: WarehouseTable = { rows: chosen.length, columns: [] };
  for (const name of needed) table.columns.push(await pick(columnOf(spine, name, "spine"), chosen, request.signal));
  const joined = await joinFeatures({ ...request, spine: table });
  const time = numbersOf(table, request.time, "spine");
  return {
    rows: chosen.length,
    features: [
      ...extra.map((name) => featureColumn(columnOf(table, name, "spine"))),
      ...joined.names.map((name, i): FeatureColumn => ({ name, kind: "number", values: joined.columns[i]! })),
    ],
    label: new Float32Array(numbersOf(table, request.label, "spine")),
    time,
    id: request.id === undefined ? undefined : columnOf(table, request.id, "spine"),
    endMs: request.beforeMs ?? time.at(-1)! + 1,
    leftOut: { unusable: usable.unusable, tooLate: usable.tooLate, notSampled: usable.rows.length - chosen.length },
  };
}

/** The rows [from, to) of a training set as a trainer takes them, without copying. */
export function labelledRows(set: TrainingSet, { from, to }: { from: number; to: number }): LabelledTable {
  return {
    rows: to - from,
    features: set.features.map((column) =>
      column.kind === "number" ? { ...column, values: column.values.subarray(from, to) } : { ...column, codes: column.codes.subarray(from, to) },
    ),
    label: set.label.subarray(from, to),
  };
}

async function usableRows(request: TrainingSetRequest): Promise<{ rows: Uint32Array; unusable: number; tooLate: number }> {
  const { spine, beforeMs = Number.POSITIVE_INFINITY } = request;
  const time = numbersOf(spine, request.time, "spine");
  const label = numbersOf(spine, request.label, "spine");
  const known = request.labelKnown === undefined ? time : numbersOf(spine, request.labelKnown, "spine");
  const rows = new Uint32Array(spine.rows);
  let count = 0;
  let unusable = 0;
  await inSlices(spine.rows, sliceRows, request.signal, (from, to) => {
    for (let row = from; row < to; row++) {
      if (Number.isNaN(time[row]!) || Number.isNaN(label[row]!)) unusable++;
      else if (time[row]! < beforeMs && known[row]! < beforeMs) rows[count++] = row;
    }
  });
  return { rows: rows.subarray(0, count), unusable, tooLate: spine.rows - unusable - count };
}

/** Ids as numbers that sort as the ids do. */
function sortable(ids: WarehouseColumn): Float64Array {
  if (ids.kind === "number") return ids.values;
  const sorted = new Map(ids.levels.toSorted().map((level, rank) => [level, rank]));
  const ranks = ids.levels.map((level) => sorted.get(level)!);
  return Float64Array.from(ids.codes, (code) => (code < 0 ? Number.NaN : ranks[code]!));
}

/** Row numbers by a value of each row; those of equal values stay in the order given. */
async function inOrderOf(rows: Uint32Array, by: Float64Array, signal: AbortSignal | undefined): Promise<Uint32Array> {
  const values = new Float64Array(rows.length);
  await inSlices(rows.length, sliceRows, signal, (from, to) => {
    for (let i = from; i < to; i++) values[i] = by[rows[i]!]!;
  });
  const order = await orderByTimeAside(values, signal);
  if (order === undefined) return rows;
  await inSlices(rows.length, sliceRows, signal, (from, to) => {
    for (let i = from; i < to; i++) order[i] = rows[order[i]!]!;
  });
  return order;
}

/** A column's chosen rows, in shared memory so that the join need not copy them again. */
async function pick(column: WarehouseColumn, rows: Uint32Array, signal: AbortSignal | undefined): Promise<WarehouseColumn> {
  if (column.kind === "number") {
    const values = new Float64Array(new SharedArrayBuffer(8 * rows.length));
    await inSlices(rows.length, sliceRows, signal, (from, to) => {
      for (let i = from; i < to; i++) values[i] = column.values[rows[i]!]!;
    });
    return { ...column, values };
  }
  const codes = new Int32Array(new SharedArrayBuffer(4 * rows.length));
  await inSlices(rows.length, sliceRows, signal, (from, to) => {
    for (let i = from; i < to; i++) codes[i] = column.codes[rows[i]!]!;
  });
  return { ...column, codes };
}

function featureColumn(column: WarehouseColumn): FeatureColumn {
  return column.kind === "number"
    ? { name: column.name, kind: "number", values: new Float32Array(column.values) }
    : { name: column.name, kind: "category", codes: column.codes, levels: column.levels };
}
