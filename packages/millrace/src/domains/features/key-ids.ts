import { AppError } from "#kit/app-error";
import type { KeyValue } from "./model.ts";

/**
 * Numbers for the keys of an entity, 0, 1, 2 … in the order of their first appearance. Keys of several columns are numbered part
 * by part, never glued into one text: ("a", "bc") and ("ab", "c") stay two keys.
 */
export interface KeyIds {
  /** By key column: the number of each value. */
  parts: Map<KeyValue, number>[];
  /** By key column from the second on: number of (number of the columns before, number of this one). */
  pairs: Map<number, number>[];
  /** Keys so far. */
  size: number;
}

const partLimit = 2 ** 26; // two of them fit a double exactly

export function createKeyIds(columns: number): KeyIds {
  return {
    parts: Array.from({ length: columns }, () => new Map()),
    pairs: Array.from({ length: columns - 1 }, () => new Map()),
    size: 0,
  };
}

/** The number of a key, or -1 when it has none yet. */
export function findKey(ids: KeyIds, key: readonly KeyValue[]): number {
  let id = ids.parts[0]!.get(key[0]!) ?? -1;
  for (let i = 1; i < ids.parts.length && id >= 0; i++) {
    const part = ids.parts[i]!.get(key[i]!);
    id = part === undefined ? -1 : (ids.pairs[i - 1]!.get(id * partLimit + part) ?? -1);
  }
  return id;
}

/** The number of a key, given now if it has none. */
export function internKey(ids: KeyIds, key: readonly KeyValue[]): number {
  let id = intern(ids.parts[0]!, key[0]!);
  for (let i = 1; i < ids.parts.length; i++) id = intern(ids.pairs[i - 1]!, id * partLimit + intern(ids.parts[i]!, key[i]!));
  if (id === ids.size) ids.size++;
  return id;
}

/** All keys, in the order of their numbers. */
export function keysInOrder(ids: KeyIds): KeyValue[][] {
  let keys = [...ids.parts[0]!.keys()].map((value) => [value]);
  for (let i = 1; i < ids.parts.length; i++) {
    const prefixes = keys;
    const values = [...ids.parts[i]!.keys()];
    keys = [...ids.pairs[i - 1]!.keys()].map((pair) => [...prefixes[Math.floor(pair / partLimit)]!, values[pair % partLimit]!]);
  }
  return keys;
}

function intern<K>(map: Map<K, number>, value: K): number {
  let id = map.get(value);
  if (id === undefined) {
    id = map.size;
    if (id >= partLimit) {
      throw new AppError("unsupported", `An entity has more than ${partLimit} different keys.`, {
        hint: "Split the stream by key over several processes.",
      });
    }
    map.set(value, id);
  }
  return id;
}
