import { AppError } from "#kit/app-error";
import { checkArtifactPath } from "./artifact-path.ts";
import type { TrackingServices } from "./model.ts";
import { noteChange } from "./run-index.ts";
import { activeRun, beginChange, deleteArtifactRows } from "./store.ts";

/**
 * Takes a file, or a folder with all in it, from a run's artifacts. The bytes stay in the store, where others may share them.
 * Throws `not_found` where nothing is at the path.
 */
export async function deleteArtifact({ state, clock }: TrackingServices, { run, path }: { run: string; path: string }): Promise<void> {
  checkArtifactPath(path);
  await state.write(async (transaction) => {
    await beginChange(transaction, run, clock.now());
    await activeRun(transaction, run);
    if ((await deleteArtifactRows(transaction, run, path)) === 0)
      throw new AppError("not_found", `Run "${run}" has no artifact at "${path}".`, { hint: "List the run's artifacts." });
  });
  noteChange(state, run);
}
