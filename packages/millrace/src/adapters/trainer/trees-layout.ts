/**
 * Where everything lies in the memory that all threads share. Rows are row-major records: four bytes of quantised gradients
 * (see trees-kernels.ts) and one byte per column, so that a histogram touches one or two cache lines a row. The same bytes are kept
 * column by column as well, for splitting rows by one column.
 * Validation rows follow the training rows, from a whole block on.
 */
import { AppError } from "#kit/app-error";

/** Rows are dealt out to the threads by blocks, in turn: every thread gets its share of any stretch of the table. */
export const blockRows = 2048;
/** Rows a message asks a thread to cut into bins. */
export const stagingRows = 16_384;
export const pageBytes = 65_536;
const mostPages = 65_536;

/** Doubles of one column's best split: see `SplitField`. */
export const splitFields = 16;

export interface Shape {
  trainRows: number;
  validRows: number;
  /** Bins of each column. */
  bins: number[];
  leaves: number;
  threads: number;
  weighted: boolean;
}

export interface Layout extends Shape {
  columns: number;
  /** First validation row. */
  validStart: number;
  /** Rows, padding included. */
  rows: number;
  stride: number;
  /** Bytes of one histogram, and of each column within it. */
  histogramBytes: number;
  columnOffsets: number[];
  /** Byte addresses. */
  at: {
    control: number;
    /** A word that is written and never read. */
    ignored: number;
    numbers: number;
    goesLeft: number;
    allowed: number;
    thresholds: number;
    splits: number;
    leafValues: number;
    losses: number;
    histograms: number;
    scratch: number;
    records: number;
    columns: number;
    scores: number;
    labels: number;
    weights: number;
    lists: number;
    temporary: number;
    staging: number;
  };
  /** Bytes of a piece of the table on its way to a thread: `stagingRows` of all columns, then labels, then weights where there are any. */
  pieceBytes: number;
  pages: number;
}

/** Plans the memory. Throws `invalid_argument` when the table needs more than 4 GiB of it. */
export function planLayout(shape: Shape): Layout {
  const columns = shape.bins.length;
  const validStart = Math.ceil(shape.trainRows / blockRows) * blockRows;
  const rows = validStart + Math.ceil(shape.validRows / blockRows) * blockRows;
  const stride = 4 + Math.ceil(columns / 4) * 4;
  const columnOffsets: number[] = [];
  let histogramBytes = 0;
  for (const bins of shape.bins) {
    columnOffsets.push(histogramBytes);
    histogramBytes += bins * 8;
  }
  const pieceBytes = stagingRows * 4 * (columns + 1 + (shape.weighted ? 1 : 0));
  let end = 64; // address 0 stays free
  const reserve = (bytes: number): number => {
    const start = end;
    end = Math.ceil((start + bytes) / 64) * 64;
    return start;
  };
  const at = {
    control: reserve(256),
    ignored: reserve(4),
    numbers: reserve(512),
    goesLeft: reserve(256),
    allowed: reserve(columns),
    thresholds: reserve(columns * 256 * 4),
    splits: reserve(2 * columns * splitFields * 8),
    leafValues: reserve(shape.leaves * 8),
    losses: reserve((rows / blockRows) * 8),
    histograms: reserve(shape.leaves * histogramBytes),
    scratch: reserve(shape.threads * histogramBytes),
    records: reserve(rows * stride),
    columns: reserve(rows * columns),
    scores: reserve(rows * 8),
    labels: reserve(rows * 4),
    weights: reserve(shape.weighted ? rows * 4 : 0),
    lists: reserve(rows * 4),
    temporary: reserve(rows * 4),
    staging: reserve(pieceBytes * shape.threads),
  };
  const pages = Math.ceil(end / pageBytes);
  if (pages > mostPages) {
    throw new AppError(
      "invalid_argument",
      `Training on ${shape.trainRows + shape.validRows} rows × ${columns} columns with ${shape.leaves} leaves needs ${(end / 2 ** 30).toFixed(1)} GiB; the limit is 4.`,
      { hint: "Train on a sample of the rows, on fewer columns, or with fewer leaves." },
    );
  }
  return { ...shape, columns, validStart, rows, stride, histogramBytes, columnOffsets, at, pieceBytes, pages };
}

/** Typed arrays over the shared memory, one set per thread. */
export interface Views {
  bytes: Uint8Array;
  int32: Int32Array;
  uint32: Uint32Array;
  float32: Float32Array;
  float64: Float64Array;
}

export function viewsOf(buffer: ArrayBufferLike): Views {
  return {
    bytes: new Uint8Array(buffer),
    int32: new Int32Array(buffer),
    uint32: new Uint32Array(buffer),
    float32: new Float32Array(buffer),
    float64: new Float64Array(buffer),
  };
}

/** The blocks of rows between `first` and `end` that belong to a thread, as [start, end) pairs. */
export function* ownBlocks(first: number, end: number, thread: number, threads: number): Generator<[number, number]> {
  for (let start = first; start < end; start += blockRows) {
    if ((start / blockRows) % threads === thread) yield [start, Math.min(start + blockRows, end)];
  }
}
