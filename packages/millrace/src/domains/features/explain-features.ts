import { findKey } from "./key-ids.ts";
import type { KeyValue } from "./model.ts";
import { findWindows, windowStateParts, type WindowState } from "./window-state.ts";

/** Where one feature value comes from. */
export interface FeatureExplanation {
  /** `<feature>_<window>`. */
  name: string;
  /** What was aggregated, such as `mean(late)`. */
  aggregate: string;
  /** The value as served (float32); null when missing. */
  value: number | null;
  /** Events with fromMs ≤ known < toMs count. */
  window: { name: string; fromMs: number; toMs: number };
  /** Events in the window. */
  events: number;
  /** When the oldest and the newest of them became known; null when there are none. */
  oldestKnownMs: number | null;
  newestKnownMs: number | null;
}

/**
 * Each feature of a key at a moment, with the window and the events behind it. Throws `invalid_argument` where `read` would. For a
 * moment that the live state has forgotten, feed a new state the stored events of the longest window before it.
 */
export function explainFeatures(state: WindowState, key: readonly KeyValue[], atMs: number): FeatureExplanation[] {
  const { view, rows, ids } = windowStateParts(state);
  const { layout } = rows;
  const values = new Float32Array(state.names.length);
  state.read(key, atMs, values);
  const id = findKey(ids, key);
  const from = new Int32Array(layout.windowsMs.length);
  const at = id < 0 ? 0 : findWindows(rows, view, id, atMs, from);
  const knownAt = (row: number) => rows.pool[(rows.start[id]! + row) * layout.width]!;
  return layout.slots.map((slot, s) => {
    const window = view.windows[slot.window]!;
    const events = at - from[slot.window]!;
    return {
      name: slot.name,
      aggregate: slot.aggregate,
      value: Number.isNaN(values[s]!) ? null : values[s]!,
      window: { name: window.name, fromMs: atMs - window.ms, toMs: atMs },
      events,
      oldestKnownMs: events === 0 ? null : knownAt(from[slot.window]! + 1),
      newestKnownMs: events === 0 ? null : knownAt(at),
    };
  });
}
