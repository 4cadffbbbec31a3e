import { checkArtifactPath } from "./artifact-path.ts";
import { type NewArtifact, storedContent } from "./log-artifact.ts";
import type { TrackingServices } from "./model.ts";
import { findRunRow, runNotFound, saveArtifact } from "./store.ts";
import { currentContent } from "./upload-store.ts";

/** As `logArtifact`, for a run in any state: one that was deleted elsewhere comes with its files. */
export async function adoptArtifact({ state, blobs, clock }: TrackingServices, { run, path, data, mediaType }: NewArtifact): Promise<void> {
  checkArtifactPath(path);
  if ((await findRunRow(state, run)) === undefined) throw runNotFound(run);
  const { content, sizeBytes } = await storedContent(blobs, data);
  await state.write(async (transaction) =>
    saveArtifact(transaction, run, { path, content: await currentContent(transaction, content), sizeBytes, mediaType, createdMs: clock.now() }),
  );
}
