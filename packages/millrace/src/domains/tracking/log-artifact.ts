import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, toAppError } from "#kit/app-error";
import { sha256 } from "#kit/hash";
import type { BlobStore } from "#ports/blob-store";
import { artifactKey, checkArtifactPath, isUpload } from "./artifact-path.ts";
import type { Artifact, TrackingServices } from "./model.ts";
import { receiveStream } from "./receive-stream.ts";
import { activeRun, saveArtifact } from "./store.ts";
import { currentContent } from "./upload-store.ts";

/** Bytes of an artifact: in memory, a file that is kept, or a stream that is first written to `scratchFolder` to learn its digest. */
export type ArtifactData = Uint8Array | { file: string } | { stream: AsyncIterable<Uint8Array>; scratchFolder: string };

/** Bytes that the store has already, as `finishUpload` answers them. */
export interface StoredContent {
  content: string;
  sizeBytes: number;
}

export interface NewArtifact {
  run: string;
  path: string;
  data: ArtifactData | StoredContent;
  mediaType?: string;
}

/**
 * Stores an artifact under a run, streamed, durable when resolved; one that stood at the path before is replaced. Until then nothing
 * of it can be seen. Throws `conflict` where the path is a folder, or leads through a file.
 */
export async function logArtifact({ state, blobs, clock }: TrackingServices, { run, path, data, mediaType }: NewArtifact): Promise<Artifact> {
  checkArtifactPath(path);
  await activeRun(state, run); // before any bytes are moved; asked again below
  const stored = await storedContent(blobs, data);
  return state.write(async (transaction) => {
    await activeRun(transaction, run);
    const content = await currentContent(transaction, stored.content);
    const artifact = { path, content, sizeBytes: stored.sizeBytes, mediaType, createdMs: clock.now() };
    await saveArtifact(transaction, run, artifact);
    return { ...artifact, digest: isUpload(content) ? undefined : content };
  });
}

/** Brings bytes into the store, where they are not there already. */
export async function storedContent(blobs: BlobStore, data: ArtifactData | StoredContent): Promise<StoredContent> {
  if ("content" in data) return data;
  const { digest, sizeBytes } = await storeBytes(blobs, data);
  return { content: digest, sizeBytes };
}

/** Puts bytes under their digest, once however often they come. */
export async function storeBytes(blobs: BlobStore, data: ArtifactData): Promise<{ digest: string; sizeBytes: number }> {
  if (data instanceof Uint8Array) {
    const digest = sha256(data);
    await blobs.put(artifactKey(digest), data, { ifAbsent: true });
    return { digest, sizeBytes: data.length };
  }
  return "file" in data ? storeFile(blobs, data.file) : storeStream(blobs, data.stream, data.scratchFolder);
}

/** Reads the file twice, to learn its digest and to store it; the second reading is checked against the first. */
async function storeFile(blobs: BlobStore, file: string): Promise<{ digest: string; sizeBytes: number }> {
  const first = newMeter();
  try {
    for await (const chunk of createReadStream(file)) first.add(chunk as Uint8Array); // no encoding is set
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "EISDIR"))
      throw new AppError("not_found", `There is no file "${file}" to log.`, { cause: error, hint: "Check the path." });
    throw toAppError(error);
  }
  const known = first.result();
  const second = newMeter();
  const checked = async function* () {
    for await (const chunk of createReadStream(file)) yield second.add(chunk as Uint8Array); // as above
    if (second.result().digest !== known.digest)
      throw new AppError("conflict", `The file "${file}" changed while it was stored.`, { hint: "Log it once it is finished." });
  };
  await blobs.put(artifactKey(known.digest), checked(), { ifAbsent: true });
  return known;
}

async function storeStream(
  blobs: BlobStore,
  stream: AsyncIterable<Uint8Array>,
  scratchFolder: string,
): Promise<{ digest: string; sizeBytes: number }> {
  const scratch = join(scratchFolder, `artifact-${randomBytes(8).toString("hex")}.tmp`);
  try {
    await mkdir(scratchFolder, { recursive: true });
    const known = await receiveStream(stream, scratch);
    await blobs.putFile(artifactKey(known.digest), scratch, { ifAbsent: true });
    return known;
  } catch (error) {
    throw toAppError(error);
  } finally {
    await rm(scratch, { force: true });
  }
}

/** Counts and digests bytes on their way. */
function newMeter() {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let result: { digest: string; sizeBytes: number } | undefined;
  return {
    add(chunk: Uint8Array): Uint8Array {
      hash.update(chunk);
      sizeBytes += chunk.length;
      return chunk;
    },
    result: () => (result ??= { digest: hash.digest("hex"), sizeBytes }),
  };
}
