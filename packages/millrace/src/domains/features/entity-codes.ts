/** A key column of events or of the rows that ask, as the join takes it. */
export type KeyColumn =
  /** Text: dictionary codes, -1 for null. `into` translates them to the codes of the events' dictionary, -1 where it lacks the text. */
  | { kind: "text"; codes: Int32Array; levels: number; into?: Int32Array }
  /** Numbers, NaN for null. */
  | { kind: "number"; values: Float64Array };

/** What the keys of the events were numbered by, to find the keys of other rows. */
export interface EntityCodes {
  keys: number;
  /** By key column: numbers of numeric values; undefined for text, whose dictionary codes serve. */
  values: (Map<number, number> | undefined)[];
  /** By key column from the second on: number of the pair (number so far, number of this part). */
  pairs: PairTable[];
}

export const nullKey = -1;
export const unknownKey = -2;

/** Numbers the entity of every event, 0 … keys − 1; -1 where any part of its key is null. Parts are paired as numbers, never glued as text. */
export function codeEvents(columns: readonly KeyColumn[], rows: number): { codes: Int32Array; entities: EntityCodes } {
  const entities: EntityCodes = { keys: 0, values: [], pairs: [] };
  const codes = new Int32Array(rows);
  columns.forEach((column, position) => {
    const values = column.kind === "number" ? new Map<number, number>() : undefined;
    const parts = partCodes(column, rows, values, true);
    entities.values.push(values);
    const size = values?.size ?? (column.kind === "text" ? column.levels : 0);
    if (position === 0) {
      codes.set(parts);
      entities.keys = size;
      return;
    }
    const pairs = createPairTable(entities.keys, size);
    entities.pairs.push(pairs);
    for (let row = 0; row < rows; row++) codes[row] = codes[row]! < 0 || parts[row]! < 0 ? nullKey : internPair(pairs, codes[row]!, parts[row]!);
    entities.keys = pairs.count;
  });
  return { codes, entities };
}

/** The entity number of every row that asks: -1 where a part of the key is null, -2 where no event has the key. */
export function codeRows(columns: readonly KeyColumn[], rows: number, entities: EntityCodes): Int32Array {
  const codes = new Int32Array(rows);
  columns.forEach((column, position) => {
    const parts = partCodes(column, rows, entities.values[position], false);
    if (position === 0) {
      codes.set(parts);
      return;
    }
    const pairs = entities.pairs[position - 1]!;
    for (let row = 0; row < rows; row++) {
      const before = codes[row]!;
      const part = parts[row]!;
      codes[row] = before === nullKey || part === nullKey ? nullKey : before < 0 || part < 0 ? unknownKey : findPair(pairs, before, part);
    }
  });
  return codes;
}

function partCodes(column: KeyColumn, rows: number, values: Map<number, number> | undefined, intern: boolean): Int32Array {
  if (column.kind === "text" && column.into === undefined) return column.codes;
  const parts = new Int32Array(rows);
  if (column.kind === "text") {
    const { codes, into } = column;
    for (let row = 0; row < rows; row++) {
      const code = codes[row]!;
      const found = code < 0 ? nullKey : into![code]!;
      parts[row] = code < 0 ? nullKey : found < 0 ? unknownKey : found;
    }
    return parts;
  }
  for (let row = 0; row < rows; row++) {
    const value = column.values[row]!;
    let part = value !== value ? nullKey : (values?.get(value) ?? unknownKey);
    if (part === unknownKey && intern && values !== undefined) values.set(value, (part = values.size));
    parts[row] = part;
  }
  return parts;
}

/** Numbers of pairs: a plain table where it stays small, a map otherwise. */
interface PairTable {
  width: number;
  table: Int32Array | undefined;
  map: Map<number, number>;
  count: number;
}

const tableLimit = 1 << 22;

function createPairTable(before: number, width: number): PairTable {
  return { width, table: before * width <= tableLimit ? new Int32Array(before * width) : undefined, map: new Map(), count: 0 };
}

function internPair(pairs: PairTable, before: number, part: number): number {
  const pair = before * pairs.width + part;
  const found = pairs.table === undefined ? pairs.map.get(pair) : pairs.table[pair]! - 1;
  if (found !== undefined && found >= 0) return found;
  const code = pairs.count++;
  if (pairs.table === undefined) pairs.map.set(pair, code);
  else pairs.table[pair] = code + 1;
  return code;
}

function findPair(pairs: PairTable, before: number, part: number): number {
  const pair = before * pairs.width + part;
  const found = pairs.table === undefined ? pairs.map.get(pair) : pairs.table[pair]! - 1;
  return found === undefined || found < 0 ? unknownKey : found;
}
