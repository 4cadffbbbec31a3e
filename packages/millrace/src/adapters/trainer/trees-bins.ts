/** Cuts a column into bins. Bin 0 holds missing values (and unseen categories); values and categories have bins 1 … 255. */

export type ColumnBins =
  | { kind: "number"; /** Ascending; a value belongs to bin 1 + (how many of these lie below it). */ thresholds: Float32Array }
  | { kind: "category"; /** The code of bin b at b − 1. */ codes: Int32Array; /** Bin by code. */ binOfCode: Uint8Array };

/** How many bins the column has, the one for missing values included. */
export function binCount(bins: ColumnBins): number {
  return bins.kind === "number" ? bins.thresholds.length + 2 : bins.codes.length + 1;
}

/**
 * Bins of about equal numbers of rows, as LightGBM's GreedyFindBin: each distinct value its own bin while they suffice,
 * and values that fill a bin alone keep it for themselves. Sorts `sample` in place; NaN is left out.
 */
export function numericBins(sample: Float32Array, most: number): ColumnBins {
  const { values, counts } = distinct(sample);
  const thresholds: number[] = [];
  const cutAfter = (i: number): void => void thresholds.push(between(values[i] ?? 0, values[i + 1] ?? 0));
  if (values.length <= most) {
    for (let i = 0; i + 1 < values.length; i++) cutAfter(i);
    return { kind: "number", thresholds: Float32Array.from(thresholds) };
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  const large = counts.map((count) => count >= total / most);
  let binsLeft = most - large.filter(Boolean).length;
  let rowsLeft = counts.reduce((sum, count, i) => (large[i] ? sum : sum + count), 0);
  let target = rowsLeft / binsLeft;
  let filled = 0;
  for (let i = 0; i + 1 < values.length && thresholds.length < most - 1; i++) {
    const count = counts[i] ?? 0;
    if (!large[i]) rowsLeft -= count;
    filled += count;
    if (!large[i] && filled < target && !(large[i + 1] && filled >= Math.max(1, target / 2))) continue;
    cutAfter(i);
    filled = 0;
    if (!large[i]) target = rowsLeft / --binsLeft;
  }
  return { kind: "number", thresholds: Float32Array.from(thresholds) };
}

/** Gives each of the most frequent categories a bin of its own; the rest share bin 0 with the unseen. */
export function categoryBins(sample: Int32Array, levels: number, most: number): ColumnBins {
  const counts = new Uint32Array(levels);
  for (const code of sample) if (code >= 0 && code < levels) counts[code] = (counts[code] ?? 0) + 1;
  const count = (code: number): number => counts[code] ?? 0;
  const seen = [...counts.keys()].filter((code) => count(code) > 0);
  const kept = seen
    .sort((a, b) => count(b) - count(a) || a - b)
    .slice(0, most)
    .sort((a, b) => a - b);
  const binOfCode = new Uint8Array(levels);
  kept.forEach((code, i) => (binOfCode[code] = i + 1));
  return { kind: "category", codes: Int32Array.from(kept), binOfCode };
}

function distinct(sample: Float32Array): { values: number[]; counts: number[] } {
  sample.sort(); // typed arrays sort by number, with NaN last
  const values: number[] = [];
  const counts: number[] = [];
  for (const value of sample) {
    if (Number.isNaN(value)) break;
    if (values.length > 0 && value === values[values.length - 1]) counts[counts.length - 1] = (counts[counts.length - 1] ?? 0) + 1;
    else {
      values.push(value);
      counts.push(1);
    }
  }
  return { values, counts };
}

/** The middle of two float32 numbers, rounded so that `low ≤ middle < high` holds in float32 too: every scorer then agrees on the side. */
function between(low: number, high: number): number {
  const middle = Math.fround((low + high) / 2);
  return middle >= low && middle < high ? middle : low;
}
