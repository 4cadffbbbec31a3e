import { compareValues } from "./metric-columns.ts";
import type { RunColumns } from "./run-columns.ts";
import { kindAndKey, type RunField } from "./run-fields.ts";
import { numberIn } from "./run-filter.ts";

export type OrderTerm = RunField & {
  direction: "asc" | "desc";
  /** How params and tags compare; `natural`: numbers as such, before all other texts. Text unless told. */
  as?: "text" | "number" | "natural";
  /** Where runs without the field stand; last unless told. */
  nulls?: "first" | "last";
};

/** What a run is ordered by; undefined where it has no such field. */
export type OrderKey = number | string | undefined;

/**
 * The first `count` runs in order, after the given keys if any. Keeps a heap of the best `count` seen, so a page of a large
 * store costs one comparison for most runs, not a sort of all.
 */
export function firstInOrder(columns: RunColumns, slots: Int32Array, order: OrderTerm[], count: number, after?: OrderKey[]): number[] {
  const readers = order.map((term) => keyReader(columns, term));
  const compareSlots = (a: number, b: number): number => {
    for (let i = 0; i < order.length; i++) {
      const sign = compareKeys(readers[i]!(a), readers[i]!(b), order[i]!);
      if (sign !== 0) return sign;
    }
    return 0;
  };
  const isAfter = (slot: number): boolean => {
    for (let i = 0; i < order.length; i++) {
      const sign = compareKeys(readers[i]!(slot), after![i], order[i]!);
      if (sign !== 0) return sign > 0;
    }
    return false;
  };
  const heap: number[] = []; // the worst of the best on top
  for (let i = slots.length - 1; i >= 0; i--) {
    const slot = slots[i]!; // newest first, as most orders want them: the heap then fills with what stays
    if (heap.length === count && compareSlots(slot, heap[0]!) >= 0) continue;
    if (after !== undefined && !isAfter(slot)) continue;
    if (heap.length < count) pushUp(heap, slot, compareSlots);
    else {
      heap[0] = slot;
      pushDown(heap, compareSlots);
    }
  }
  return heap.sort(compareSlots);
}

/** What a run is ordered by, for a cursor. */
export function keysOfRun(columns: RunColumns, slot: number, order: OrderTerm[]): OrderKey[] {
  return order.map((term) => keyReader(columns, term)(slot));
}

function keyReader(columns: RunColumns, term: OrderTerm): (slot: number) => OrderKey {
  const column = columns.column(...kindAndKey(term));
  if (column === undefined) return () => undefined;
  if (column.kind === "number") return (slot) => (column.has(slot) ? column.at(slot) : undefined);
  if (term.as === "number") {
    const numbers = Float64Array.from(column.levels, numberIn);
    return (slot) => (column.code(slot) < 0 ? undefined : numbers[column.code(slot)]);
  }
  if (term.as === "natural") {
    const keys = column.levels.map((level) => (Number.isNaN(numberIn(level)) ? level : numberIn(level)));
    return (slot) => keys[column.code(slot)];
  }
  return (slot) => column.levels[column.code(slot)];
}

/** Numbers first, then texts, NaN and none, whichever the direction; none before all with `nulls: "first"`. */
function compareKeys(a: OrderKey, b: OrderKey, { direction, nulls }: OrderTerm): number {
  const none = nulls === "first" ? -1 : 3;
  const rank = (a === undefined ? none : rankOf(a)) - (b === undefined ? none : rankOf(b));
  if (rank !== 0) return rank;
  if (a === undefined || a === b) return 0;
  const sign = typeof a === "number" && typeof b === "number" ? compareValues(a, b) : String(a) < String(b) ? -1 : 1;
  return direction === "asc" ? sign : -sign;
}

function rankOf(key: number | string): number {
  return typeof key === "string" ? 1 : Number.isNaN(key) ? 2 : 0;
}

function pushUp(heap: number[], slot: number, compare: (a: number, b: number) => number): void {
  heap.push(slot);
  for (let i = heap.length - 1; i > 0;) {
    const parent = (i - 1) >> 1;
    if (compare(heap[i]!, heap[parent]!) <= 0) return;
    [heap[i], heap[parent]] = [heap[parent]!, heap[i]!];
    i = parent;
  }
}

function pushDown(heap: number[], compare: (a: number, b: number) => number): void {
  for (let i = 0; ;) {
    let worst = i;
    for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && compare(heap[child]!, heap[worst]!) > 0) worst = child;
    if (worst === i) return;
    [heap[i], heap[worst]] = [heap[worst]!, heap[i]!];
    i = worst;
  }
}
