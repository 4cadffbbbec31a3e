import { sha256 } from "#kit/hash";

/** Points of one run's metrics as columns; `metrics` are positions in `keys`. */
export interface PointBatch {
  keys: string[];
  count: number;
  metrics: Uint32Array;
  steps: Float64Array;
  times: Float64Array;
  values: Float64Array;
}

export interface PointsDigest {
  count: number;
  digest: string;
}

/** MLflow has no infinities: it keeps the greatest double in their place. */
export function kept(value: number): number {
  return Number.isNaN(value) ? value : Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value));
}

/**
 * Counts and digests points in any order and any number of pieces, in constant memory: the sum, modulo 2^128, of a mix of each
 * point's bits, in four lanes. It finds what is lost, doubled or changed by accident; it is no seal against a forger.
 */
export function createPointsMeter() {
  const lanes = new Uint32Array(4);
  const number = new Float64Array(3);
  const words = new Uint32Array(number.buffer);
  const seeds = new Map<string, Uint32Array>();
  let count = 0;

  const seedOf = (key: string): Uint32Array => {
    let seed = seeds.get(key);
    if (seed === undefined) seeds.set(key, (seed = Uint32Array.from([0, 8, 16, 24], (at) => Number.parseInt(sha256(key).slice(at, at + 8), 16))));
    return seed;
  };

  return {
    add(key: string, steps: Float64Array, times: Float64Array, values: Float64Array, from: number, to: number): void {
      const seed = seedOf(key);
      for (let i = from; i < to; i++) {
        number[0] = steps[i]! + 0; // -0 is 0
        number[1] = times[i]! + 0;
        number[2] = Number.isNaN(values[i]!) ? Number.NaN : kept(values[i]!) + 0;
        for (let lane = 0; lane < 4; lane++) {
          let mix = seed[lane]!;
          for (let word = 0; word < 6; word++) {
            mix = Math.imul(mix ^ words[word]!, 0x85ebca6b);
            mix ^= mix >>> 13;
            mix = Math.imul(mix, 0xc2b2ae35);
            mix ^= mix >>> 16;
          }
          lanes[lane]! += mix;
        }
      }
      count += to - from;
    },
    addBatch(batch: PointBatch): void {
      for (let i = 0; i < batch.count; i++) this.add(batch.keys[batch.metrics[i]!]!, batch.steps, batch.times, batch.values, i, i + 1);
    },
    result: (): PointsDigest => ({ count, digest: Buffer.from(lanes.slice().buffer).toString("hex") }),
  };
}

/** Points of one metric, each distinct one once, in the order of time within steps: files hold what was logged twice twice. */
export function distinctPoints(key: string, points: { step: number; timeMs: number; value: number }[]): PointBatch {
  const order = (a: (typeof points)[number], b: (typeof points)[number]) => a.step - b.step || a.timeMs - b.timeMs || compare(a.value, b.value);
  const sorted = points.every((point, i) => i === 0 || order(points[i - 1]!, point) < 0) ? points : points.toSorted(order);
  const distinct = sorted.filter((point, i) => i === 0 || order(sorted[i - 1]!, point) !== 0);
  return {
    keys: [key],
    count: distinct.length,
    metrics: new Uint32Array(distinct.length),
    steps: Float64Array.from(distinct, ({ step }) => step),
    times: Float64Array.from(distinct, ({ timeMs }) => timeMs),
    values: Float64Array.from(distinct, ({ value }) => value),
  };
}

function compare(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A number as Python writes it. */
export function pythonNumber(text: string): number {
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  return /^[+-]?nan$/i.test(text) ? Number.NaN : Number(text);
}
