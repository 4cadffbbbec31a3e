import { AppError } from "#kit/app-error";
import type { CategoryProfile, ColumnProfile, NumberProfile, TableProfile } from "./column-profile.ts";

/**
 * The profile of the union of the rows behind both profiles: counts are exactly those of the union, moments up to rounding.
 * Both must have the same columns, numbers over the same cells. Throws `conflict` otherwise.
 */
export function mergeProfiles(a: TableProfile, b: TableProfile, { levels = 5_000 } = {}): TableProfile {
  const names = Object.keys(a.columns);
  const odd = names.find((name) => !b.columns[name]) ?? Object.keys(b.columns).find((name) => !a.columns[name]);
  if (odd !== undefined) throw cannotMerge(odd, "only one of the two has it");
  const columns = Object.fromEntries(names.map((name) => [name, mergeColumns(name, a.columns[name]!, b.columns[name]!, levels)]));
  return { format: "millrace.profile", version: 1, rows: a.rows + b.rows, columns };
}

function mergeColumns(name: string, a: ColumnProfile, b: ColumnProfile, cap: number): ColumnProfile {
  if (a.kind === "number" && b.kind === "number") return mergeNumbers(name, a, b);
  if (a.kind === "category" && b.kind === "category") return mergeLevels(a, b, cap);
  throw cannotMerge(name, `it is a ${a.kind} in one and a ${b.kind} in the other`);
}

function mergeNumbers(name: string, a: NumberProfile, b: NumberProfile): NumberProfile {
  if (a.precision !== b.precision || a.edges.length !== b.edges.length || a.edges.some((edge, i) => edge !== b.edges[i])) {
    throw cannotMerge(name, "they count over different cells");
  }
  const count = a.count + b.count;
  const [mean, otherMean] = [a.mean, b.mean];
  const step = (otherMean ?? 0) - (mean ?? 0);
  const both = mean !== null && otherMean !== null; // Chan's formula for the moments of a union
  return {
    ...a,
    count,
    missing: a.missing + b.missing,
    mean: both ? mean + (step * b.count) / count : (mean ?? otherMean),
    squares: a.squares + b.squares + (both ? (step * step * a.count * b.count) / count : 0),
    min: leastOf(a.min, b.min, Math.min),
    max: leastOf(a.max, b.max, Math.max),
    counts: a.counts.map((cell, i) => cell + b.counts[i]!),
  };
}

function leastOf(a: number | null, b: number | null, choose: (a: number, b: number) => number): number | null {
  return a === null ? b : b === null ? a : choose(a, b);
}

function mergeLevels(a: CategoryProfile, b: CategoryProfile, cap: number): CategoryProfile {
  const byLevel = new Map(a.levels.map((level, i) => [level, a.counts[i]!]));
  b.levels.forEach((level, i) => byLevel.set(level, (byLevel.get(level) ?? 0) + b.counts[i]!));
  return { kind: "category", count: a.count + b.count, missing: a.missing + b.missing, ...capLevels(byLevel, a.other + b.other, cap) };
}

/** Levels from the most to the least frequent (equal ones by name), those past the cap added to `other`. */
export function capLevels(byLevel: Map<string, number>, other: number, cap: number): Pick<CategoryProfile, "levels" | "counts" | "other"> {
  const sorted = [...byLevel].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const kept = sorted.slice(0, cap);
  const rest = sorted.slice(cap).reduce((sum, [, n]) => sum + n, 0);
  return { levels: kept.map(([level]) => level), counts: kept.map(([, n]) => n), other: other + rest };
}

function cannotMerge(column: string, why: string): AppError {
  return new AppError("conflict", `The profiles of column "${column}" cannot be merged: ${why}.`, {
    hint: "Make both with `profileOf(columns, { like: reference })` and the same reference.",
  });
}
