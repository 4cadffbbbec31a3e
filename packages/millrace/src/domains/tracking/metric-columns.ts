import { AppError } from "#kit/app-error";

/**
 * Metric points as columns, the form in which they are stored. The bytes are little-endian (every platform Node is built for
 * here): uint32 format = 1, uint32 count, then float64 step[count], time[count], value[count], then, where points of several
 * metrics are mixed, uint32 metric[count]. NaN and ±Infinity are plain float64 values; steps and times are integers below 2^53.
 */
export interface MetricColumns {
  count: number;
  steps: Float64Array;
  times: Float64Array;
  values: Float64Array;
}

export interface MixedColumns extends MetricColumns {
  /** Index of each point's metric in the run's list of keys. */
  metrics: Uint32Array;
}

const format = 1;
const headerBytes = 8;

export function newColumns(count: number): MixedColumns {
  return {
    count,
    steps: new Float64Array(count),
    times: new Float64Array(count),
    values: new Float64Array(count),
    metrics: new Uint32Array(count),
  };
}

export function encodeColumns(columns: MetricColumns | MixedColumns): Uint8Array {
  const { count, steps, times, values } = columns;
  const mixed = "metrics" in columns;
  const bytes = new Uint8Array(headerBytes + count * (mixed ? 28 : 24));
  new Uint32Array(bytes.buffer, 0, 2).set([format, count]);
  const numbers = new Float64Array(bytes.buffer, headerBytes, count * 3);
  numbers.set(steps.subarray(0, count));
  numbers.set(times.subarray(0, count), count);
  numbers.set(values.subarray(0, count), count * 2);
  if (mixed) new Uint32Array(bytes.buffer, headerBytes + count * 24, count).set(columns.metrics.subarray(0, count));
  return bytes;
}

/** Points of one metric (`metrics` is empty) or of several. Throws `corrupt_data` for bytes that are not whole. */
export function decodeColumns(stored: Uint8Array): MixedColumns {
  // Drivers give views into pooled buffers; float64 arrays need their own alignment.
  const bytes = stored.byteOffset % 8 === 0 ? stored : new Uint8Array(stored);
  const [version, count = 0] = bytes.length >= headerBytes ? new Uint32Array(bytes.buffer, bytes.byteOffset, 2) : [];
  const mixed = bytes.length === headerBytes + count * 28;
  if (version !== format || !(mixed || bytes.length === headerBytes + count * 24)) {
    throw new AppError("corrupt_data", "Stored metric points are damaged, or were written by a newer Millrace.", {
      hint: "Restore the state database.",
    });
  }
  const column = (index: number) => new Float64Array(bytes.buffer, bytes.byteOffset + headerBytes + index * count * 8, count);
  const metrics = mixed && count > 0 ? new Uint32Array(bytes.buffer, bytes.byteOffset + headerBytes + count * 24, count) : new Uint32Array(0);
  return { count, steps: column(0), times: column(1), values: column(2), metrics };
}

/** The order of a metric's history, and what "latest" means: by step, then time, then value, NaN below every number. 0 for the same point. */
export function comparePoints(a: MetricColumns, i: number, b: MetricColumns, j: number): number {
  return a.steps[i]! - b.steps[j]! || a.times[i]! - b.times[j]! || compareValues(a.values[i]!, b.values[j]!);
}

export function compareValues(a: number, b: number): number {
  if (a === b) return 0;
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  if (Number.isNaN(b)) return 1;
  return a < b ? -1 : 1;
}

/** One metric's points of several pieces in the order of history, each distinct point once: logging the same point again changes nothing. */
export function mergeColumns(parts: MetricColumns[]): MetricColumns {
  const all = concatenate(parts);
  if (isStrictlyOrdered(all)) return all;
  const order = Array.from({ length: all.count }, (_, i) => i).sort((i, j) => comparePoints(all, i, all, j));
  const merged = newColumns(all.count);
  let count = 0;
  for (const i of order) {
    if (count > 0 && comparePoints(merged, count - 1, all, i) === 0) continue;
    merged.steps[count] = all.steps[i]!;
    merged.times[count] = all.times[i]!;
    merged.values[count] = all.values[i]!;
    count++;
  }
  return sliceColumns(merged, 0, count);
}

export function sliceColumns({ steps, times, values }: MetricColumns, from: number, to: number): MetricColumns {
  return { count: to - from, steps: steps.subarray(from, to), times: times.subarray(from, to), values: values.subarray(from, to) };
}

/** As `sliceColumns`, but points of their own: a slice keeps all that it was cut from. */
export function copyColumns(columns: MetricColumns, from: number, to: number): MetricColumns {
  const { count, steps, times, values } = sliceColumns(columns, from, to);
  return { count, steps: steps.slice(), times: times.slice(), values: values.slice() };
}

function concatenate(parts: MetricColumns[]): MetricColumns {
  if (parts.length === 1) return parts[0]!;
  const all = newColumns(parts.reduce((sum, part) => sum + part.count, 0));
  let at = 0;
  for (const part of parts) {
    all.steps.set(part.steps, at);
    all.times.set(part.times, at);
    all.values.set(part.values, at);
    at += part.count;
  }
  return all;
}

function isStrictlyOrdered(columns: MetricColumns): boolean {
  for (let i = 1; i < columns.count; i++) if (comparePoints(columns, i - 1, columns, i) >= 0) return false;
  return true;
}
