import { AppError } from "#kit/app-error";
import { newId } from "#kit/id";
import type { BlobStore, DirectTransfers } from "#ports/blob-store";
import { artifactKey, isUpload } from "./artifact-path.ts";
import type { StoredContent } from "./log-artifact.ts";
import type { TrackingServices } from "./model.ts";
import { deleteUpload, findUpload, insertUpload, saveFinished, type Upload } from "./upload-store.ts";

export interface BegunUpload {
  id: string;
  /** Where part 1, 2, … are to be PUT; each answers the part's ETag. */
  urls: string[];
}

/** An hour, and a second for each part: the addresses are made at the beginning and serve to the end. */
const uploadSeconds = (parts: number) => 3_600 + parts;
const downloadSeconds = 900;

/**
 * Begins an upload in parts that goes to the blob store itself, for large files where the store is a bucket. Nothing of it is seen
 * until it is finished and logged. `target` says what it is for; only who names the same can finish or abort it.
 * Throws `unsupported` where the store takes no such uploads.
 */
export async function beginUpload(
  { state, blobs, clock }: TrackingServices,
  { target, parts }: { target: string; parts: number },
): Promise<BegunUpload> {
  const direct = directOf(blobs);
  if (!Number.isInteger(parts) || parts < 1 || parts > direct.partsAtMost) {
    throw new AppError("invalid_argument", `An upload of ${parts} parts is not possible: the store takes 1 to ${direct.partsAtMost}.`, {
      hint: "Make larger parts.",
    });
  }
  const id = `upload-${newId()}`;
  const storeUpload = await direct.begin(artifactKey(id));
  const upload = { id, target, storeUpload, begunMs: clock.now(), finishedMs: undefined, sizeBytes: 0, digest: undefined };
  await state.write((transaction) => insertUpload(transaction, upload));
  return { id, urls: await direct.partUrls(artifactKey(id), storeUpload, { count: parts, expiresSeconds: uploadSeconds(parts) }) };
}

/**
 * Makes an upload's parts one content, which can then be logged as an artifact. Finishing again is harmless and answers the same.
 * Throws `not_found` where there is no such upload for the target, `invalid_argument` where the parts are not what was sent.
 */
export async function finishUpload(
  { state, blobs, clock }: TrackingServices,
  { id, target, parts }: { id: string; target: string; parts: { number: number; etag: string }[] },
): Promise<StoredContent> {
  const direct = directOf(blobs);
  const upload = await needUpload({ state }, id, target);
  if (upload.finishedMs !== undefined) return { content: upload.digest ?? id, sizeBytes: upload.sizeBytes };
  const { sizeBytes } = await direct.finish(artifactKey(id), upload.storeUpload, parts);
  await state.write((transaction) => saveFinished(transaction, id, sizeBytes, clock.now()));
  return { content: id, sizeBytes };
}

/** Forgets an upload that is not finished, with what was sent of it; one that is finished or gone stays as it is. */
export async function abortUpload({ state, blobs }: TrackingServices, { id, target }: { id: string; target: string }): Promise<void> {
  const direct = directOf(blobs);
  const upload = isUpload(id) ? await findUpload(state, id) : undefined;
  if (upload === undefined || upload.target !== target || upload.finishedMs !== undefined) return;
  await direct.abort(artifactKey(id), upload.storeUpload);
  await state.write((transaction) => deleteUpload(transaction, id));
}

/** Address from which anyone may read a content for a quarter of an hour, from the store itself. Throws `unsupported` where it gives out none. */
export async function contentUrl(
  { blobs }: Pick<TrackingServices, "blobs">,
  { content, fileName }: { content: string; fileName: string },
): Promise<string> {
  return directOf(blobs).readUrl(artifactKey(content), { expiresSeconds: downloadSeconds, fileName });
}

export function directOf(blobs: BlobStore): DirectTransfers {
  if (blobs.direct !== undefined) return blobs.direct;
  throw new AppError("unsupported", "This blob store is reached through the server only.", { hint: "Send and fetch files through the server." });
}

async function needUpload({ state }: Pick<TrackingServices, "state">, id: string, target: string): Promise<Upload> {
  const upload = isUpload(id) ? await findUpload(state, id) : undefined;
  if (upload === undefined || upload.target !== target)
    throw new AppError("not_found", `There is no upload "${id.slice(0, 100)}" for this file.`, {
      hint: "It was aborted, or never begun: begin again.",
    });
  return upload;
}
