import type { Floats } from "./metric-input.ts";

/**
 * NumPy's equal-width bins (`histogram_bin_edges` with "sturges" or "doane") of values that are all finite. As in NumPy a range
 * without width is widened by a half on both sides.
 */
export function numpyEdges(values: Floats, rule: "sturges" | "doane"): Float64Array {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    if (values[i]! < low) low = values[i]!;
    if (values[i]! > high) high = values[i]!;
  }
  const range = high - low;
  const width = range === 0 ? 0 : rule === "sturges" ? range / (Math.log2(values.length) + 1) : doaneWidth(values, range);
  const bins = width > 0 ? Math.ceil(range / width) : 1;
  const [from, to] = range === 0 ? [low - 0.5, high + 0.5] : [low, high];
  // `linspace`: the step is taken first, and the last edge is exact.
  const step = (to - from) / bins;
  return Float64Array.from({ length: bins + 1 }, (_, i) => (i === bins ? to : i * step + from));
}

/** Counts in NumPy's bins: each holds its lower edge, the last one its upper edge as well. Values outside are not counted. */
export function numpyCounts(values: Floats, edges: Float64Array): Float64Array {
  const counts = new Float64Array(edges.length - 1);
  const last = edges.length - 1;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!(value >= edges[0]! && value <= edges[last]!)) continue;
    let [from, to] = [1, last];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (edges[middle]! <= value) from = middle + 1;
      else to = middle;
    }
    counts[from - 1]!++;
  }
  return counts;
}

/** Doane's rule: Sturges' with more bins for a skewed sample. */
function doaneWidth(values: Floats, range: number): number {
  const n = values.length;
  if (n <= 2) return 0;
  const skewError = Math.sqrt((6 * (n - 2)) / ((n + 1) * (n + 3)));
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]! / n;
  let [second, third] = [0, 0];
  for (let i = 0; i < n; i++) {
    const off = values[i]! - mean;
    second += (off * off) / n;
    third += (off * off * off) / n;
  }
  if (second === 0) return 0;
  return range / (1 + Math.log2(n) + Math.log2(1 + Math.abs(third / second ** 1.5) / skewError));
}
