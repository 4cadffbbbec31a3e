import { z } from "zod";
import { parseArgument } from "#kit/parse-argument";
import type { Transaction } from "#ports/database";
import { appendPoints } from "./append-points.ts";
import type { MixedColumns } from "./metric-columns.ts";
import { idSchema, paramsSchema, type Run, type RunDetail, runStatuses, tagsSchema, trackingLimits, type TrackingServices } from "./model.ts";
import { noteChange } from "./run-index.ts";
import { beginChange, findRunRow, insertRun, saveRun, saveRunContext } from "./store.ts";

/** A run as it stood elsewhere. Its latest metrics follow from its points. */
export type AdoptedRun = Omit<RunDetail, "metrics">;

/** Points of a run's metrics, as columns; `metrics` are positions in `keys`. */
export interface AdoptedPoints {
  keys: string[];
  columns: MixedColumns;
}

const safeText = (longest: number) =>
  z
    .string()
    .max(longest)
    .refine((text) => !text.includes("\u0000"), "must not hold the character NUL, which databases do not keep");
const timeSchema = z.int().min(0);

/** What may be adopted: names are as they come, for nobody can be asked for another one. */
const adoptedSchema = z.object({
  id: idSchema,
  experiment: idSchema,
  name: safeText(trackingLimits.nameLength * 2),
  parent: idSchema.optional(),
  actor: safeText(500).optional(),
  status: z.enum(runStatuses),
  startedMs: timeSchema,
  endedMs: timeSchema.optional(),
  deletedMs: timeSchema.optional(),
  params: paramsSchema,
  tags: tagsSchema,
});
const keysSchema = z.array(safeText(trackingLimits.keyLength).min(1));

/**
 * Takes in a run as it stood elsewhere, with its id, times and state, together with some of its points, durable when resolved. A run
 * of this id that stands here gets these values; its points stay, and the same point again changes nothing. Throws
 * `invalid_argument` for what cannot be kept.
 */
export async function adoptRun({ state, clock }: TrackingServices, run: AdoptedRun, points?: AdoptedPoints): Promise<void> {
  parseArgument(adoptedSchema, "run", run);
  if (points !== undefined) parseArgument(keysSchema, "metrics' keys", points.keys);
  await state.write(async (transaction) => {
    if ((await findRunRow(transaction, run.id)) === undefined) await insertRun(transaction, { ...run, metrics: {} }, clock.now());
    await saveAdopted(transaction, run, clock.now());
    if (points !== undefined && points.keys.length > 0) await appendPoints(transaction, run.id, points);
  });
  noteChange(state, run.id);
}

/** Adds points to a run, whatever its state; the same point again changes nothing. Throws `not_found`. */
export async function adoptPoints({ state, clock }: TrackingServices, run: Run["id"], points: AdoptedPoints): Promise<void> {
  parseArgument(keysSchema, "metrics' keys", points.keys);
  await state.write(async (transaction) => {
    await beginChange(transaction, run, clock.now());
    await appendPoints(transaction, run, points);
  });
  noteChange(state, run);
}

async function saveAdopted(transaction: Transaction, run: AdoptedRun, nowMs: number): Promise<void> {
  await beginChange(transaction, run.id, nowMs);
  await saveRun(transaction, run.id, {
    name: run.name,
    parent: run.parent ?? null,
    status: run.status,
    ended_ms: run.endedMs ?? null,
    deleted_ms: run.deletedMs ?? null,
    params: JSON.stringify(run.params),
    tags: JSON.stringify(run.tags),
  });
  await saveRunContext(transaction, run.id, "inputs", JSON.stringify(run.inputs));
  await saveRunContext(transaction, run.id, "outputs", JSON.stringify(run.outputs));
}
