import type { Lake } from "#domains/lake";
import {
  aucEstimate,
  emptyScoreHistogram,
  histogramMetrics,
  mergeProfiles,
  mergeScores,
  type AucEstimate,
  type TableProfile,
} from "#domains/quality";
import type { Database } from "#ports/database";
import { dayMs, joinedTable, type DailyMetrics, type DayDrift, type Role } from "./model.ts";
import { firstDay, selectDays, selectDrift, selectHistograms, selectProfiles } from "./store.ts";

export interface Window {
  overMs: number;
  /** End of the window: the end of a day. */
  untilMs: number;
}

/** Live metrics by day, of every version that answered or was scored beside. */
export function dailyMetrics(
  { state }: { state: Database },
  endpoint: string,
  days: { fromMs?: number; untilMs?: number } = {},
): Promise<DailyMetrics[]> {
  return selectDays(state, { endpoint, ...days });
}

/** Drift by day and version. */
export function dailyDrift({ state }: { state: Database }, endpoint: string, days: { fromMs?: number; untilMs?: number } = {}): Promise<DayDrift[]> {
  return selectDrift(state, { endpoint, ...days });
}

export interface LiveWindow {
  auc: number | undefined;
  standardError: number | undefined;
  positives: number;
  negatives: number;
  /** Days of the window that have outcomes. */
  days: number;
  /** The version was already there when the window began. */
  full: boolean;
}

/** AUC of a version over a window of days, from the days' score histograms (to about 1e-4). */
export async function liveAuc(
  { state }: { state: Database },
  endpoint: string,
  { version, role = "serving", overMs, untilMs }: Window & { version: number; role?: Role },
): Promise<LiveWindow> {
  const fromMs = untilMs - overMs;
  const of = { endpoint, version, role };
  const rows = await selectHistograms(state, { ...of, fromMs, untilMs });
  const first = await firstDay(state, of);
  const metrics = histogramMetrics(rows.reduce((sum, row) => mergeScores(sum, row.histogram), emptyScoreHistogram()));
  return {
    auc: metrics.auc,
    standardError: metrics.aucStandardError,
    positives: metrics.positives,
    negatives: metrics.negatives,
    days: rows.length,
    full: first !== undefined && first <= fromMs,
  };
}

/**
 * The exact AUC of one version over all joined records of a period: those it answered, and those it was scored beside.
 * Undefined while there are too few outcomes.
 */
export async function versionAuc(
  { lake }: { lake: Lake },
  endpoint: string,
  { version, fromMs, untilMs }: { version: number; fromMs?: number; untilMs?: number },
): Promise<AucEstimate | undefined> {
  const table = joinedTable(endpoint);
  if (!(await lake.exists(table))) return undefined;
  const number = Math.trunc(version);
  const where = [
    "label is not null",
    `(version = ${number} or shadow_version = ${number})`,
    ...(fromMs === undefined ? [] : [`time >= epoch_ms(${Math.trunc(fromMs)})`]),
    ...(untilMs === undefined ? [] : [`time < epoch_ms(${Math.trunc(untilMs)})`]),
  ].join(" and ");
  const found = await lake.columns(table, { select: ["label", "version", "score", "shadow_score"], where });
  const [labels, versions, scores, shadows] = found.columns.map((column) => (column.kind === "number" ? column.values : new Float64Array()));
  if (found.rows === 0) return undefined;
  const own = Float32Array.from(scores!, (score, i) => (versions![i] === number ? score : shadows![i]!));
  return aucEstimate(Float32Array.from(labels!), own);
}

/** The inputs of a version over a window of days, over the cells of its training profile; undefined without any. */
export async function windowProfile(
  { state }: { state: Database },
  endpoint: string,
  { version, overMs, untilMs }: Window & { version: number },
  training: TableProfile,
): Promise<TableProfile | undefined> {
  const [first, ...rest] = await selectProfiles(state, { endpoint, version, fromMs: untilMs - Math.max(overMs, dayMs), untilMs }, training);
  return first && rest.reduce((sum, profile) => mergeProfiles(sum, profile), first);
}

/** Start of the first day with predictions of an endpoint, or answered by one version. */
export function windowStart({ state }: { state: Database }, endpoint: string, version?: number): Promise<number | undefined> {
  return firstDay(state, { endpoint, role: "serving", ...(version !== undefined && { version }) });
}
