import type { CheckResult } from "./check-result.ts";
import type { ColumnProfile, TableProfile } from "./column-profile.ts";
import { counted, listed, words } from "./plain-words.ts";

export interface DataLimits {
  /** Fewest and most rows of the batch. */
  rows?: { atLeast?: number; atMost?: number };
  /** How much the share of missing values may exceed the reference's. */
  missing?: number;
  /** Share of present values that may be levels the reference does not have. */
  unseen?: number;
  /** Share of present values that may lie outside the reference's range. */
  outside?: number;
  /** Batches with fewer rows are not judged by shares. */
  support?: number;
}

/**
 * Checks a batch's profile, made `like` the reference, against the reference: row count, columns, and for each column the share of
 * missing values, of unseen levels or of values out of range. One result a check, in the order of the reference's columns.
 */
export function checkData(reference: TableProfile, batch: TableProfile, limits: DataLimits = {}): CheckResult[] {
  const { rows = {}, missing = 0.05, unseen = 0.01, outside = 0.01, support = 100 } = limits;
  const results = [checkRows(batch.rows, rows), checkColumns(reference, batch)];
  for (const [name, before] of Object.entries(reference.columns)) {
    const now = batch.columns[name];
    if (!now || now.kind !== before.kind) continue; // told by the check of the columns
    const small =
      batch.rows < support ? `The batch has ${counted(batch.rows, "row")}; ${counted(support, "row")} are needed to judge shares.` : undefined;
    results.push(checkMissing(name, before, now, missing, small));
    if (before.count === 0) continue; // nothing is known of its values
    results.push(now.kind === "number" ? checkRange(name, before, now, outside, small) : checkLevels(name, before, now, unseen, small));
  }
  return results;
}

function checkRows(rows: number, { atLeast = 1, atMost = Infinity }: { atLeast?: number; atMost?: number }): CheckResult {
  const passed = rows >= atLeast && rows <= atMost;
  const expected = atMost === Infinity ? `at least ${counted(atLeast, "row")}` : `${atLeast} to ${counted(atMost, "row")}`;
  const reason = `The batch has ${counted(rows, "row")}${passed ? "" : `, expected are ${expected}`}.`;
  return { ...resultOf("number of rows", expected), status: passed ? "passed" : "failed", actual: rows, reason };
}

function checkColumns(reference: TableProfile, batch: TableProfile): CheckResult {
  const names = Object.keys(reference.columns);
  const absent = names.filter((name) => !batch.columns[name]);
  const changed = names.filter((name) => batch.columns[name] && batch.columns[name].kind !== reference.columns[name]!.kind);
  const problems = [
    ...(absent.length > 0 ? [`The batch lacks ${listed(absent)}.`] : []),
    ...(changed.length > 0 ? [`The type of ${listed(changed)} has changed.`] : []),
  ];
  return {
    ...resultOf("columns", `the ${names.length} columns of the reference`),
    status: problems.length > 0 ? "failed" : "passed",
    actual: names.length - absent.length - changed.length,
    reason: problems.join(" ") || `The batch has all ${counted(names.length, "column")} of the reference.`,
    details: { absent, changed },
  };
}

function checkMissing(name: string, before: ColumnProfile, now: ColumnProfile, limit: number, small: string | undefined): CheckResult {
  const [usual, share] = [missingShare(before), missingShare(now)];
  const base = resultOf(`missing values of ${name}`, `at most ${words(usual + limit)} missing`, {
    column: name,
    reference: usual,
    missing: now.missing,
  });
  return judged(base, share, share <= usual + limit, `${words(share)} of ${name} is missing, in the reference ${words(usual)}`, small);
}

function checkRange(name: string, before: ColumnProfile, now: ColumnProfile, limit: number, small: string | undefined): CheckResult {
  const out = now.counts[0]! + now.counts[now.counts.length - 1]!;
  const share = now.count > 0 ? out / now.count : 0;
  const [low, high] = before.kind === "number" ? [before.min, before.max] : [null, null];
  const base = resultOf(`range of ${name}`, `at most ${words(limit)} outside ${low} to ${high}`, { column: name, outside: out, low, high });
  return judged(
    base,
    share,
    share <= limit,
    `${words(share)} of ${name} lies outside the reference's range of ${words(low ?? 0)} to ${words(high ?? 0)}`,
    small,
  );
}

function checkLevels(name: string, before: ColumnProfile, now: ColumnProfile, limit: number, small: string | undefined): CheckResult {
  const [known, levels] = [new Set(before.kind === "category" ? before.levels : []), now.kind === "category" ? now.levels : []];
  const unseen = levels.map((level, i) => ({ level, count: now.counts[i]! })).filter(({ level }) => !known.has(level));
  const uncounted = now.kind === "category" ? now.other : 0;
  const share = now.count > 0 ? (unseen.reduce((sum, { count }) => sum + count, 0) + uncounted) / now.count : 0;
  const base = resultOf(`levels of ${name}`, `at most ${words(limit)} unseen`, {
    column: name,
    unseen: unseen.slice(0, 20),
    different: unseen.length,
  });
  // When the reference left rare levels unnamed, a level it does not name may be one of those.
  const capped = before.kind === "category" && before.other > 0 ? `The reference of ${name} has more levels than it names.` : undefined;
  const names = unseen.length > 0 ? ` (${listed(unseen.map(({ level }) => level))})` : "";
  return judged(
    base,
    share,
    share <= limit,
    `${words(share)} of ${name} has levels that the reference lacks${names}`,
    small ?? (share > limit ? capped : undefined),
  );
}

type Unjudged = Omit<CheckResult, "status" | "actual" | "reason">;

function judged(base: Unjudged, share: number, passed: boolean, found: string, obstacle: string | undefined): CheckResult {
  if (obstacle !== undefined) return { ...base, status: "inconclusive", actual: share, reason: obstacle };
  return { ...base, status: passed ? "passed" : "failed", actual: share, reason: `${found}.` };
}

function resultOf(name: string, expected: string, details: CheckResult["details"] = {}): Unjudged {
  return { name, kind: "data", severity: "error", expected, details };
}

function missingShare(profile: ColumnProfile): number {
  const rows = profile.count + profile.missing;
  return rows > 0 ? profile.missing / rows : 0;
}
