import { AppError } from "#kit/app-error";
import { ops, type Measure, type WindowLayout } from "./window-layout.ts";

/**
 * The engine: what is known of each key, in rows of doubles (`window-layout.ts`), and the one function that turns two positions
 * into values. The training join, the online read and the stream all go through it, so they cannot differ.
 *
 * A key owns a segment of one shared pool. Row 0 of a segment is its base: known = −∞ and whatever was accumulated by events
 * that have been forgotten; rows 1 … are its events by the time they became known, ties in the order they were given. For a
 * query at t and a window w, with `at` the last row whose known < t and `from` the last whose known < t − w, the window holds
 * the rows (from, at], i.e. t − w ≤ known < t, and its sum is sum[at] − sum[from]. No query changes a row, so a value depends
 * on the key's events alone.
 *
 * Budget: 12 features × 3M rows in about 0.5 s for a view of few keys (`bench/point-in-time`).
 */
export interface WindowRows {
  readonly layout: WindowLayout;
  pool: Float64Array;
  /** Rows of the pool in use, including segments given up. */
  used: number;
  /** By key: first row of the segment, rows in it (the base included), rows it has room for. */
  start: Int32Array;
  length: Int32Array;
  room: Int32Array;
  /** By key: known time of the newest event folded into the base; −∞ when none was. */
  forgotten: Float64Array;
  keys: number;
  /** Segments given up, by log2 of their room. */
  free: number[][];
}

const firstRoom = 4;

/** An empty store with room for some rows and keys; it grows as needed. */
export function createWindowRows(layout: WindowLayout, rows = 64, keys = 16): WindowRows {
  return {
    layout,
    pool: new Float64Array(rows * layout.width),
    used: 0,
    start: new Int32Array(keys),
    length: new Int32Array(keys),
    room: new Int32Array(keys),
    forgotten: new Float64Array(keys).fill(Number.NEGATIVE_INFINITY),
    keys: 0,
    free: [],
  };
}

/** Adds a key with room for some events and returns its number. */
export function addKey(store: WindowRows, room = firstRoom): number {
  if (store.keys === store.start.length) growKeys(store);
  const key = store.keys++;
  store.start[key] = takeSegment(store, room);
  store.room[key] = room;
  store.length[key] = 1;
  writeBase(store, store.start[key]!);
  return key;
}

/**
 * Adds one event to a key, at its place by known time (after those that became known at the same time). `measures` holds the
 * values in the order of `layout.measures`, NaN for null. Returns false, changing nothing, when the event belongs to the part
 * of the past that has been forgotten and so can no longer reach any window. Throws `invalid_argument` for a value or time that
 * is not finite.
 *
 * @param retainMs rows older than the key's newest event by more than this are folded into the base when room is needed
 */
export function addEvent(store: WindowRows, key: number, knownMs: number, measures: ArrayLike<number>, retainMs: number): boolean {
  const { layout } = store;
  checkEvent(layout, knownMs, measures);
  if (knownMs <= store.forgotten[key]!) return false;
  if (store.length[key] === store.room[key]) makeRoom(store, key, retainMs);
  const { pool } = store;
  const { width } = layout;
  const base = store.start[key]! * width;
  const length = store.length[key]!;
  const place = lastBefore(pool, base, width, 0, length - 1, knownMs, true) + 1;
  if (place < length) return insert(store, key, place, knownMs, measures);
  writeRow(layout, pool, base, place, knownMs, measures, 0);
  store.length[key] = length + 1;
  return true;
}

/** Writes row `place` of the segment at cell `base` from the row before it and the event's values, found at `offset` of `measures`. */
export function writeRow(
  layout: WindowLayout,
  pool: Float64Array,
  base: number,
  place: number,
  knownMs: number,
  measures: ArrayLike<number>,
  offset: number,
): void {
  const { width } = layout;
  const row = base + place * width;
  const before = row - width;
  pool[row] = knownMs;
  for (let m = 0; m < layout.measures.length; m++) {
    const measure = layout.measures[m]!;
    const value = measures[offset + m]!;
    if (value !== value) {
      for (let cell = measure.valid, end = endOf(layout, m); cell < end; cell++) pool[row + cell] = pool[before + cell]!;
      if (measure.larger >= 0) pool[row + measure.larger] = place - 1;
      if (measure.smaller >= 0) pool[row + measure.smaller] = place - 1;
      continue;
    }
    pool[row + measure.valid] = pool[before + measure.valid]! + 1;
    if (measure.sum >= 0) addTo(pool, before, row, measure, value);
    if (measure.newest >= 0) pool[row + measure.newest] = value;
    if (measure.larger >= 0) pool[row + measure.larger] = chain(pool, base, width, measure, measure.larger, place, value, true);
    if (measure.smaller >= 0) pool[row + measure.smaller] = chain(pool, base, width, measure, measure.smaller, place, value, false);
  }
}

/**
 * Last row in [from, to] of a segment whose known time is before `timeMs` (or, with `orAt`, not after it). Row `from` is taken
 * to be one. Looks near `to` first: most questions are about the newest events.
 */
export function lastBefore(pool: Float64Array, base: number, width: number, from: number, to: number, timeMs: number, orAt = false): number {
  let high = to + 1; // the answer is below
  let low = to;
  for (let step = 1; low > from; step *= 2) {
    const known = pool[base + low * width]!;
    if (known < timeMs || (orAt && known === timeMs)) break;
    high = low;
    low = Math.max(from, low - step);
  }
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    const known = pool[base + middle * width]!;
    if (known < timeMs || (orAt && known === timeMs)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * Writes the value of every slot for the window rows (from[w], at] into `out[first + slot × step]`. The one place where features
 * are computed.
 */
export function writeValues(
  layout: WindowLayout,
  pool: Float64Array,
  base: number,
  at: number,
  from: Int32Array,
  fromOffset: number,
  out: Float32Array,
  first: number,
  step: number,
): void {
  const { width, slots, measures } = layout;
  const end = base + at * width;
  let target = first;
  for (let s = 0; s < slots.length; s++, target += step) {
    const slot = slots[s]!;
    const lower = from[fromOffset + slot.window]!;
    if (slot.op === ops.count) {
      out[target] = at - lower;
      continue;
    }
    const measure = measures[slot.measure]!;
    const begin = base + lower * width;
    const valid = pool[end + measure.valid]! - pool[begin + measure.valid]!;
    if (valid === 0) out[target] = Number.NaN;
    else if (slot.op === ops.last) out[target] = pool[end + measure.newest]!;
    else if (slot.op === ops.min) out[target] = extreme(pool, base, width, measure, measure.smaller, lower, at);
    else if (slot.op === ops.max) out[target] = extreme(pool, base, width, measure, measure.larger, lower, at);
    else {
      let sum = pool[end + measure.sum]! - pool[begin + measure.sum]!;
      if (measure.rest >= 0) sum += pool[end + measure.rest]! - pool[begin + measure.rest]!;
      out[target] = slot.op === ops.mean ? sum / valid : sum;
    }
  }
}

/** Folds the events of a key that became known before `beforeMs` into its base. Reads that would need them fail from then on. */
export function forgetBefore(store: WindowRows, key: number, beforeMs: number): void {
  const { pool, layout } = store;
  const base = store.start[key]! * layout.width;
  const length = store.length[key]!;
  const fold = lastBefore(pool, base, layout.width, 0, length - 1, beforeMs);
  if (fold === 0) return;
  store.forgotten[key] = pool[base + fold * layout.width]!;
  pool.copyWithin(base, base + fold * layout.width, base + length * layout.width);
  pool[base] = Number.NEGATIVE_INFINITY;
  store.length[key] = length - fold;
  shiftChains(layout, pool, base, length - fold, fold);
}

/** The value that an event brought, read back from its row; NaN for null. */
export function valueAt(layout: WindowLayout, pool: Float64Array, row: number, m: number): number {
  const measure = layout.measures[m]!;
  const before = row - layout.width;
  if (pool[row + measure.valid] === pool[before + measure.valid]) return Number.NaN;
  return measure.newest >= 0 ? pool[row + measure.newest]! : pool[row + measure.sum]! - pool[before + measure.sum]!;
}

/** Row 0 of a segment: nothing known, nothing summed. */
export function writeBase(store: WindowRows, row: number): void {
  const cell = row * store.layout.width;
  store.pool.fill(0, cell, cell + store.layout.width);
  store.pool[cell] = Number.NEGATIVE_INFINITY;
}

export function checkEvent(layout: WindowLayout, knownMs: number, measures: ArrayLike<number>): void {
  if (!Number.isFinite(knownMs)) {
    throw new AppError("invalid_argument", `An event has no usable time at which it became known (${knownMs}).`, {
      hint: "Give epoch milliseconds, and only events whose outcome is known.",
    });
  }
  for (let m = 0; m < layout.measures.length; m++) {
    const value = measures[m]!;
    if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) {
      throw new AppError("invalid_argument", `An event has the value ${value} in column \`${layout.measures[m]!.column}\`.`, {
        hint: "Give a finite number, or null for a missing one.",
      });
    }
  }
}

function insert(store: WindowRows, key: number, place: number, knownMs: number, measures: ArrayLike<number>): boolean {
  const { layout, pool } = store;
  const { width } = layout;
  const base = store.start[key]! * width;
  const length = store.length[key]!;
  const count = layout.measures.length;
  // What is accumulated changes from here on: read the later events back, then write them again one row further.
  const later = new Float64Array((length - place) * (count + 1));
  for (let row = place, i = 0; row < length; row++) {
    later[i++] = pool[base + row * width]!;
    for (let m = 0; m < count; m++) later[i++] = valueAt(layout, pool, base + row * width, m);
  }
  writeRow(layout, pool, base, place, knownMs, measures, 0);
  for (let row = place, i = 0; row < length; row++, i += count + 1) writeRow(layout, pool, base, row + 1, later[i]!, later, i + 1);
  store.length[key] = length + 1;
  return true;
}

/** sum[row] = sum[before] + value; for real numbers in double-double arithmetic (Knuth's two-sum), which makes differences of running sums as good as sums. */
function addTo(pool: Float64Array, before: number, row: number, measure: Measure, value: number): void {
  const sum = pool[before + measure.sum]!;
  const total = sum + value;
  if (measure.rest < 0) {
    pool[row + measure.sum] = total;
    return;
  }
  const part = total - sum;
  const rest = pool[before + measure.rest]! + (sum - (total - part) + (value - part));
  const rounded = total + rest;
  pool[row + measure.sum] = rounded;
  pool[row + measure.rest] = rest - (rounded - total);
}

/**
 * Nearest earlier row whose value is at least (at most) `value`; 0, the base, when there is none. It may be the row of a null,
 * which carries the value before it and leads on to that value's own row.
 */
function chain(
  pool: Float64Array,
  base: number,
  width: number,
  measure: Measure,
  link: number,
  place: number,
  value: number,
  larger: boolean,
): number {
  let row = place - 1;
  while (row > 0) {
    const cell = base + row * width;
    const other = pool[cell + measure.newest]!;
    if (larger ? other >= value : other <= value) break;
    row = pool[cell + link]!;
  }
  return row;
}

/** Largest (smallest) value of the rows (lower, at], following the chain back from the newest: O(log n) steps on unordered values. */
function extreme(pool: Float64Array, base: number, width: number, measure: Measure, link: number, lower: number, at: number): number {
  let best = Number.NaN;
  for (let row = at; row > lower; row = pool[base + row * width + link]!) {
    const cell = base + row * width;
    if (pool[cell + measure.valid] !== pool[cell - width + measure.valid]) best = pool[cell + measure.newest]!;
  }
  return best;
}

function endOf(layout: WindowLayout, m: number): number {
  return layout.measures[m + 1]?.valid ?? layout.width;
}

function shiftChains(layout: WindowLayout, pool: Float64Array, base: number, length: number, by: number): void {
  for (const { larger, smaller } of layout.measures) {
    for (const link of [larger, smaller]) {
      if (link < 0) continue;
      for (let row = 0; row < length; row++) {
        const cell = base + row * layout.width + link;
        pool[cell] = Math.max(0, pool[cell]! - by);
      }
    }
  }
}

function makeRoom(store: WindowRows, key: number, retainMs: number): void {
  const { width } = store.layout;
  const length = store.length[key]!;
  const newestMs = store.pool[(store.start[key]! + length - 1) * width]!;
  forgetBefore(store, key, newestMs - retainMs);
  // Folding only a little would be repeated at once: double the room unless a quarter came free.
  if (store.length[key]! <= (store.room[key]! * 3) >> 2) return;
  const room = store.room[key]!;
  const start = takeSegment(store, room * 2);
  store.pool.copyWithin(start * width, store.start[key]! * width, (store.start[key]! + store.length[key]!) * width);
  (store.free[Math.log2(room)] ??= []).push(store.start[key]!);
  store.start[key] = start;
  store.room[key] = room * 2;
}

function takeSegment(store: WindowRows, room: number): number {
  const reused = store.free[Math.log2(room)]?.pop();
  if (reused !== undefined) return reused;
  const start = store.used;
  store.used += room;
  if (store.used * store.layout.width > store.pool.length) {
    const grown = new Float64Array(Math.max(store.used, Math.ceil((store.pool.length / store.layout.width) * 1.5)) * store.layout.width);
    grown.set(store.pool);
    store.pool = grown;
  }
  return start;
}

function growKeys(store: WindowRows): void {
  const keys = Math.max(16, store.start.length * 2);
  const grow = (old: Int32Array) => {
    const grown = new Int32Array(keys);
    grown.set(old);
    return grown;
  };
  store.start = grow(store.start);
  store.length = grow(store.length);
  store.room = grow(store.room);
  const forgotten = new Float64Array(keys).fill(Number.NEGATIVE_INFINITY);
  forgotten.set(store.forgotten);
  store.forgotten = forgotten;
}
