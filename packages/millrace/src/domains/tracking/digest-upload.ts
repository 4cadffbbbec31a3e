import { createHash } from "node:crypto";
import { AppError } from "#kit/app-error";
import type { Database, Transaction } from "#ports/database";
import { artifactKey } from "./artifact-path.ts";
import type { TrackingServices } from "./model.ts";
import { renameContent } from "./store.ts";
import { directOf } from "./upload.ts";
import { deleteUpload, findUpload, saveDigest, undigestedUploads } from "./upload-store.ts";

/** Gives what else stands under one name for its bytes, outside of runs' artifacts, another name for the same bytes. */
export type RenameElsewhere = (transaction: Transaction, from: string, to: string) => Promise<void>;

/** Digests under way, so that nobody reads a file twice at a time. */
const underway = new WeakMap<Database, Map<string, Promise<string>>>();

/**
 * Learns the digest of an upload by reading it, and moves it under its digest, where all other artifacts are: copied within the
 * store; then everything that stands under the upload's name gets the digest's. Throws `not_found` for an upload that is not finished.
 */
export async function digestUpload(services: TrackingServices, id: string, renameElsewhere: RenameElsewhere): Promise<string> {
  const running = underway.get(services.state) ?? new Map<string, Promise<string>>();
  underway.set(services.state, running);
  let work = running.get(id);
  if (work === undefined) {
    work = digestNow(services, id, renameElsewhere).finally(() => running.delete(id));
    running.set(id, work);
  }
  return work;
}

/**
 * Learns the digests of all uploads that still lack one, one after the other. One that fails does not keep the others from it and
 * is tried again the next time.
 */
export async function digestUploads(services: TrackingServices, renameElsewhere: RenameElsewhere): Promise<void> {
  for (const { id } of await undigestedUploads(services.state)) await digestUpload(services, id, renameElsewhere).catch(() => undefined);
}

async function digestNow(services: TrackingServices, id: string, renameElsewhere: RenameElsewhere): Promise<string> {
  const { state, blobs, clock } = services;
  const upload = await findUpload(state, id);
  if (upload?.digest !== undefined) return upload.digest;
  if (upload?.finishedMs === undefined) throw new AppError("not_found", `There is no finished upload "${id}".`);
  const digest = await digestOfBlob(services, id);
  await directOf(blobs).copy(artifactKey(id), artifactKey(digest)); // also where it is there: whoever removes blobs sees a new one
  await state.write(async (transaction) => {
    await saveDigest(transaction, id, digest, clock.now()); // first: see `currentContent`
    await renameContent(transaction, id, digest);
    await renameElsewhere(transaction, id, digest);
  });
  return digest;
}

async function digestOfBlob({ state, blobs }: TrackingServices, id: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of await blobs.get(artifactKey(id))) hash.update(chunk);
  } catch (error) {
    // What an upload brought was deleted with everything that referred to it.
    if (error instanceof AppError && error.code === "not_found") await state.write((transaction) => deleteUpload(transaction, id));
    throw error;
  }
  return hash.digest("hex");
}
