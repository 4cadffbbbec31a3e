/**
 * Removing blobs while others write. Equal bytes are stored once, under their digest, and rows of the state refer to them; a blob to
 * which no row refers is garbage. The danger: a writer finds its bytes there already, the collector removes them, and then the writer
 * records its reference, to nothing. So:
 *
 * - A blob younger than the grace (an hour or more) is never removed: whoever stored it has that long to refer to it.
 * - A writer that finds an older blob holds it first: a row, in a transaction that waits while the blob is being removed. Held blobs
 *   stay for a day. Only then does it look whether the blob is there, and stores it where it is not.
 * - The collector marks what it is going to remove in a transaction that finds neither a reference nor a hold. Both sides read what the
 *   other writes in serialisable transactions, so of a hold and a mark of one key one sees the other.
 * - One collector at a time, under a lease. It lists, marks, removes, and takes its marks away; each key once. So a writer that finds
 *   no blob and no mark may store it: whatever was going to remove it has done so.
 * - A collector that died leaves marks. They are void once its lease has ended, or at once where the state has one process only.
 */
import { stat, utimes } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "#kit/clock";
import { newId } from "#kit/id";
import { sql, sqlIn } from "#kit/sql";
import type { BlobStore } from "#ports/blob-store";
import type { Database, Reader, Transaction } from "#ports/database";

/** Blobs younger than this are never removed. */
export const shortestGraceMs = 3_600_000;
/** A writer need not hold what is younger: within the rest of the grace it will have recorded its reference. */
const youngMs = shortestGraceMs / 4;
const holdMs = 24 * 3_600_000;
export const leaseMs = 10 * 60_000;
const lookAgainMs = 20;
const keysAtOnce = 500;
/** Files from this size on may take long to send, and S3 counts their age from the beginning of the sending. */
const slowBytes = 256 << 20;

/** This process, among those that may be collectors. */
const processId = newId();

export interface GuardServices {
  state: Database;
  blobs: BlobStore;
  clock: Clock;
}

/**
 * The blob store for writers, while a collector may be at work. Puts with `ifAbsent` and copies to keys for which `shared` holds
 * (those that several writers may share, because they name their content) are guarded; everything else is as it was.
 */
export function guardedBlobs({ state, blobs, clock }: GuardServices, shared: (key: string) => boolean): BlobStore {
  const guard = { state, clock };

  /**
   * Makes it safe to store a blob that may be there already. True where it is there, so that nothing need be stored.
   *
   * @param quick whether it is stored at once, so that its age begins now
   */
  async function prepare(key: string, quick: boolean): Promise<boolean> {
    const found = await blobs.head(key);
    if (found !== undefined && clock.now() - found.modifiedMs < youngMs) return true;
    // The mark is looked for after the blob: where neither is there, whoever was to remove it has done so.
    const marked = await state.get(sql`select key from project_blob_removal where key = ${key}`);
    if (found !== undefined || marked !== undefined || !quick) await holdBlobs(guard, [key]);
    return false;
  }

  const { direct } = blobs;
  return {
    ...blobs,
    async hold(keys) {
      for (let i = 0; i < keys.length; i += keysAtOnce) await holdBlobs(guard, keys.slice(i, i + keysAtOnce));
    },
    ...(direct !== undefined && {
      direct: {
        ...direct,
        async copy(from, to) {
          if (shared(to)) await holdBlobs(guard, [to]);
          await direct.copy(from, to);
        },
      },
    }),

    async put(key, data, options) {
      if (options?.ifAbsent === true && shared(key) && (await prepare(key, data instanceof Uint8Array))) return undefined;
      return blobs.put(key, data, options);
    },

    async putFile(key, path, options) {
      if (options?.ifAbsent === true && shared(key)) {
        const { size } = await stat(path);
        if (await prepare(key, size < slowBytes)) return blobs.putFile(key, path, options); // takes the file away
        const now = clock.now() / 1_000;
        await utimes(path, now, now); // a file that is moved in keeps its age
      }
      return blobs.putFile(key, path, options);
    },
  };
}

/** Keeps blobs, there or not, from being removed for a day; first waits until those have been removed of which that is under way. */
async function holdBlobs({ state, clock }: Pick<GuardServices, "state" | "clock">, keys: string[]): Promise<void> {
  const hold = async (transaction: Transaction): Promise<boolean> => {
    const removals = await transaction.all<{ collector: string }>(
      sql`select distinct collector from project_blob_removal where key in ${sqlIn(keys)}`,
    );
    if (removals.length > 0) {
      const atWork = await collectorAtWork(transaction, { state, clock });
      if (removals.some(({ collector }) => collector === atWork?.collector)) return false;
      await transaction.run(sql`delete from project_blob_removal where key in ${sqlIn(keys)}`);
    }
    for (const key of keys)
      await transaction.run(sql`insert into project_blob_hold (key, until_ms) values (${key}, ${clock.now() + holdMs})
        on conflict (key) do update set until_ms = excluded.until_ms`);
    return true;
  };
  while (!(await state.write(hold))) await wait(lookAgainMs);
}

/** The collector that holds a lease that has not ended. */
async function collectorAtWork(
  reader: Reader,
  { state, clock }: Pick<GuardServices, "state" | "clock">,
): Promise<{ collector: string; untilMs: number } | undefined> {
  const row = await reader.get<{ collector: string; until_ms: number }>(sql`select collector, until_ms from project_blob_collector where id = 1`);
  if (row === undefined || row.until_ms <= clock.now()) return undefined;
  // Another process may hold a lease only where the state is shared: elsewhere it is dead.
  if (!state.capabilities.sharedByProcesses && !row.collector.startsWith(processId)) return undefined;
  return { collector: row.collector, untilMs: row.until_ms };
}

/** Takes the lease for a new collector; undefined while another is at work. Marks that dead collectors left are this one's from now on. */
export async function beginCollecting(
  guard: Pick<GuardServices, "state" | "clock">,
): Promise<{ collector: string; unfinished: string[] } | undefined> {
  const collector = `${processId}-${newId()}`;
  return guard.state.write(async (transaction) => {
    if ((await collectorAtWork(transaction, guard)) !== undefined) return undefined;
    const nowMs = guard.clock.now();
    await transaction.run(sql`insert into project_blob_collector (id, collector, until_ms) values (1, ${collector}, ${nowMs + leaseMs})
      on conflict (id) do update set collector = excluded.collector, until_ms = excluded.until_ms`);
    await transaction.run(sql`delete from project_blob_hold where until_ms <= ${nowMs}`);
    await transaction.run(sql`update project_blob_removal set collector = ${collector}`);
    const rows = await transaction.all<{ key: string }>(sql`select key from project_blob_removal`);
    return { collector, unfinished: rows.map(({ key }) => key) };
  });
}

/** Makes the lease last anew. False where it was lost: then nothing may be removed any more. */
async function renewLease(transaction: Transaction, collector: string, nowMs: number): Promise<boolean> {
  const renewed = await transaction.run(
    sql`update project_blob_collector set until_ms = ${nowMs + leaseMs} where id = 1 and collector = ${collector}`,
  );
  return renewed === 1;
}

/**
 * Marks those of the keys for removal that nobody holds or refers to, and renews the lease.
 *
 * @returns the marked keys; undefined where the lease was lost
 */
export async function markForRemoval(
  { state, clock }: Pick<GuardServices, "state" | "clock">,
  collector: string,
  keys: string[],
  referred: (reader: Reader, keys: string[]) => Promise<Set<string>>,
): Promise<string[] | undefined> {
  return state.write(async (transaction) => {
    if (!(await renewLease(transaction, collector, clock.now()))) return undefined;
    const held = await heldAmong(transaction, keys, clock.now());
    const used = await referred(transaction, keys);
    const marked = keys.filter((key) => !held.has(key) && !used.has(key));
    for (const key of marked)
      await transaction.run(sql`insert into project_blob_removal (key, collector) values (${key}, ${collector})
        on conflict (key) do update set collector = excluded.collector`);
    return marked;
  });
}

export async function heldAmong(reader: Reader, keys: string[], nowMs: number): Promise<Set<string>> {
  const rows = await reader.all<{ key: string }>(sql`select key from project_blob_hold where until_ms > ${nowMs} and key in ${sqlIn(keys)}`);
  return new Set(rows.map(({ key }) => key));
}

/** Takes marks away once their blobs are gone, or were left after all. */
export async function unmark({ state }: Pick<GuardServices, "state">, collector: string, keys: string[]): Promise<void> {
  await state.run(sql`delete from project_blob_removal where collector = ${collector} and key in ${sqlIn(keys)}`);
}

export async function endCollecting({ state }: Pick<GuardServices, "state">, collector: string): Promise<void> {
  await state.run(sql`delete from project_blob_collector where id = 1 and collector = ${collector}`);
}
