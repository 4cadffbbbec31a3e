import { AppError } from "#kit/app-error";
import { deviationOf, type CategoryProfile, type ColumnProfile, type NumberProfile, type TableProfile } from "./column-profile.ts";
import { jensenShannon, populationStabilityIndex, sharesOf, zeroFill } from "./drift-distances.ts";
import { kolmogorovPValue } from "./two-sample-tests.ts";

/** Shares of one bin on both sides: what PSI and the Jensen-Shannon distance were computed over. */
export interface DriftBin {
  label: string;
  reference: number;
  current: number;
}

/** How far a column has moved from the reference. Measures are null where one side has nothing to compare. */
export interface ColumnDrift {
  column: string;
  kind: ColumnProfile["kind"];
  referenceRows: number;
  currentRows: number;
  /** Population stability index over `bins`. */
  psi: number | null;
  /** What PSI would be on average without any drift, from the sizes of both samples alone: (bins - 1)(1/n + 1/m). */
  psiWithoutDrift: number | null;
  /** Kolmogorov-Smirnov statistic and its asymptotic p-value, of the values that are present; numbers only. */
  ks: number | null;
  ksPValue: number | null;
  /** Jensen-Shannon distance over `bins`, natural logarithm. */
  jensenShannon: number | null;
  /** Wasserstein-1 distance in standard deviations of the reference; numbers only. */
  wasserstein: number | null;
  missing: { reference: number; current: number };
  bins: DriftBin[];
  /** How the numbers were made, since vendors differ. */
  method: { bins: string; zeroFill: number; logarithm: "natural"; ks: string };
}

export interface CompareOptions {
  /** Columns to compare; all of the reference's when left out. */
  features?: readonly string[];
  /** Equal-mass bins of a numeric column. */
  bins?: number;
  /** Levels of a categorical column with a bin of their own: the most frequent of the reference. */
  levels?: number;
}

/**
 * Compares a window with the reference column by column, from their profiles alone. The window's profile must have been made
 * `like` the reference. Throws `invalid_argument` for a feature that either side lacks, `conflict` for other cells.
 */
export function compareProfiles(reference: TableProfile, current: TableProfile, options: CompareOptions = {}): ColumnDrift[] {
  return (options.features ?? Object.keys(reference.columns)).map((column) => {
    const before = columnOf(reference, column, "reference profile");
    const now = columnOf(current, column, "window's profile");
    if (before.kind === "number" && now.kind === "number") return compareNumbers(column, before, now, options.bins ?? 10);
    if (before.kind === "category" && now.kind === "category") return compareLevels(column, before, now, options.levels ?? 50);
    throw new AppError("conflict", `Column "${column}" was a ${before.kind} in the reference and is a ${now.kind} now.`);
  });
}

function columnOf(profile: TableProfile, column: string, where: string): ColumnProfile {
  const found = profile.columns[column];
  if (found) return found;
  throw new AppError("invalid_argument", `The ${where} has no column "${column}" (it has: ${Object.keys(profile.columns).join(", ")}).`);
}

function compareNumbers(column: string, before: NumberProfile, now: NumberProfile, wanted: number): ColumnDrift {
  if (before.edges.length !== now.edges.length || before.edges.some((edge, i) => edge !== now.edges[i])) {
    throw new AppError("conflict", `The profiles of column "${column}" count over different cells.`, {
      hint: "Make the window's profile with `profileOf(columns, { like: reference })`.",
    });
  }
  const groups = equalMassBins(before.counts, wanted);
  const bins = groups.map(([from, to]) => ({
    label: rangeLabel(before.edges[from - 1], before.edges[to - 1]),
    reference: sum(before.counts.slice(from, to)),
    current: sum(now.counts.slice(from, to)),
  }));
  const both = before.count > 0 && now.count > 0;
  const ks = both ? ksOverCells(before.counts, now.counts) : null;
  const deviation = deviationOf(before);
  return {
    ...comparison(column, before, now, bins),
    ks,
    ksPValue: ks === null ? null : kolmogorovPValue(ks, before.count, now.count),
    wasserstein: both && deviation ? wassersteinOverCells(before, now) / deviation : null,
    method: { ...method, bins: `${bins.length} equal-mass bins of the reference, missing apart`, ks: `at ${before.edges.length} edges` },
  };
}

function compareLevels(column: string, before: CategoryProfile, now: CategoryProfile, wanted: number): ColumnDrift {
  const nowOf = new Map(now.levels.map((level, i) => [level, now.counts[i]!]));
  const bins = before.levels.slice(0, wanted).map((level, i) => ({ label: level, reference: before.counts[i]!, current: nowOf.get(level) ?? 0 }));
  const rest = before.levels.slice(wanted);
  const restNow = sum(rest.map((level) => nowOf.get(level) ?? 0));
  const unseen = now.count - sum(bins.map((bin) => bin.current)) - restNow;
  // Once levels went uncounted by name, a level that the reference does not name may still be one of them.
  const capped = before.other > 0;
  const other = { label: "other levels", reference: sum(before.counts.slice(wanted)) + before.other, current: restNow + (capped ? unseen : 0) };
  const added = [other, { label: "levels not in the reference", reference: 0, current: capped ? 0 : unseen }];
  return {
    ...comparison(column, before, now, [...bins, ...added.filter((bin) => bin.reference + bin.current > 0)]),
    ks: null,
    ksPValue: null,
    wasserstein: null,
    method: { ...method, bins: `the ${bins.length} most frequent levels of the reference, others and missing apart`, ks: "not for categories" },
  };
}

const method = { zeroFill, logarithm: "natural" as const };

/** The measures over bins of counts, to which missing values are added as a bin of their own when there are any. */
function comparison(column: string, before: ColumnProfile, now: ColumnProfile, counted: DriftBin[]) {
  const missing = { label: "missing", reference: before.missing, current: now.missing };
  const bins = missing.reference + missing.current > 0 ? [...counted, missing] : counted;
  const [n, m] = [before.count + before.missing, now.count + now.missing];
  const p = sharesOf(bins.map((bin) => bin.reference));
  const q = sharesOf(bins.map((bin) => bin.current));
  const used = bins.filter((bin) => bin.reference + bin.current > 0).length;
  const both = n > 0 && m > 0;
  return {
    column,
    kind: before.kind,
    referenceRows: n,
    currentRows: m,
    psi: both ? populationStabilityIndex(p, q) : null,
    psiWithoutDrift: both ? Math.max(0, used - 1) * (1 / n + 1 / m) : null,
    jensenShannon: both ? jensenShannon(p, q) : null,
    missing: { reference: n > 0 ? before.missing / n : 0, current: m > 0 ? now.missing / m : 0 },
    bins: bins.map(({ label }, i) => ({ label, reference: p[i]!, current: q[i]! })),
  };
}

/** Joins neighbouring cells to about `wanted` bins of equal mass in the reference; a cell as heavy as a bin stands alone. */
function equalMassBins(counts: number[], wanted: number): [from: number, to: number][] {
  const mass = sum(counts) / wanted;
  const bins: [number, number][] = [];
  let from = 0;
  let reached = 0; // mass of all cells so far
  let goal = mass; // where the open bin is full: the next multiple of a bin's mass
  for (let i = 0; i < counts.length; i++) {
    const heavy = counts[i]! >= mass;
    if (heavy && i > from) {
      bins.push([from, i]);
      from = i;
    }
    reached += counts[i]!;
    if (heavy || reached >= goal - 1e-9) {
      bins.push([from, i + 1]);
      from = i + 1;
      goal = (Math.floor(reached / mass + 1e-9) + 1) * mass;
    }
  }
  if (from < counts.length) {
    // What is left weighs less than a bin: the empty cell above the maximum joins the last bin, unless that is one heavy cell.
    const last = bins[bins.length - 1];
    if (last && last[1] - last[0] > 1) last[1] = counts.length;
    else bins.push([from, counts.length]);
  }
  return bins;
}

/** The largest gap between the two distribution functions at the cells' edges. */
function ksOverCells(before: number[], now: number[]): number {
  const [n, m] = [sum(before), sum(now)];
  let [f, g, most] = [0, 0, 0];
  for (let i = 0; i < before.length - 1; i++) {
    f += before[i]!;
    g += now[i]!;
    most = Math.max(most, Math.abs(f / n - g / m));
  }
  return most;
}

/** Area between the distribution functions. Inside a cell they rise evenly, or, where each cell is one value, at its start. */
function wassersteinOverCells(before: NumberProfile, now: NumberProfile): number {
  const { edges } = before;
  const [n, m] = [sum(before.counts), sum(now.counts)];
  const starts = [Math.min(before.min!, now.min!, edges[0]!), ...edges];
  const ends = [...edges, Math.max(before.max!, now.max!, edges[edges.length - 1]!)];
  let gap = 0;
  let area = 0;
  before.counts.forEach((count, i) => {
    const after = gap + count / n - now.counts[i]! / m;
    const stepped = before.cells === "values" && i > 0 && i < edges.length;
    area += (ends[i]! - starts[i]!) * (stepped ? Math.abs(after) : meanSize(gap, after));
    gap = after;
  });
  return area;
}

/** Mean of |x| as x goes evenly from a to b. */
function meanSize(a: number, b: number): number {
  if (a === 0 && b === 0) return 0;
  return a * b >= 0 ? Math.abs(a + b) / 2 : (a * a + b * b) / (2 * (Math.abs(a) + Math.abs(b)));
}

function rangeLabel(from: number | undefined, to: number | undefined): string {
  const text = (value: number) => String(Number(value.toPrecision(6)));
  if (from === undefined && to === undefined) return "all";
  if (from === undefined) return `< ${text(to!)}`;
  return to === undefined ? `≥ ${text(from)}` : `${text(from)} to ${text(to)}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
