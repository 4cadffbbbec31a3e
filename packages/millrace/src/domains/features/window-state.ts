import { AppError } from "#kit/app-error";
import { createKeyIds, findKey, internKey, type KeyIds } from "./key-ids.ts";
import type { FeatureView, KeyValue } from "./model.ts";
import { windowLayout } from "./window-layout.ts";
import { addEvent, addKey, createWindowRows, forgetBefore, lastBefore, writeValues, type WindowRows } from "./window-rows.ts";

/**
 * The state of one feature view in memory: takes events, answers reads.
 *
 * - A read at t sees the events with t − window ≤ known < t. An event that becomes known at t itself is not seen, so a row never
 *   sees its own outcome.
 * - Events may come late and out of order: each is put at its place, and reads from then on are what the training join gives.
 *   Events with equal known times keep the order in which they came (only `last` and the last bits of real sums can tell).
 * - Each event counts each time it is given: dropping duplicates is the caller's work, by event id or log offset.
 * - Per key, events older than the newest by more than the longest window + `latenessMs` are forgotten as room is needed. A
 *   read so far back that it would need them is refused; an event from there is ignored.
 */
export interface WindowState {
  readonly view: FeatureView;
  /** `<feature>_<window>`, in the order in which `read` writes values. */
  readonly names: readonly string[];
  /** Columns whose values `update` takes, in order. */
  readonly measures: readonly string[];
  /** Adds an event: the entity's key, when it became known (epoch ms), and its values (NaN for null). False when it is too old to matter. */
  update(key: readonly KeyValue[], knownMs: number, measures: ArrayLike<number>): boolean;
  /**
   * Writes the features of a key as of a moment into `out` from `offset`. A key never seen has counts of 0 and is otherwise
   * missing (NaN). Returns the known time of the newest event used, NaN when there was none. Throws `invalid_argument` for a
   * moment whose events have been forgotten.
   */
  read(key: readonly KeyValue[], atMs: number, out: Float32Array, offset?: number): number;
  /** Frees what reads from now on will not need: the events of all keys that became known before this. */
  forget(beforeMs: number): void;
  /** Keys and events held. */
  size(): { keys: number; events: number };
}

export interface WindowStateOptions {
  /** How far back, before a key's newest event, reads and late events may reach without loss. Default: one day. */
  latenessMs?: number;
}

/** What a state is made of; for `window-snapshot.ts` and `explain-features.ts`. */
export interface WindowStateParts {
  view: FeatureView;
  rows: WindowRows;
  ids: KeyIds;
  retainMs: number;
}

const dayMs = 86_400_000;
const partsOf = new WeakMap<WindowState, WindowStateParts>();

/** An empty state of a view. */
export function createWindowState(view: FeatureView, options: WindowStateOptions = {}): WindowState {
  const layout = windowLayout(view);
  const retainMs = layout.longestMs + (options.latenessMs ?? dayMs);
  return windowStateOf({ view, rows: createWindowRows(layout), ids: createKeyIds(view.entity.keys.length), retainMs });
}

/** The parts of a state made by this module. */
export function windowStateParts(state: WindowState): WindowStateParts {
  return partsOf.get(state)!;
}

export function windowStateOf(parts: WindowStateParts): WindowState {
  const { view, rows, ids, retainMs } = parts;
  const { layout } = rows;
  const from = new Int32Array(layout.windowsMs.length);
  const state: WindowState = {
    view,
    names: layout.slots.map((slot) => slot.name),
    measures: layout.measures.map((measure) => measure.column),
    update(key, knownMs, measures) {
      checkKey(view, key);
      let id = findKey(ids, key);
      if (id < 0) {
        id = internKey(ids, key);
        addKey(rows);
      }
      return addEvent(rows, id, knownMs, measures, retainMs);
    },
    read(key, atMs, out, offset = 0) {
      checkKey(view, key);
      const id = findKey(ids, key);
      if (id < 0) {
        writeUnknown(rows, out, offset);
        return Number.NaN;
      }
      const base = rows.start[id]! * layout.width;
      const at = findWindows(rows, view, id, atMs, from);
      writeValues(layout, rows.pool, base, at, from, 0, out, offset, 1);
      return at > earliest(from) ? rows.pool[base + at * layout.width]! : Number.NaN;
    },
    forget(beforeMs) {
      for (let id = 0; id < rows.keys; id++) forgetBefore(rows, id, beforeMs);
    },
    size() {
      let events = 0;
      for (let id = 0; id < rows.keys; id++) events += rows.length[id]! - 1;
      return { keys: rows.keys, events };
    },
  };
  partsOf.set(state, parts);
  return state;
}

/** Finds the rows of every window of a key at a moment: returns the last row seen, and fills `from` with the row before each window. */
export function findWindows(rows: WindowRows, view: FeatureView, id: number, atMs: number, from: Int32Array): number {
  const { layout, pool } = rows;
  if (!Number.isFinite(atMs)) {
    throw new AppError("invalid_argument", `Feature view \`${view.name}\` cannot be read at ${atMs}.`, {
      hint: "Give the moment in epoch milliseconds.",
    });
  }
  if (atMs - layout.longestMs <= rows.forgotten[id]!) {
    const forgotten = new Date(rows.forgotten[id]!).toISOString();
    throw new AppError(
      "invalid_argument",
      `Feature view \`${view.name}\` cannot be read as of ${new Date(atMs).toISOString()}: events up to ${forgotten} have been forgotten.`,
      {
        hint: "Read nearer to the present, give the state more `latenessMs`, or use the training join, which sees all of the past.",
      },
    );
  }
  const base = rows.start[id]! * layout.width;
  const at = lastBefore(pool, base, layout.width, 0, rows.length[id]! - 1, atMs);
  for (let w = 0; w < from.length; w++) from[w] = lastBefore(pool, base, layout.width, 0, at, atMs - layout.windowsMs[w]!);
  return at;
}

function earliest(from: Int32Array): number {
  let row = from[0]!;
  for (let w = 1; w < from.length; w++) row = Math.min(row, from[w]!);
  return row;
}

function writeUnknown(rows: WindowRows, out: Float32Array, offset: number): void {
  const { slots } = rows.layout;
  for (let s = 0; s < slots.length; s++) out[offset + s] = slots[s]!.measure < 0 ? 0 : Number.NaN;
}

function checkKey(view: FeatureView, key: readonly KeyValue[]): void {
  if (key.length === view.entity.keys.length) {
    let missing = false;
    for (let i = 0; i < key.length; i++) missing ||= key[i] === undefined || key[i] === null;
    if (!missing) return;
  }
  throw new AppError("invalid_argument", `Feature view \`${view.name}\` needs a value for each of: ${view.entity.keys.join(", ")}.`, {
    hint: "Send every key of the entity.",
  });
}
