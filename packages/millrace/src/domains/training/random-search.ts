import type { ParameterSpace, SearchSpace } from "./define.ts";

/** A seeded source of numbers in [0, 1): mulberry32, small and good enough to pick trials and rows. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The `trials` points that a search with this seed tries, in order; a longer search begins with the same points. */
export function drawTrials(space: SearchSpace, trials: number, seed: number): Record<string, unknown>[] {
  const random = seededRandom(seed);
  const names = Object.keys(space.params).toSorted();
  return Array.from({ length: trials }, () => Object.fromEntries(names.map((name) => [name, draw(space.params[name]!, random)])));
}

function draw(space: ParameterSpace, random: () => number): unknown {
  if ("oneOf" in space) return space.oneOf[Math.floor(random() * space.oneOf.length)];
  const [low, high] = space;
  const logarithmic = low > 0 && high / low >= 10;
  const value = logarithmic ? Math.exp(Math.log(low) + random() * Math.log(high / low)) : low + random() * (high - low);
  return Number.isInteger(low) && Number.isInteger(high) ? Math.round(value) : Number(value.toPrecision(4));
}
