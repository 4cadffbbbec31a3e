import { AppError } from "#kit/app-error";
import { hellinger, jensenShannon, lInfinity, sharesOf } from "./drift-distances.ts";
import { numpyCounts, numpyEdges } from "./numpy-bins.ts";
import { countValues, presentOf, type RawColumn, type RawValues } from "./raw-column.ts";
import { homogeneity, kolmogorovSmirnov, wasserstein } from "./two-sample-tests.ts";

/** The univariate methods of NannyML 0.13 that this dialect knows, by NannyML's names. */
export type NannymlMethod = "jensen_shannon" | "hellinger" | "l_infinity" | "kolmogorov_smirnov" | "wasserstein" | "chi2";

/** From this size of the reference on, NannyML estimates KS and Wasserstein from 10,000 bins. */
const estimatedFrom = 10_000;

/**
 * NannyML's drift of a chunk from the reference, from raw values: bins from the reference alone (Doane's rule for numbers), what lies
 * outside in one extra bin, logarithm to base 2, statistics instead of p-values. Throws `unsupported` for KS and Wasserstein on
 * references of 10,000 rows and more, where NannyML gives an estimate instead of the exact value.
 */
export function nannymlDrift(reference: RawColumn, chunk: RawColumn, method: NannymlMethod = "jensen_shannon"): number {
  const [before, now] = [presentOf(reference, "reference"), presentOf(chunk, "chunk's")];
  switch (method) {
    case "jensen_shannon":
      return jensenShannon(...referenceShares(before, now), 2);
    case "hellinger":
      return hellinger(...referenceShares(before, now));
    case "l_infinity": {
      const [a, b] = countsByValue(before, now);
      return lInfinity(sharesOf(a), sharesOf(b));
    }
    case "chi2":
      return homogeneity(...countsByValue(before, now), { yates: true }).statistic;
    case "kolmogorov_smirnov":
    case "wasserstein": {
      if (before.kind !== "number" || now.kind !== "number") {
        throw new AppError("invalid_argument", `NannyML's method "${method}" is for numbers, and the column has categories.`);
      }
      if (before.values.length >= estimatedFrom) {
        throw new AppError(
          "unsupported",
          `NannyML estimates "${method}" for references of 10,000 rows and more; this dialect computes exact values only.`,
          {
            hint: "Use jensen_shannon or hellinger, or Millrace's own KS and Wasserstein on profiles.",
          },
        );
      }
      return method === "wasserstein" ? wasserstein(before.values, now.values) : kolmogorovSmirnov(before.values, now.values).statistic;
    }
  }
}

/** NannyML's alert band of a metric: mean ± three population standard deviations over the reference's chunks, inside the metric's own limits. */
export function nannymlThresholds(
  referenceChunks: readonly number[],
  limits: { low?: number; high?: number } = {},
): { lower: number; upper: number } {
  const mean = referenceChunks.reduce((sum, value) => sum + value, 0) / referenceChunks.length;
  const spread = 3 * Math.sqrt(referenceChunks.reduce((sum, value) => sum + (value - mean) ** 2, 0) / referenceChunks.length);
  return { lower: Math.max(limits.low ?? -Infinity, mean - spread), upper: Math.min(limits.high ?? Infinity, mean + spread) };
}

/** Shares over the reference's bins, with what the chunk has outside of them in a bin of its own. */
function referenceShares(before: RawValues, now: RawValues): [Float64Array, Float64Array] {
  let [p, q]: [number[], number[]] = [[], []];
  if (before.kind === "number" && now.kind === "number") {
    const edges = numpyEdges(before.values, "doane");
    [p, q] = [[...numpyCounts(before.values, edges)], [...numpyCounts(now.values, edges)]];
  } else {
    const [a, b] = [countValues(before), countValues(now)];
    for (const [value, count] of a) {
      p.push(count);
      q.push(b.get(value) ?? 0);
    }
  }
  const outside = now.values.length - q.reduce((sum, count) => sum + count, 0);
  return [sharesOf([...p, 0]), sharesOf([...q, outside])];
}

function countsByValue(before: RawValues, now: RawValues): [number[], number[]] {
  const [a, b] = [countValues(before), countValues(now)];
  const values = [...new Set([...a.keys(), ...b.keys()])];
  return [values.map((value) => a.get(value) ?? 0), values.map((value) => b.get(value) ?? 0)];
}
