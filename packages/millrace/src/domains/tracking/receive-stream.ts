import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { bufferPasses } from "#kit/young-buffers";

/** What is gathered before it is written: few calls, and little memory. */
const pieceBytes = 1 << 20;
/** How much may be written and not yet on the disk: the last sync is short, and a fast sender waits for a slow disk. */
const unsyncedBytes = 64 << 20;

/**
 * Writes a stream to a new file while its next bytes arrive, and learns its digest on the way; synced when resolved. Memory does not
 * grow with the stream. What was written of a stream that fails is left to the caller.
 * Budget: faster than the disk; `bench/tracking` measures it.
 */
export async function receiveStream(stream: AsyncIterable<Uint8Array>, path: string): Promise<{ digest: string; sizeBytes: number }> {
  const hash = createHash("sha256");
  const file = await open(path, "wx");
  let sizeBytes = 0;
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  let unsynced = 0;
  let writing = Promise.resolve();
  let syncing = Promise.resolve();
  const write = async (): Promise<void> => {
    const pieces = gathered;
    unsynced += gatheredBytes;
    gathered = [];
    gatheredBytes = 0;
    await writing;
    writing = noticed(writeAll(file, pieces));
    if (unsynced < unsyncedBytes) return;
    unsynced = 0;
    await syncing;
    syncing = noticed(file.datasync());
  };
  try {
    for await (const chunk of stream) {
      hash.update(chunk);
      bufferPasses(chunk.length);
      gathered.push(chunk);
      gatheredBytes += chunk.length;
      sizeBytes += chunk.length;
      if (gatheredBytes >= pieceBytes) await write();
    }
    await write();
    await Promise.all([writing, syncing]);
    await file.sync();
  } finally {
    await Promise.allSettled([writing, syncing]); // nothing may use the file when it is closed
    await file.close();
  }
  return { digest: hash.digest("hex"), sizeBytes };
}

async function writeAll(file: FileHandle, pieces: Uint8Array[]): Promise<void> {
  if (pieces.length === 0) return;
  const { bytesWritten } = await file.writev(pieces);
  let skip = bytesWritten;
  for (const piece of pieces) {
    // A file system may take less than it was given; then it says why at the next call, or takes the rest.
    if (skip < piece.length) await file.writeFile(piece.subarray(skip));
    skip = Math.max(0, skip - piece.length);
  }
}

/** A promise that is awaited later: until then its failure is nobody's. */
function noticed(work: Promise<void>): Promise<void> {
  work.catch(() => undefined);
  return work;
}
