import { z } from "zod";
import { scoreHistogramSchema, type ScoreHistogram, type TableProfile } from "#domains/quality";
import { sql, sqlJoin, sqlText, type Sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import type { DriftRow } from "./day-drift.ts";
import { packProfile, unpackProfile } from "./day-drift.ts";
import type { DayRow } from "./day-metrics.ts";
import {
  dailyMetricsSchema,
  dataQualitySchema,
  dayDriftSchema,
  dayName,
  featureDriftSchema,
  type CloseCounts,
  type DailyMetrics,
  type DayDrift,
  type Role,
} from "./model.ts";

const cursorSchema = z.object({ from: z.int(), to: z.int() });

/**
 * Where to read on after a restart. Of each topic everything before `from` is done with; of what stands from there to `to`, the
 * records of times before the closed day's end have been counted and only need to be joined again.
 */
export const checkpointSchema = z.object({ predictions: cursorSchema, outcomes: cursorSchema, openFromMs: z.number().nullable() });
export type Checkpoint = z.infer<typeof checkpointSchema>;

export interface Close {
  endpoint: string;
  dayEndMs: number;
  servingVersion: number | undefined;
  counts: CloseCounts;
  tableVersion: number | undefined;
  checkpoint: Checkpoint;
}

interface CloseRow {
  endpoint: string;
  day_end_ms: number;
  serving_version: number | null;
  predictions: number;
  outcomes: number;
  labelled: number;
  duplicates: number;
  without_prediction: number;
  without_label: number;
  unlabelled: number;
  late: number;
  table_version: number | null;
  checkpoint: string;
}

/** The newest closing, or the newest at or before a moment. */
export async function lastClose(reader: Reader, endpoint: string, untilMs = Number.MAX_SAFE_INTEGER): Promise<Close | undefined> {
  const row = await reader.get<CloseRow>(
    sql`select * from monitoring_close where endpoint = ${endpoint} and day_end_ms <= ${untilMs} order by day_end_ms desc limit 1`,
  );
  return row && closeOf(row);
}

export async function insertClose(transaction: Transaction, close: Close, nowMs: number): Promise<void> {
  const { counts } = close;
  await transaction.run(sql`
    insert into monitoring_close (endpoint, day_end_ms, serving_version, predictions, outcomes, labelled, duplicates, without_prediction,
      without_label, unlabelled, late, table_version, checkpoint, closed_ms)
    values (${close.endpoint}, ${close.dayEndMs}, ${close.servingVersion}, ${counts.predictions}, ${counts.outcomes}, ${counts.labelled},
      ${counts.duplicates}, ${counts.withoutPrediction}, ${counts.withoutLabel}, ${counts.unlabelled}, ${counts.late},
      ${close.tableVersion}, ${JSON.stringify(close.checkpoint)}, ${nowMs})`);
}

/** Sums of the counts over all closings. */
export async function totalCounts(reader: Reader, endpoint: string): Promise<CloseCounts> {
  const names = ["predictions", "outcomes", "labelled", "duplicates", "without_prediction", "without_label", "unlabelled", "late"];
  const sums = sqlText(names.map((name) => `cast(coalesce(sum(${name}), 0) as bigint) as ${name}`).join(", "));
  const row = await reader.get<CloseRow>(sql`select ${sums} from monitoring_close where endpoint = ${endpoint}`);
  return countsOf(row!); // an aggregate without groups has one row
}

function closeOf(row: CloseRow): Close {
  return {
    endpoint: row.endpoint,
    dayEndMs: row.day_end_ms,
    servingVersion: row.serving_version ?? undefined,
    counts: countsOf(row),
    tableVersion: row.table_version ?? undefined,
    checkpoint: checkpointSchema.parse(JSON.parse(row.checkpoint)),
  };
}

function countsOf(row: CloseRow): CloseCounts {
  const { predictions, outcomes, labelled, duplicates, unlabelled, late } = row;
  return {
    predictions,
    outcomes,
    labelled,
    duplicates,
    withoutPrediction: row.without_prediction,
    withoutLabel: row.without_label,
    unlabelled,
    late,
  };
}

/** Puts the rows of a day in the place of what stood there. */
export async function saveDay(transaction: Transaction, endpoint: string, row: DayRow, nowMs: number): Promise<void> {
  await transaction.run(sql`
    insert into monitoring_day (endpoint, day_ms, version, role, predictions, labelled, positives, mature, mean_score, base_rate, auc,
      auc_standard_error, log_loss, calibration, histogram, updated_ms)
    values (${endpoint}, ${row.startMs}, ${row.version}, ${row.role}, ${row.predictions}, ${row.labelled}, ${row.positives},
      ${Number(row.mature)}, ${row.meanScore}, ${row.baseRate}, ${row.auc}, ${row.aucStandardError}, ${row.logLoss}, ${row.calibration},
      ${row.histogram && JSON.stringify(row.histogram)}, ${nowMs})
    on conflict (endpoint, day_ms, version, role) do update set predictions = excluded.predictions, labelled = excluded.labelled,
      positives = excluded.positives, mature = excluded.mature, mean_score = excluded.mean_score, base_rate = excluded.base_rate,
      auc = excluded.auc, auc_standard_error = excluded.auc_standard_error, log_loss = excluded.log_loss,
      calibration = excluded.calibration, histogram = excluded.histogram, updated_ms = excluded.updated_ms`);
}

interface MetricsRow {
  day_ms: number;
  version: number;
  role: string;
  predictions: number;
  labelled: number;
  positives: number;
  mature: number;
  mean_score: number | null;
  base_rate: number | null;
  auc: number | null;
  auc_standard_error: number | null;
  log_loss: number | null;
  calibration: number | null;
}

export interface Days {
  endpoint: string;
  /** Days that begin at or after this moment … */
  fromMs?: number;
  /** … and before this one. */
  untilMs?: number;
  version?: number;
  role?: Role;
}

/** Live metrics, in the order of days, versions, roles. */
export async function selectDays(reader: Reader, days: Days): Promise<DailyMetrics[]> {
  const rows = await reader.all<MetricsRow>(sql`
    select day_ms, version, role, predictions, labelled, positives, mature, mean_score, base_rate, auc, auc_standard_error, log_loss, calibration
    from monitoring_day where ${within(days)} order by day_ms, version, role`);
  return rows.map((row) =>
    dailyMetricsSchema.parse({
      day: dayName(row.day_ms),
      version: row.version,
      role: row.role,
      predictions: row.predictions,
      labelled: row.labelled,
      positives: row.positives,
      mature: row.mature === 1,
      meanScore: row.mean_score,
      baseRate: row.base_rate,
      auc: row.auc,
      aucStandardError: row.auc_standard_error,
      logLoss: row.log_loss,
      calibration: row.calibration,
    }),
  );
}

export async function selectHistograms(reader: Reader, days: Days): Promise<{ startMs: number; histogram: ScoreHistogram }[]> {
  const rows = await reader.all<{ day_ms: number; histogram: string }>(
    sql`select day_ms, histogram from monitoring_day where ${within(days)} and histogram is not null order by day_ms, version, role`,
  );
  return rows.map((row) => ({ startMs: row.day_ms, histogram: scoreHistogramSchema.parse(JSON.parse(row.histogram)) }));
}

export async function saveDrift(transaction: Transaction, endpoint: string, row: DriftRow): Promise<void> {
  await transaction.run(sql`
    insert into monitoring_drift (endpoint, day_ms, version, input_rows, features, quality, profile)
    values (${endpoint}, ${row.startMs}, ${row.version}, ${row.rows}, ${JSON.stringify(row.features)}, ${JSON.stringify(row.quality)},
      ${packProfile(row.profile)})`);
}

/** Drift of days, in the order of days and versions. */
export async function selectDrift(reader: Reader, days: Days): Promise<DayDrift[]> {
  const rows = await reader.all<{ day_ms: number; version: number; input_rows: number; features: string; quality: string }>(
    sql`select day_ms, version, input_rows, features, quality from monitoring_drift where ${within(days)} order by day_ms, version`,
  );
  return rows.map((row) =>
    dayDriftSchema.parse({
      day: dayName(row.day_ms),
      version: row.version,
      rows: row.input_rows,
      features: featureDriftSchema.array().parse(JSON.parse(row.features)),
      quality: dataQualitySchema.parse(JSON.parse(row.quality)),
    }),
  );
}

/** Profiles of the days' inputs to one version, over the cells of its training profile. */
export async function selectProfiles(reader: Reader, days: Days & { version: number }, training: TableProfile): Promise<TableProfile[]> {
  const rows = await reader.all<{ profile: string }>(sql`select profile from monitoring_drift where ${within(days)} order by day_ms`);
  return rows.map((row) => unpackProfile(row.profile, training));
}

/** Start of the first day with predictions of an endpoint, or of one version in a role. */
export async function firstDay(reader: Reader, days: Days): Promise<number | undefined> {
  const row = await reader.get<{ first: number | null }>(sql`select min(day_ms) as first from monitoring_day where ${within(days)}`);
  return row?.first ?? undefined;
}

/** Endpoints that have a closed day. */
export async function monitoredEndpoints(reader: Reader): Promise<string[]> {
  const rows = await reader.all<{ endpoint: string }>(sql`select distinct endpoint from monitoring_close order by endpoint`);
  return rows.map(({ endpoint }) => endpoint);
}

function within({ endpoint, fromMs, untilMs, version, role }: Days): Sql {
  return sqlJoin(
    [
      sql`endpoint = ${endpoint}`,
      ...(fromMs === undefined ? [] : [sql`day_ms >= ${fromMs}`]),
      ...(untilMs === undefined ? [] : [sql`day_ms < ${untilMs}`]),
      ...(version === undefined ? [] : [sql`version = ${version}`]),
      ...(role === undefined ? [] : [sql`role = ${role}`]),
    ],
    " and ",
  );
}
