import { setImmediate } from "node:timers/promises";
import { sliceRows } from "./in-slices.ts";

/**
 * Order of rows by time, equal times in the order given: a stable radix sort on 16-bit digits of the doubles' order-preserving
 * bit patterns, skipping digits that are the same everywhere. NaN sorts last. Rows that are in order already cost one pass.
 *
 * @returns row numbers in time order, or undefined when the rows are in order as they stand
 */
export function orderByTime(times: Float64Array): Uint32Array | undefined {
  const sorting = orderInSlices(times, times.length);
  let step = sorting.next();
  while (step.done !== true) step = sorting.next();
  return step.value;
}

/** As `orderByTime`, giving the event loop a turn every few milliseconds. */
export async function orderByTimeAside(times: Float64Array, signal?: AbortSignal): Promise<Uint32Array | undefined> {
  const sorting = orderInSlices(times, sliceRows);
  let step = sorting.next();
  for (; step.done !== true; step = sorting.next()) {
    await setImmediate();
    signal?.throwIfAborted();
  }
  return step.value;
}

function* orderInSlices(times: Float64Array, slice: number): Generator<undefined, Uint32Array | undefined> {
  if (isOrdered(times)) return undefined;
  const n = times.length;
  const low = new Uint32Array(n);
  const high = new Uint32Array(n);
  for (let from = 0; from < n; from += slice) {
    sortableBits(times, low, high, from, Math.min(n, from + slice));
    yield;
  }
  let order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  let next = new Uint32Array(n);
  const starts = new Uint32Array(65_537);
  for (const [words, shift] of [
    [low, 0],
    [low, 16],
    [high, 0],
    [high, 16],
  ] as const) {
    starts.fill(0);
    for (let i = 0; i < n; i++) starts[((words[i]! >>> shift) & 0xffff) + 1]!++;
    if (starts[((words[0]! >>> shift) & 0xffff) + 1] === n) continue;
    for (let digit = 0; digit < 65_536; digit++) starts[digit + 1]! += starts[digit]!;
    yield;
    for (let from = 0; from < n; from += slice) {
      placeByDigit(order, next, starts, words, shift, from, Math.min(n, from + slice));
      yield;
    }
    [order, next] = [next, order];
  }
  return order;
}

function placeByDigit(order: Uint32Array, next: Uint32Array, starts: Uint32Array, words: Uint32Array, shift: number, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const row = order[i]!;
    next[starts[(words[row]! >>> shift) & 0xffff]!++] = row;
  }
}

/** Whether times never fall; NaN may only stand at the end. */
export function isOrdered(times: Float64Array): boolean {
  for (let i = 1; i < times.length; i++) {
    const earlier = times[i - 1]!;
    const later = times[i]!;
    if (!(earlier <= later) && !Number.isNaN(later)) return false;
  }
  return true;
}

/** Unsigned words that compare as the doubles do: all bits turned for negatives, the sign bit for the rest; one NaN above all. */
function sortableBits(times: Float64Array, low: Uint32Array, high: Uint32Array, from: number, to: number): void {
  const cell = new Float64Array(1);
  const words = new Uint32Array(cell.buffer); // little-endian on every platform that Node runs on
  for (let i = from; i < to; i++) {
    cell[0] = times[i]! + 0; // −0 sorts as 0
    const sign = words[1]! >>> 31;
    const isMissing = cell[0] !== cell[0];
    low[i] = isMissing ? 0xffff_ffff : sign === 1 ? ~words[0]! : words[0]!;
    high[i] = isMissing ? 0xffff_ffff : sign === 1 ? ~words[1]! : words[1]! | 0x8000_0000;
  }
}
