/** Groups of numbers, as a database's GROUP BY has them, with exact percentiles. */

export const aggregations = ["COUNT", "SUM", "AVG", "PERCENTILE", "MIN", "MAX"] as const;
export type AggregationKind = (typeof aggregations)[number];

export interface Aggregation {
  kind: AggregationKind;
  /** 0 to 100; of percentiles alone. */
  percentile?: number;
}

/** Values by the texts and numbers that they are grouped by. */
export interface Groups {
  add(keys: (string | number)[], value: number): void;
  /** In the order of their keys. */
  list(): { keys: (string | number)[]; values: number[] }[];
}

export function createGroups(): Groups {
  const groups = new Map<string, { keys: (string | number)[]; values: number[] }>();
  return {
    add(keys, value) {
      const id = JSON.stringify(keys);
      const group = groups.get(id) ?? { keys, values: [] };
      group.values.push(value);
      groups.set(id, group);
    },
    list: () => [...groups.values()].sort((a, b) => compareKeys(a.keys, b.keys)),
  };
}

function compareKeys(a: (string | number)[], b: (string | number)[]): number {
  const at = a.findIndex((key, i) => key !== b[i]);
  return at < 0 ? 0 : a[at]! < b[at]! ? -1 : 1; // groups of one list have as many keys
}

/** One number for many; undefined where there are none to tell anything of. */
export function aggregate({ kind, percentile = 50 }: Aggregation, values: number[]): number | undefined {
  if (kind === "COUNT") return values.length;
  if (values.length === 0) return undefined;
  switch (kind) {
    case "SUM":
      return sum(values);
    case "AVG":
      return sum(values) / values.length;
    case "MIN":
      return values.reduce((least, value) => Math.min(least, value));
    case "MAX":
      return values.reduce((most, value) => Math.max(most, value));
    case "PERCENTILE":
      return quantile(values, percentile / 100);
  }
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Between two neighbours in proportion, as numpy.quantile and PERCENTILE_CONT do it. */
function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const [low, high] = [sorted[below]!, sorted[below + 1] ?? sorted[below]!]; // the place is within
  return low + (high - low) * (place - below);
}
