import type { WarehouseColumn } from "#ports/warehouse";
import { inSlices, sliceRows } from "./in-slices.ts";

/**
 * Chooses rows as if at random, but always the same ones: those whose id hashes lowest. Which rows are chosen depends on their
 * ids and the seed, not on their order or on the other columns, and a smaller sample is part of a larger one.
 *
 * @param ids the column that identifies rows; without one, their positions do
 * @returns row numbers in the order of the candidates: all of `candidates` when there are no more than `want`
 */
export async function sampleRows(
  candidates: Uint32Array,
  ids: WarehouseColumn | undefined,
  want: number,
  seed: number,
  signal?: AbortSignal,
): Promise<Uint32Array> {
  if (candidates.length <= want) return candidates;
  const hashes = new Uint32Array(candidates.length);
  await inSlices(candidates.length, sliceRows, signal, (from, to) => {
    for (let i = from; i < to; i++) hashes[i] = hashOf(ids, candidates[i]!, seed);
  });
  // Count by the hash's upper half to find the bucket where the sample ends; only that bucket has to be sorted.
  const counts = new Uint32Array(65_536);
  for (let i = 0; i < hashes.length; i++) counts[hashes[i]! >>> 16]!++;
  let bucket = 0;
  let before = 0;
  while (before + counts[bucket]! <= want) before += counts[bucket++]!;
  const inBucket: number[] = [];
  for (let i = 0; i < hashes.length; i++) if (hashes[i]! >>> 16 === bucket) inBucket.push(i);
  const kept = new Set(inBucket.toSorted((a, b) => hashes[a]! - hashes[b]! || a - b).slice(0, want - before));
  const chosen = new Uint32Array(want);
  let count = 0;
  await inSlices(hashes.length, sliceRows, signal, (from, to) => {
    for (let i = from; i < to; i++) {
      const top = hashes[i]! >>> 16;
      if (top < bucket || (top === bucket && kept.has(i))) chosen[count++] = candidates[i]!;
    }
  });
  return chosen;
}

const cell = new Float64Array(1);
const words = new Uint32Array(cell.buffer);

function hashOf(ids: WarehouseColumn | undefined, row: number, seed: number): number {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  if (ids?.kind === "text") {
    const text = ids.codes[row]! < 0 ? "" : ids.levels[ids.codes[row]!]!;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193); // FNV-1a
  } else {
    cell[0] = ids === undefined ? row : ids.values[row]!;
    hash = mix(mix(hash ^ words[0]!) ^ words[1]!);
  }
  return mix(hash);
}

/** The finalizer of MurmurHash3: every bit of the input reaches every bit of the output. */
function mix(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
