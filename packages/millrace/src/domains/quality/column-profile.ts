import { z } from "zod";
import { AppError } from "#kit/app-error";

const count = z.number().int().min(0);
const maybe = z.number().nullable();

/**
 * What is known of a numeric column: moments and counts over frozen cells. `edges` are ascending; cell 0 is everything below
 * `edges[0]`, cell i is [edges[i-1], edges[i]), the last cell is everything from the last edge on. In the profile that set the
 * edges, the first edge is the minimum and the last edge the next number after the maximum, so its two outer cells are empty:
 * in a later profile they count what lies outside the reference's range.
 */
const numberProfileSchema = z.object({
  kind: z.literal("number"),
  /** Values present, missing ones apart. */
  count,
  /** NaN and infinite values. */
  missing: count,
  mean: maybe,
  /** Sum of squared differences from the mean; the variance is `squares / count`. */
  squares: z.number().min(0),
  min: maybe,
  max: maybe,
  /** What values are rounded to before they meet the edges, so that float32 training data and float64 live data agree. */
  precision: z.enum(["float32", "float64"]),
  /** `values`: one cell for each value that the reference has. `quantiles`: cells of about equal numbers of rows. */
  cells: z.enum(["values", "quantiles"]),
  edges: z.array(z.number()),
  counts: z.array(count),
});

/** What is known of a categorical column: how often each level occurs. Levels beyond the cap are counted in `other`, without their names. */
const categoryProfileSchema = z.object({
  kind: z.literal("category"),
  count,
  missing: count,
  levels: z.array(z.string()),
  counts: z.array(count),
  other: count,
});

export const columnProfileSchema = z.discriminatedUnion("kind", [numberProfileSchema, categoryProfileSchema]);

/** Profile of the columns of a table or a window of it. Kept as JSON beside the model version it was trained with. */
export const tableProfileSchema = z.object({
  format: z.literal("millrace.profile"),
  version: z.literal(1),
  rows: count,
  columns: z.record(z.string(), columnProfileSchema),
});

export type NumberProfile = z.infer<typeof numberProfileSchema>;
export type CategoryProfile = z.infer<typeof categoryProfileSchema>;
export type ColumnProfile = z.infer<typeof columnProfileSchema>;
export type TableProfile = z.infer<typeof tableProfileSchema>;

/** Reads a stored profile. Throws `corrupt_data` when it is not one, `unsupported` when a newer Millrace wrote it. */
export function parseProfile(json: unknown): TableProfile {
  const parsed = tableProfileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  if (typeof json === "object" && json !== null && "version" in json && typeof json.version === "number" && json.version > 1) {
    throw new AppError("unsupported", `The profile has version ${json.version}; this Millrace reads version 1.`, { hint: "Upgrade Millrace." });
  }
  const issue = parsed.error.issues[0];
  throw new AppError("corrupt_data", `This is not a profile of columns: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}.`, {
    hint: "Register the model again; its profile is made from the training set.",
  });
}

/** Population standard deviation; null without values. */
export function deviationOf(profile: NumberProfile): number | null {
  return profile.count > 0 ? Math.sqrt(profile.squares / profile.count) : null;
}
