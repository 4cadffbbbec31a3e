import { renameFileContent } from "#compat/mlflow";
import type { Lake } from "#domains/lake";
import { collectBlobs } from "#domains/project";
import { cleanUploads, digestUploads, type TrackingServices } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { blobPlaces, blobReferences } from "./blob-references.ts";
import { removeForgotten } from "./forgotten-files.ts";

export interface GarbageServices {
  tracking: TrackingServices;
  lake: Lake;
  /** The local folder for files under way. */
  scratchFolder: string;
}

export interface GarbageOptions {
  olderThanMs: number;
  dryRun: boolean;
  /** Where an earlier call stopped: its `next`. */
  from?: string | undefined;
  /** Stops between two places once this moment has passed. */
  untilMs?: number;
  signal?: AbortSignal;
}

/** What a call found and removed, or would have. */
export interface Garbage {
  blobs: { looked: number; lookedBytes: number; kept: number; young: number; removed: number; removedBytes: number };
  /** Data files of tables that no version ever named. */
  tables: { looked: number; young: number; removed: number; removedBytes: number };
  /** Uploads that were begun and never finished. */
  uploads: { removed: number };
  /** Local files that processes left which were killed. */
  temporary: { removed: number; removedBytes: number };
  seconds: number;
  dryRun: boolean;
  /** Where the next call goes on; left out once everything was looked through. */
  next?: string;
}

/** A day: uploads may go on for hours, and what a process left is not looked at by anybody. */
const staleMs = 24 * 3_600_000;

/** Looks through all places where garbage may be: shared blobs, tables, uploads, local files. */
export async function collectGarbage({ tracking, lake, scratchFolder }: GarbageServices, options: GarbageOptions): Promise<Garbage> {
  const { clock } = tracking;
  const { olderThanMs, dryRun, from, signal } = options;
  const started = performance.now();
  const garbage = newGarbage(dryRun);
  const end = (next?: string): Garbage => ({ ...garbage, seconds: (performance.now() - started) / 1_000, ...(next !== undefined && { next }) });
  const timeIsUp = () => options.untilMs !== undefined && clock.now() >= options.untilMs;

  const fromTable = from?.startsWith(tableMark) ? from.slice(tableMark.length) : undefined;
  if (fromTable === undefined && from !== rest) {
    const { next, ...blobs } = await collectBlobs(tracking, {
      ...{ places: blobPlaces, references: blobReferences, olderThanMs, dryRun },
      ...(from !== undefined && { from }),
      ...(options.untilMs !== undefined && { untilMs: options.untilMs }),
      ...(signal !== undefined && { signal }),
    });
    garbage.blobs = blobs;
    if (next !== undefined) return end(next);
  }
  if (from !== rest) {
    const tables = (await lake.tables()).filter((table) => fromTable === undefined || table >= fromTable);
    for (const [i, table] of tables.entries()) {
      if (signal?.aborted) throw new AppError("cancelled", "The collection was stopped; what it had removed stays removed.");
      if (timeIsUp() && (i > 0 || fromTable === undefined)) return end(tableMark + table);
      const { looked, young, paths, bytes } = await lake.removeAbandoned(table, { olderThanMs, dryRun });
      garbage.tables.looked += looked;
      garbage.tables.young += young;
      garbage.tables.removed += paths.length;
      garbage.tables.removedBytes += bytes;
    }
    if (timeIsUp()) return end(rest);
  }
  if (!dryRun) await digestUploads(tracking, renameFileContent); // of uploads whose server ended before it knew
  garbage.uploads.removed = (await cleanUploads(tracking, { olderThanMs: Math.max(olderThanMs, staleMs), dryRun })).length;
  garbage.temporary = await removeForgotten(scratchFolder, { olderThanMs: Math.max(olderThanMs, staleMs), dryRun, clock });
  return end();
}

const tableMark = "table ";
const rest = "rest";

export function newGarbage(dryRun: boolean): Garbage {
  return {
    blobs: { looked: 0, lookedBytes: 0, kept: 0, young: 0, removed: 0, removedBytes: 0 },
    tables: { looked: 0, young: 0, removed: 0, removedBytes: 0 },
    uploads: { removed: 0 },
    temporary: { removed: 0, removedBytes: 0 },
    seconds: 0,
    dryRun,
  };
}

/** What two calls found together. */
export function addGarbage(a: Garbage, b: Garbage): Garbage {
  const sum = <Counts extends Record<string, number>>(left: Counts, right: Counts): Counts =>
    Object.fromEntries(Object.entries(left).map(([name, count]) => [name, count + right[name]!])) as Counts; // the same names, all numbers
  return {
    blobs: sum(a.blobs, b.blobs),
    tables: sum(a.tables, b.tables),
    uploads: sum(a.uploads, b.uploads),
    temporary: sum(a.temporary, b.temporary),
    seconds: a.seconds + b.seconds,
    dryRun: b.dryRun,
    ...(b.next !== undefined && { next: b.next }),
  };
}
