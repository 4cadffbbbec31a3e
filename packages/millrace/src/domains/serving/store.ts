import { z } from "zod";
import { AppError } from "#kit/app-error";
import { sql } from "#kit/sql";
import type { Database } from "#ports/database";

/** Where the features of an endpoint stood, so that they need not be built again from the beginning. */
const checkpointSchema = z.object({
  /** Blob with the snapshot of the online features. */
  blob: z.string(),
  /** Digest of the feature views it holds. */
  features: z.string(),
  /** By topic: the next offset that the snapshot has not seen. */
  positions: z.record(z.string(), z.number().int()),
  /** Reads of earlier moments lack events. */
  floorMs: z.number(),
  newestMs: z.number().nullable(),
});
export type Checkpoint = z.infer<typeof checkpointSchema>;

/** What is remembered of an endpoint between two processes. */
export interface EndpointState {
  /** Version that answers, and the one that is scored beside it. */
  version: number;
  shadow: number | undefined;
  checkpoint: Checkpoint | undefined;
}

export async function findEndpointState(state: Database, name: string): Promise<EndpointState | undefined> {
  const row = await state.get<{ version: number; shadow: number | null; checkpoint: string | null }>(
    sql`select version, shadow, checkpoint from serving_endpoint where name = ${name}`,
  );
  if (!row) return undefined;
  return {
    version: row.version,
    shadow: row.shadow ?? undefined,
    checkpoint: row.checkpoint === null ? undefined : parseCheckpoint(name, row.checkpoint),
  };
}

export async function saveVersions(state: Database, name: string, version: number, shadow: number | undefined, nowMs: number): Promise<void> {
  await state.run(sql`insert into serving_endpoint (name, version, shadow, updated_ms) values (${name}, ${version}, ${shadow}, ${nowMs})
    on conflict (name) do update set version = excluded.version, shadow = excluded.shadow, updated_ms = excluded.updated_ms`);
}

/** Throws `not_found` for an endpoint whose versions were never saved. */
export async function saveCheckpoint(state: Database, name: string, checkpoint: Checkpoint, nowMs: number): Promise<void> {
  const changed = await state.run(
    sql`update serving_endpoint set checkpoint = ${JSON.stringify(checkpoint)}, updated_ms = ${nowMs} where name = ${name}`,
  );
  if (changed === 0) throw new AppError("not_found", `Endpoint "${name}" was never opened.`);
}

/** How far a replay has come. */
export interface ReplayState {
  /** Digest of what is played; it must not change on the way. */
  rowsDigest: string;
  /** The first day that is not finished, and the number of its first append. */
  nextDayMs: number;
  nextNumber: number;
}

export async function findReplayState(state: Database, name: string): Promise<ReplayState | undefined> {
  const row = await state.get<{ rows_digest: string; next_day_ms: number; next_number: number }>(
    sql`select rows_digest, next_day_ms, next_number from serving_replay where name = ${name}`,
  );
  return row && { rowsDigest: row.rows_digest, nextDayMs: Number(row.next_day_ms), nextNumber: Number(row.next_number) };
}

export async function saveReplayState(state: Database, name: string, replay: ReplayState, nowMs: number): Promise<void> {
  await state.run(sql`insert into serving_replay (name, rows_digest, next_day_ms, next_number, updated_ms)
    values (${name}, ${replay.rowsDigest}, ${replay.nextDayMs}, ${replay.nextNumber}, ${nowMs})
    on conflict (name) do update set rows_digest = excluded.rows_digest, next_day_ms = excluded.next_day_ms,
      next_number = excluded.next_number, updated_ms = excluded.updated_ms`);
}

function parseCheckpoint(name: string, json: string): Checkpoint {
  const parsed = checkpointSchema.safeParse(JSON.parse(json));
  if (parsed.success) return parsed.data;
  throw new AppError("corrupt_data", `The checkpoint of endpoint "${name}" cannot be read: ${z.prettifyError(parsed.error)}.`);
}
