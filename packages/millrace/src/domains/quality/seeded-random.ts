import { sha256 } from "#kit/hash";

/** A source of random values that are the same on every run of a check with the same seed. */
export interface RandomSource {
  /** A text that has not occurred before, such as `"01JZ…"`. */
  id(): string;
  /** A number in [low, high); [0, 1) when left out. */
  number(low?: number, high?: number): number;
  /** One of the values. */
  pick<T>(values: readonly [T, ...T[]] | readonly T[]): T;
}

/** A source for one purpose: other purposes with the same seed get other values, whatever the order they are drawn in. */
export function seededRandom(seed: number, purpose: string): RandomSource {
  const next = sfc32(sha256(`${seed}:${purpose}`));
  const number = (low = 0, high = 1): number => low + next() * (high - low);
  return {
    id: () => Array.from({ length: 26 }, () => alphabet[Math.floor(next() * 32)]).join(""),
    number,
    pick: (values) => {
      if (values.length === 0) throw new RangeError("random.pick was given an empty list");
      return values[Math.floor(next() * values.length)]!;
    },
  };
}

/** `count` different row numbers below `rows`, ascending; all of them when there are no more. Floyd's algorithm. */
export function sampleRowNumbers(rows: number, count: number, random: RandomSource): number[] {
  if (count >= rows) return Array.from({ length: rows }, (_, row) => row);
  const chosen = new Set<number>();
  for (let top = rows - count; top < rows; top++) {
    const row = Math.floor(random.number(0, top + 1));
    chosen.add(chosen.has(row) ? top : row);
  }
  return [...chosen].sort((a, b) => a - b);
}

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Chris Doty-Humphrey's small fast counter generator, 32 bits a draw. */
function sfc32(hex: string): () => number {
  let [a, b, c, d] = [0, 8, 16, 24].map((at) => Number.parseInt(hex.slice(at, at + 8), 16) | 0) as [number, number, number, number]; // four words of the digest
  return () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return (t >>> 0) / 4294967296;
  };
}
