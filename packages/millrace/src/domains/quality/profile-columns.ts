import { AppError } from "#kit/app-error";
import type { CategoryProfile, ColumnProfile, NumberProfile, TableProfile } from "./column-profile.ts";
import type { Floats } from "./metric-input.ts";
import { capLevels } from "./merge-profiles.ts";

/** A column to profile, as the trainer's tables and the warehouse's results have them: numbers with NaN for missing, or codes into levels with -1. */
export type TableColumn =
  | { name: string; kind: "number"; values: Floats }
  | { name: string; kind: "category" | "text"; codes: Int32Array; levels: string[] };

export interface ProfileOptions {
  /** The reference profile whose cells are used, so that both can be compared and windows can be merged. Columns it lacks are left out. */
  like?: TableProfile;
  /** Most cells of a numeric column when there is no reference. */
  cells?: number;
  /** Most levels of a categorical column that are kept by name. */
  levels?: number;
}

/** Rows of a new reference that are looked at to choose cells: enough for quantiles to within 0.3 %, and quick to sort. */
const sampleRows = 100_000;

/**
 * Profiles columns of equal length. Without `like` this makes a reference: cells are chosen from the data, a few hundred rows of
 * JSON a column. With `like` it counts into the reference's cells. Throws `invalid_argument` when a column has another kind
 * than the reference's, or another length than the first column.
 */
export function profileOf(columns: readonly TableColumn[], { like, cells = 256, levels = 5_000 }: ProfileOptions = {}): TableProfile {
  const rows = columns[0] === undefined ? 0 : lengthOf(columns[0]);
  const profiles: Record<string, ColumnProfile> = {};
  for (const column of columns) {
    if (lengthOf(column) !== rows) {
      throw new AppError("invalid_argument", `Column "${column.name}" has ${lengthOf(column)} rows, the first column has ${rows}.`);
    }
    const reference = like?.columns[column.name];
    if (like && !reference) continue;
    if (reference && (reference.kind === "number") !== (column.kind === "number")) {
      throw new AppError("invalid_argument", `Column "${column.name}" is a ${column.kind}, but a ${reference.kind} in the reference profile.`, {
        hint: "Give the column the type it had in training.",
      });
    }
    if (column.kind === "number") {
      const frame = reference?.kind === "number" ? reference : chooseCells(column.values, cells);
      profiles[column.name] = profileNumbers(column.values, frame);
    } else {
      profiles[column.name] = profileLevels(column.codes, column.levels, levels);
    }
  }
  return { format: "millrace.profile", version: 1, rows, columns: profiles };
}

type Cells = Pick<NumberProfile, "precision" | "cells" | "edges">;

function profileNumbers(values: Floats, { precision, cells, edges }: Cells): NumberProfile {
  const round = precision === "float32" && values instanceof Float64Array;
  const counts = new Float64Array(edges.length + 1);
  const cellOf = cellFinder(Float64Array.from(edges));
  let [count, mean, squares, min, max] = [0, 0, 0, Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = round ? Math.fround(values[i]!) : values[i]!;
    if (value - value !== 0) continue; // NaN or infinite
    count++;
    const step = value - mean;
    mean += step / count;
    squares += step * (value - mean);
    if (value < min) min = value;
    if (value > max) max = value;
    counts[cellOf(value)]!++;
  }
  const missing = values.length - count;
  const range = count > 0 ? { min, max } : { min: null, max: null };
  const moments = count > 0 && Number.isFinite(squares) ? { mean, squares } : { mean: null, squares: 0 }; // squares of about 1e154 overflow
  return { kind: "number", count, missing, ...range, ...moments, precision, cells, edges: [...edges], counts: [...counts] };
}

/** Number of edges at or below a value, found from a table over equal widths that narrows the binary search to a step or two. */
function cellFinder(edges: Float64Array): (value: number) => number {
  const [first, last] = [edges[0] ?? 0, edges[edges.length - 1] ?? 0];
  const slots = 2_048;
  const perUnit = (slots - 1) / (last - first);
  if (edges.length < 2 || !Number.isFinite(perUnit)) return (value) => searchCell(edges, value, 0, edges.length);
  // For every slot the lowest and highest answer of any value in it; one slot of slack absorbs the rounding of `perUnit`.
  const low = new Uint32Array(slots);
  const high = new Uint32Array(slots);
  for (let slot = 0; slot < slots; slot++) {
    low[slot] = searchCell(edges, first + (slot - 1) / perUnit, 0, edges.length);
    high[slot] = searchCell(edges, first + (slot + 2) / perUnit, 0, edges.length);
  }
  return (value) => {
    if (value < first) return 0;
    if (value >= last) return edges.length;
    const slot = ((value - first) * perUnit) | 0;
    return searchCell(edges, value, low[slot]!, high[slot]!);
  };
}

function searchCell(edges: Float64Array, value: number, from: number, to: number): number {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (edges[middle]! <= value) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Cells for a new reference: one for each value when there are few (among the rows looked at), otherwise about `cells` of equal mass. */
function chooseCells(values: Floats, cells: number): Cells {
  const precision = values instanceof Float32Array ? "float32" : "float64";
  const { sample, min, max } = sampleOf(values);
  const sorted = sample.sort();
  if (sorted.length === 0) return { precision, cells: "values", edges: [] };
  const distinct: number[] = [];
  for (const value of sorted) {
    if (distinct.length > cells) break;
    if (value !== distinct[distinct.length - 1]) distinct.push(value);
  }
  const few = distinct.length <= cells;
  const starts = few ? distinct : Array.from({ length: cells }, (_, i) => sorted[Math.floor((i * sorted.length) / cells)]!);
  const edges = [...new Set([min, ...starts, max, nextAfter(max, precision)])].filter(Number.isFinite).sort((a, b) => a - b);
  return { precision, cells: few ? "values" : "quantiles", edges };
}

/** Finite values evenly from the whole column, at most `sampleRows` of them and the same every time, with the range of all. */
function sampleOf(values: Floats): { sample: Floats; min: number; max: number } {
  let [finite, min, max] = [0, Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value - value !== 0) continue; // NaN or infinite
    finite++;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const every = Math.max(1, finite / sampleRows);
  const sample = new Float64Array(Math.min(finite, sampleRows));
  for (let i = 0, seen = 0, taken = 0; taken < sample.length; i++) {
    const value = values[i]!;
    if (value - value === 0 && seen++ >= Math.floor(taken * every)) sample[taken++] = value + 0; // -0 becomes 0
  }
  return { sample, min: min + 0, max: max + 0 };
}

/** The smallest number of the precision above `value`. */
function nextAfter(value: number, precision: "float32" | "float64"): number {
  if (precision === "float32") {
    const bits = new Int32Array(Float32Array.of(value).buffer);
    bits[0]! += value === 0 ? 1 : value > 0 ? 1 : -1;
    return new Float32Array(bits.buffer)[0]!;
  }
  const bits = new BigInt64Array(Float64Array.of(value).buffer);
  bits[0]! += value >= 0 ? 1n : -1n;
  return new Float64Array(bits.buffer)[0]!;
}

function profileLevels(codes: Int32Array, levels: string[], cap: number): CategoryProfile {
  const counts = new Float64Array(levels.length);
  let count = 0;
  for (const code of codes) {
    if (code < 0) continue;
    counts[code]!++;
    count++;
  }
  const byLevel = new Map<string, number>();
  levels.forEach((level, code) => counts[code]! > 0 && byLevel.set(level, (byLevel.get(level) ?? 0) + counts[code]!));
  return { kind: "category", count, missing: codes.length - count, ...capLevels(byLevel, 0, cap) };
}

function lengthOf(column: TableColumn): number {
  return column.kind === "number" ? column.values.length : column.codes.length;
}
