import { codeEvents, codeRows, nullKey, type EntityCodes, type KeyColumn } from "./entity-codes.ts";
import type { FeatureView } from "./model.ts";
import { orderByTime } from "./order-by-time.ts";
import { windowLayout, type WindowLayout } from "./window-layout.ts";
import { addKey, checkEvent, createWindowRows, writeRow, writeValues, type WindowRows } from "./window-rows.ts";

/** One view over one table of events, for one or more sets of rows that ask. Plain data over typed arrays, so that any thread can do it. */
export interface ViewJob {
  view: FeatureView;
  events: {
    rows: number;
    keys: KeyColumn[];
    /** Epoch milliseconds; NaN for an outcome that is not known yet, which nobody sees. */
    known: Float64Array;
    /** In the order of `windowLayout(view).measures`; NaN for null. */
    measures: Float64Array[];
  };
  asks: {
    rows: number;
    keys: KeyColumn[];
    time: Float64Array;
    /** Takes the values, feature by feature: slot s of row r at s × rows + r. */
    out: Float32Array;
  }[];
}

/**
 * The point-in-time join of one view: for every row that asks, its features as of its own time, from events with
 * t − window ≤ known < t. Rows and events may come in any order; every row gets its values at its own place. A row whose time
 * or key is null gets NaN everywhere; a key without events has counts of 0.
 */
export function joinView({ view, events, asks }: ViewJob): void {
  const layout = windowLayout(view);
  const { store, entities } = loadEvents(layout, events);
  for (const ask of asks) answer(store, entities, ask);
}

function loadEvents(layout: WindowLayout, events: ViewJob["events"]): { store: WindowRows; entities: EntityCodes } {
  const { known, measures } = events;
  const { codes, entities } = codeEvents(events.keys, events.rows);
  const perKey = new Int32Array(entities.keys);
  let total = 0;
  for (let row = 0; row < events.rows; row++) {
    if (codes[row]! < 0 || Number.isNaN(known[row]!)) continue;
    perKey[codes[row]!]!++;
    total++;
  }
  const store = createWindowRows(layout, total + entities.keys, entities.keys);
  for (let key = 0; key < entities.keys; key++) addKey(store, perKey[key]! + 1);
  const order = orderByTime(known);
  const values = new Float64Array(measures.length);
  for (let i = 0; i < events.rows; i++) {
    const row = order === undefined ? i : order[i]!;
    const key = codes[row]!;
    if (key < 0 || Number.isNaN(known[row]!)) continue;
    for (let m = 0; m < measures.length; m++) values[m] = measures[m]![row]!;
    checkEvent(layout, known[row]!, values);
    writeRow(layout, store.pool, store.start[key]! * layout.width, store.length[key]!++, known[row]!, values, 0);
  }
  return { store, entities };
}

/** Time moves forward over the rows that ask, so each key's positions only ever move forward too: one step an event and window. */
function answer(store: WindowRows, entities: EntityCodes, { rows, keys, time, out }: ViewJob["asks"][number]): void {
  const { layout, pool } = store;
  const { width, windowsMs, slots } = layout;
  const codes = codeRows(keys, rows, entities);
  const order = orderByTime(time);
  const stride = windowsMs.length + 1; // by key: the last row seen, then the row before each window
  const cursors = new Int32Array(entities.keys * stride);
  for (let i = 0; i < rows; i++) {
    const row = order === undefined ? i : order[i]!;
    const key = codes[row]!;
    const atMs = time[row]!;
    if (key < 0 || Number.isNaN(atMs)) {
      const none = key === nullKey || Number.isNaN(atMs) ? Number.NaN : 0;
      for (let s = 0; s < slots.length; s++) out[s * rows + row] = slots[s]!.measure < 0 ? none : Number.NaN;
      continue;
    }
    const base = store.start[key]! * width;
    const end = store.length[key]!;
    const cursor = key * stride;
    cursors[cursor] = advance(pool, base, width, cursors[cursor]!, end, atMs);
    for (let w = 0; w < windowsMs.length; w++) {
      cursors[cursor + 1 + w] = advance(pool, base, width, cursors[cursor + 1 + w]!, end, atMs - windowsMs[w]!);
    }
    writeValues(layout, pool, base, cursors[cursor]!, cursors, cursor + 1, out, row, rows);
  }
}

function advance(pool: Float64Array, base: number, width: number, from: number, end: number, timeMs: number): number {
  let row = from;
  while (row + 1 < end && pool[base + (row + 1) * width]! < timeMs) row++;
  return row;
}
