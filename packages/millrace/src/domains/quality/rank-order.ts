import type { Floats } from "./metric-input.ts";

const digitBits = 11;
const buckets = 1 << digitBits;

/**
 * Row numbers in ascending order of value; equal values (0 and -0 among them) keep their order. Values must not be NaN.
 * A radix sort over the bits of the floats: linear, and some ten times faster than a comparator sort.
 */
export function rankOrder(values: Floats): Uint32Array {
  const n = values.length;
  const words = values instanceof Float32Array ? [sortableFloat32(values)] : sortableFloat64(values);
  let order = new Uint32Array(n);
  let next = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  const starts = new Uint32Array(buckets);
  for (const keys of words) {
    for (let shift = 0; shift < 32; shift += digitBits) {
      starts.fill(0);
      for (let i = 0; i < n; i++) starts[(keys[i]! >>> shift) & (buckets - 1)]!++;
      if (n === 0 || starts[(keys[0]! >>> shift) & (buckets - 1)] === n) continue; // one digit everywhere: nothing to move
      for (let b = 0, at = 0; b < buckets; b++) {
        const size = starts[b]!;
        starts[b] = at;
        at += size;
      }
      for (let i = 0; i < n; i++) {
        const row = order[i]!;
        next[starts[(keys[row]! >>> shift) & (buckets - 1)]!++] = row;
      }
      [order, next] = [next, order];
    }
  }
  return order;
}

/** Unsigned integers in the order of the floats: positive numbers get the sign bit set, negative ones are inverted. */
function sortableFloat32(values: Float32Array): Uint32Array {
  const keys = new Uint32Array(values.length);
  const floats = new Float32Array(keys.buffer);
  for (let i = 0; i < keys.length; i++) {
    floats[i] = values[i]! + 0; // -0 becomes 0
    const bits = keys[i]!;
    keys[i] = bits & 0x80000000 ? ~bits : bits | 0x80000000;
  }
  return keys;
}

/** The same for 64 bits, as low and high words: the least significant digits are sorted first. */
function sortableFloat64(values: Float64Array): [low: Uint32Array, high: Uint32Array] {
  const n = values.length;
  const low = new Uint32Array(n);
  const high = new Uint32Array(n);
  const one = new Float64Array(1);
  const [lowAt, highAt] = littleEndian() ? [0, 1] : [1, 0];
  const bits = new Uint32Array(one.buffer);
  for (let i = 0; i < n; i++) {
    one[0] = values[i]! + 0;
    const negative = bits[highAt]! & 0x80000000;
    low[i] = negative ? ~bits[lowAt]! : bits[lowAt]!;
    high[i] = negative ? ~bits[highAt]! : bits[highAt]! | 0x80000000;
  }
  return [low, high];
}

function littleEndian(): boolean {
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
}
