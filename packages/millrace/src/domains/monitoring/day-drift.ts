import { z } from "zod";
import {
  checkData,
  compareProfiles,
  profileOf,
  tableProfileSchema,
  type CheckResult,
  type ColumnDrift,
  type TableColumn,
  type TableProfile,
} from "#domains/quality";
import { AppError } from "#kit/app-error";
import type { MonitoredPrediction } from "./join-book.ts";
import { dayName, type DataQuality, type DayDrift, type FeatureDrift, type MonitorReference } from "./model.ts";

export interface DriftRow extends DayDrift {
  startMs: number;
  profile: TableProfile;
}

/** The inputs of a day's predictions by one version, against the rows it learnt from; undefined where these are not known. */
export function driftRow(startMs: number, reference: MonitorReference, predictions: readonly MonitoredPrediction[]): DriftRow | undefined {
  if (!reference.profile) return undefined;
  const known = reference.profile.columns;
  const columns = inputColumns(reference, predictions).filter(({ name }) => known[name] !== undefined);
  const profile = profileOf(columns, { like: reference.profile });
  const features = compareProfiles(reference.profile, profile, { features: columns.map(({ name }) => name) }).map(driftOf);
  const quality = qualityOf(checkData(reference.profile, profile));
  return { startMs, day: dayName(startMs), version: reference.version, rows: predictions.length, features, quality, profile };
}

/** The matrix rows of predictions as columns by name. */
function inputColumns({ inputs }: MonitorReference, predictions: readonly MonitoredPrediction[]): TableColumn[] {
  const rows = predictions.length;
  const matrix = inputs.map(() => new Float32Array(rows));
  for (let row = 0; row < rows; row++) {
    const own = predictions[row]!.inputs!;
    for (let column = 0; column < matrix.length; column++) matrix[column]![row] = own[column]!;
  }
  return inputs.map((input, column): TableColumn => {
    const values = matrix[column]!;
    if (input.kind === "number") return { kind: "number", name: input.name, values };
    const codes = new Int32Array(rows);
    for (let row = 0; row < rows; row++) codes[row] = codeOf(values[row]!, input.levels.length);
    return { kind: "category", name: input.name, codes, levels: input.levels };
  });
}

/** A category's place among the levels, -1 for missing or unknown. */
export function codeOf(value: number, levels: number): number {
  return value >= 0 && value < levels ? Math.trunc(value) : -1;
}

export function driftOf({ column, psi, psiWithoutDrift, ks, missing }: ColumnDrift): FeatureDrift {
  return { feature: column, psi, psiWithoutDrift, ks, missing: missing.current, missingInTraining: missing.reference };
}

function qualityOf(results: CheckResult[]): DataQuality {
  return {
    passed: results.filter(({ status }) => status === "passed").length,
    inconclusive: results.filter(({ status }) => status === "inconclusive").length,
    failed: results.filter(({ status }) => status === "failed"),
  };
}

const packedSchema = z.object({
  rows: z.int(),
  columns: z.record(
    z.string(),
    z.object({
      count: z.int(),
      missing: z.int(),
      counts: z.array(z.int()),
      /** Numbers: mean, squares, min, max. */
      moments: z.tuple([z.number().nullable(), z.number(), z.number().nullable(), z.number().nullable()]).optional(),
      levels: z.array(z.string()).optional(),
      other: z.int().optional(),
    }),
  ),
});

/** A window's profile without the cells it shares with its reference: a tenth of the size. */
export function packProfile(profile: TableProfile): string {
  const columns = Object.entries(profile.columns).map(([name, column]) => {
    const { count, missing, counts } = column;
    const own =
      column.kind === "number" ? { moments: [column.mean, column.squares, column.min, column.max] } : { levels: column.levels, other: column.other };
    return [name, { count, missing, counts, ...own }];
  });
  return JSON.stringify({ rows: profile.rows, columns: Object.fromEntries(columns) });
}

/** The profile again, with the cells of its reference. Throws `corrupt_data` when it was not packed with that reference. */
export function unpackProfile(text: string, reference: TableProfile): TableProfile {
  const packed = packedSchema.parse(JSON.parse(text));
  const columns = Object.entries(packed.columns).map(([name, { moments, levels, other, ...counts }]) => {
    const like = reference.columns[name];
    if (like?.kind === "number" && moments) {
      const [mean, squares, min, max] = moments;
      const { precision, cells, edges } = like;
      return [name, { kind: "number", ...counts, mean, squares, min, max, precision, cells, edges }];
    }
    if (like?.kind === "category" && levels) return [name, { kind: "category", ...counts, levels, other: other ?? 0 }];
    throw new AppError("corrupt_data", `The stored profile of "${name}" is not one of the version's training profile.`);
  });
  return tableProfileSchema.parse({ format: "millrace.profile", version: 1, rows: packed.rows, columns: Object.fromEntries(columns) });
}
