import { isSmallInteger, type FeatureView } from "./model.ts";

/**
 * Where everything of a view lies. The engine keeps one row of doubles an event: cell 0 is the time it became known, then for
 * each measured column up to five cells, each accumulated over the key's events so far, so that any window is a difference of
 * two rows. `-1` stands for a cell that no feature needs.
 */
export interface Measure {
  column: string;
  /** Number of events so far whose value is not null. */
  valid: number;
  /** Running sum. */
  sum: number;
  /** What rounding has kept out of `sum` (double-double arithmetic); only for columns that are not small integers. */
  rest: number;
  /** The newest value so far that is not null. */
  newest: number;
  /** Row of the nearest earlier event with a value at least as large (`max`) or as small (`min`): a chain of candidates. */
  larger: number;
  smaller: number;
}

export type Op = 0 | 1 | 2 | 3 | 4 | 5;
export const ops = { count: 0, mean: 1, sum: 2, last: 3, min: 4, max: 5 } as const satisfies Record<string, Op>;

/** One output value: an aggregate over one window. */
export interface Slot {
  /** `<feature>_<window>`. */
  name: string;
  /** The aggregate as people write it, such as `mean(late)`. */
  aggregate: string;
  op: Op;
  /** Index into `windowsMs`. */
  window: number;
  /** Index into `measures`; -1 for `count`. */
  measure: number;
}

export interface WindowLayout {
  /** Cells a row. */
  width: number;
  measures: Measure[];
  slots: Slot[];
  windowsMs: number[];
  longestMs: number;
}

/** Lays out a view: features in the order of the definition, each over its windows in the order of the view's. */
export function windowLayout(view: FeatureView): WindowLayout {
  const measures: Measure[] = [];
  const slots: Slot[] = [];
  let width = 1;
  for (const [column, needed] of opsByColumn(view)) {
    const sums = needed.has("mean") || needed.has("sum");
    const real = !isSmallInteger(view.from.columns[column] ?? "");
    const ordered = needed.has("last") || needed.has("min") || needed.has("max");
    const cell = (wanted: boolean) => (wanted ? width++ : -1);
    measures.push({
      column,
      valid: cell(true),
      sum: cell(sums),
      rest: cell(sums && real),
      newest: cell(ordered || real), // also where a value is read back from, when rows are rebuilt after a late event
      larger: cell(needed.has("max")),
      smaller: cell(needed.has("min")),
    });
  }
  for (const { name, aggregate } of view.features) {
    view.windows.forEach((window, index) => {
      if (aggregate.windows !== undefined && !aggregate.windows.includes(window.name)) return;
      const measure = aggregate.op === "count" ? -1 : measures.findIndex((candidate) => candidate.column === aggregate.column);
      slots.push({
        name: `${name}_${window.name}`,
        aggregate: aggregate.op === "count" ? "count()" : `${aggregate.op}(${aggregate.column})`,
        op: ops[aggregate.op],
        window: index,
        measure,
      });
    });
  }
  const windowsMs = view.windows.map((window) => window.ms);
  return { width, measures, slots, windowsMs, longestMs: Math.max(...windowsMs) };
}

/** Names of a view's features, `<feature>_<window>`, or with an alias `<alias>__<feature>_<window>`, in the order of their values. */
export function featureNames(view: FeatureView, alias?: string): string[] {
  return windowLayout(view).slots.map((slot) => (alias === undefined ? slot.name : `${alias}__${slot.name}`));
}

function opsByColumn(view: FeatureView): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const { aggregate } of view.features) {
    if (aggregate.op === "count") continue;
    const ops = found.get(aggregate.column) ?? new Set();
    found.set(aggregate.column, ops.add(aggregate.op));
  }
  return found;
}
