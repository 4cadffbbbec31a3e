import { decodeColumns } from "./metric-columns.ts";
import type { RunInput } from "./model.ts";
import { parseKeys, parseTexts, type RunRow } from "./store.ts";

/** Runs per page of a column. Small, because experiments differ in their keys: a column only has pages where a run has its key. */
const pageBits = 8;
const pageSize = 1 << pageBits;
const pageMask = pageSize - 1;

export interface NumberColumn {
  kind: "number";
  /** How many runs have it. */
  readonly count: number;
  has(slot: number): boolean;
  /** NaN where there is none. */
  at(slot: number): number;
  set(slot: number, value: number | undefined): void;
}

export interface TextColumn {
  kind: "text";
  readonly count: number;
  /** Distinct texts; a code is a position in it. */
  levels: string[];
  /** Whether all of them are made of what decimal numbers are written with: most params are, and need not be searched for words. */
  readonly decimal: boolean;
  /** -1 where there is none. */
  code(slot: number): number;
  set(slot: number, value: string | undefined): void;
}

/** Texts that can be a decimal number or a part of one. */
export const decimalText = /^[\d.eE+-]*$/;

export type FieldKind = "metric" | "param" | "tag" | "input" | "attribute";

/** Keys of what a run knows of each of its inputs. A column of inputs has per run a JSON list of distinct texts. */
export const inputFields = ["name", "digest", "table", "use"] as const;
/** Of longer notes the rest is not searched: memory is for many runs. */
const noteLength = 10_000;

/** All runs as columns. A slot is a run's position, until the next change of the columns. */
export interface RunColumns {
  readonly size: number;
  id(slot: number): string;
  slotOf(id: string): number | undefined;
  /** Number of the change that the columns show of a run; undefined when they do not have it. */
  revision(id: string): number | undefined;
  put(row: RunRow): void;
  /** Forgets a run; the last one takes its slot. */
  remove(id: string): void;
  /** Inputs and note, of a run that has been put. */
  putContext(row: { run: string; inputs: string; note: string }): void;
  /** Keys that some run has or had. */
  keys(kind: "metric" | "param" | "tag"): string[];
  /** Undefined where no run has such a key. */
  column(kind: FieldKind, key: string): NumberColumn | TextColumn | undefined;
}

export function newRunColumns(): RunColumns {
  const ids: string[] = [];
  const idColumn = columnOfIds(ids);
  const revisions: number[] = [];
  const tagKeys: string[][] = [];
  const slots = new Map<string, number>();
  const numbers = { metric: new Map<string, NumberColumn>(), attribute: new Map<string, NumberColumn>() };
  const texts = {
    ...{ param: new Map<string, TextColumn>(), tag: new Map<string, TextColumn>() },
    ...{ input: new Map<string, TextColumn>(), attribute: new Map<string, TextColumn>() },
  };
  // By key list: runs of one experiment mostly have the same.
  let metricColumns = new Map<string, NumberColumn[]>();
  let keyLists = new Map<string, string[]>();
  const number = (kind: keyof typeof numbers, key: string) => getOrMake(numbers[kind], key, newNumberColumn);
  const newText = () => newTextColumn(() => ids.length);
  const text = (kind: keyof typeof texts, key: string) => getOrMake(texts[kind], key, newText);

  return {
    get size() {
      return ids.length;
    },
    id: (slot) => ids[slot]!,
    slotOf: (id) => slots.get(id),
    revision: (id) => revisions[slots.get(id) ?? -1],
    column(kind, key) {
      if (kind === "metric") return numbers.metric.get(key);
      if (kind === "attribute" && key === "id") return idColumn;
      return texts[kind].get(key) ?? (kind === "attribute" ? numbers.attribute.get(key) : undefined);
    },
    keys: (kind) => [...(kind === "metric" ? numbers.metric : texts[kind]).keys()],
    putContext({ run, inputs, note }) {
      const slot = slots.get(run);
      if (slot === undefined) return;
      const items = JSON.parse(inputs) as RunInput[]; // written from checked values by this domain
      for (const field of inputFields) {
        const values = [...new Set(items.flatMap((item) => item[field] ?? []))];
        text("input", field).set(slot, values.length === 0 ? undefined : JSON.stringify(values));
      }
      text("attribute", "note").set(slot, note === "" ? undefined : note.slice(0, noteLength));
    },
    remove(id) {
      const slot = slots.get(id);
      if (slot === undefined) return;
      const last = ids.length - 1;
      for (const column of Object.values(numbers).flatMap((columns) => [...columns.values()])) {
        if (slot !== last) column.set(slot, column.has(last) ? column.at(last) : undefined);
        column.set(last, undefined);
      }
      for (const column of Object.values(texts).flatMap((columns) => [...columns.values()])) {
        if (slot !== last) column.set(slot, column.code(last) < 0 ? undefined : column.levels[column.code(last)]);
        column.set(last, undefined);
      }
      slots.set(ids[last]!, slot);
      slots.delete(id);
      [ids[slot], revisions[slot], tagKeys[slot]] = [ids[last]!, revisions[last]!, tagKeys[last]!];
      ids.pop();
      revisions.pop();
      tagKeys.pop();
    },
    put(row) {
      let slot = slots.get(row.id);
      if (slot === undefined) slots.set(row.id, (slot = ids.push(row.id) - 1));
      revisions[slot] = row.revision;
      text("attribute", "name").set(slot, row.name);
      text("attribute", "experiment").set(slot, row.experiment);
      text("attribute", "status").set(slot, row.status);
      text("attribute", "parent").set(slot, row.parent ?? undefined);
      text("attribute", "actor").set(slot, row.actor ?? undefined);
      number("attribute", "startedMs").set(slot, row.started_ms);
      number("attribute", "endedMs").set(slot, row.ended_ms ?? undefined);
      number("attribute", "deletedMs").set(slot, row.deleted_ms ?? undefined);
      const params = parseTexts(row.params);
      for (const key in params) text("param", key).set(slot, params[key]);
      const tags = parseTexts(row.tags);
      for (const key of tagKeys[slot] ?? []) text("tag", key).set(slot, undefined); // those that are still there come back below
      for (const key in tags) text("tag", key).set(slot, tags[key]);
      tagKeys[slot] = sharedKeys(Object.keys(tags));
      const { values } = decodeColumns(row.latest);
      columnsOf(row.metric_keys).forEach((column, i) => column.set(slot, values[i]!));
    },
  };

  function sharedKeys(keys: string[]): string[] {
    if (keyLists.size > 1_000) keyLists = new Map();
    return getOrMake(keyLists, JSON.stringify(keys), () => keys);
  }

  function columnsOf(keys: string): NumberColumn[] {
    if (metricColumns.size > 1_000) metricColumns = new Map();
    return getOrMake(metricColumns, keys, () => parseKeys(keys).map((key) => number("metric", key)));
  }
}

/** Every run has an id, and none has another's: they are a column as they are. */
function columnOfIds(ids: string[]): TextColumn {
  return {
    kind: "text",
    get count() {
      return ids.length;
    },
    decimal: false,
    levels: ids,
    code: (slot) => slot,
    set: () => undefined,
  };
}

function newNumberColumn(): NumberColumn {
  const pages: (Float64Array | undefined)[] = [];
  const present: (Uint8Array | undefined)[] = []; // apart from the values: NaN is a value
  let count = 0;
  return {
    kind: "number",
    get count() {
      return count;
    },
    has: (slot) => present[slot >> pageBits]?.[slot & pageMask] === 1,
    at: (slot) => pages[slot >> pageBits]?.[slot & pageMask] ?? Number.NaN,
    set(slot, value) {
      const page = slot >> pageBits;
      if (value === undefined) {
        if (present[page] === undefined) return;
        count -= present[page][slot & pageMask]!;
        present[page][slot & pageMask] = 0;
        return;
      }
      (pages[page] ??= new Float64Array(pageSize))[slot & pageMask] = value;
      const here = (present[page] ??= new Uint8Array(pageSize));
      count += 1 - here[slot & pageMask]!;
      here[slot & pageMask] = 1;
    },
  };
}

function newTextColumn(slotCount: () => number): TextColumn {
  const pages: (Int32Array | undefined)[] = []; // code + 1; 0 for none
  let codes = new Map<string, number>();
  let count = 0;
  let decimal = true;
  const column: TextColumn = {
    kind: "text",
    get count() {
      return count;
    },
    get decimal() {
      return decimal;
    },
    levels: [],
    code: (slot) => (pages[slot >> pageBits]?.[slot & pageMask] ?? 0) - 1,
    set(slot, value) {
      const page = slot >> pageBits;
      if (value === undefined) {
        if (pages[page] === undefined) return;
        if (pages[page][slot & pageMask] !== 0) count--;
        pages[page][slot & pageMask] = 0;
        return;
      }
      if (column.levels.length > 2 * slotCount() + 1_000) forgetUnused();
      let code = codes.get(value);
      if (code === undefined) {
        codes.set(value, (code = column.levels.push(value) - 1));
        decimal &&= decimalText.test(value);
      }
      const here = (pages[page] ??= new Int32Array(pageSize));
      if (here[slot & pageMask] === 0) count++;
      here[slot & pageMask] = code + 1;
    },
  };
  return column;

  /** A tag that changes all the time (`progress`) must not keep every text it ever had. */
  function forgetUnused(): void {
    const before = column.levels;
    column.levels = [];
    codes = new Map();
    for (const page of pages) {
      if (page === undefined) continue;
      for (let i = 0; i < pageSize; i++) {
        if (page[i] === 0) continue;
        const text = before[page[i]! - 1]!;
        let code = codes.get(text);
        if (code === undefined) codes.set(text, (code = column.levels.push(text) - 1));
        page[i] = code + 1;
      }
    }
  }
}

function getOrMake<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
