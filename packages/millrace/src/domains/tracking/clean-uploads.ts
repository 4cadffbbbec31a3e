import { artifactKey, uploadFolder } from "./artifact-path.ts";
import type { TrackingServices } from "./model.ts";
import { deleteUpload, digestedUploads, unfinishedUploads } from "./upload-store.ts";

/** An upload that was begun and will not be finished any more. */
export interface StaleUpload {
  /** Key that the blob would have had. */
  key: string;
  /** The store's name for it. */
  upload: string;
  begunMs: number;
}

const dayMs = 86_400_000;
/** As long as somebody may still read what was moved under its digest. */
const keptMs = 3_600_000;

/**
 * Aborts uploads that were begun `olderThanMs` ago (a day) and never finished: those that are recorded, and those that only the
 * store knows because a process ended in between. Also removes what stands under its digest since an hour, and is no longer read
 * under the name of its upload. Tells what was aborted; with `dryRun`, what would be. Does nothing where the store takes no uploads.
 */
export async function cleanUploads(
  { state, blobs, clock }: TrackingServices,
  { olderThanMs = dayMs, dryRun = false }: { olderThanMs?: number; dryRun?: boolean } = {},
): Promise<StaleUpload[]> {
  const { direct } = blobs;
  if (direct === undefined) return [];
  const begunBeforeMs = clock.now() - olderThanMs;
  const stale = new Map<string, StaleUpload>();
  for await (const { key, upload, begunMs } of direct.unfinished(uploadFolder))
    if (begunMs < begunBeforeMs) stale.set(upload, { key, upload, begunMs });
  const recorded = await unfinishedUploads(state, begunBeforeMs);
  for (const { id, storeUpload, begunMs } of recorded) stale.set(storeUpload, { key: artifactKey(id), upload: storeUpload, begunMs });
  if (dryRun) return [...stale.values()];
  for (const { key, upload } of stale.values()) await direct.abort(key, upload);
  for (const { id } of recorded) await state.write((transaction) => deleteUpload(transaction, id));
  for (const { id } of await digestedUploads(state, clock.now() - keptMs)) {
    await blobs.delete(artifactKey(id));
    await state.write((transaction) => deleteUpload(transaction, id));
  }
  return [...stale.values()];
}
