import { AppError } from "#kit/app-error";
import { artifactKey, checkArtifactPath } from "./artifact-path.ts";
import type { Artifact, TrackingServices } from "./model.ts";
import { artifactsIn, findArtifact, findRunRow, runNotFound } from "./store.ts";

/** Files and folders directly in a folder (`""` is the top), by name; empty where there is none. Pages go on after a name. */
export async function listArtifacts(
  { state }: TrackingServices,
  { run, folder = "", after = "", limit = 1_000 }: { run: string; folder?: string; after?: string; limit?: number },
): Promise<Artifact[]> {
  if (folder !== "") checkArtifactPath(folder);
  if ((await findRunRow(state, run)) === undefined) throw runNotFound(run);
  return artifactsIn(state, run, folder, after, limit);
}

/** What is recorded of one artifact. Throws `not_found`. */
export async function getArtifact({ state }: TrackingServices, { run, path }: { run: string; path: string }): Promise<Artifact> {
  const artifact = await findArtifact(state, run, checkArtifactPath(path));
  if (artifact === undefined) {
    if ((await findRunRow(state, run)) === undefined) throw runNotFound(run);
    throw new AppError("not_found", `Run "${run}" has no artifact at "${path}".`, { hint: "List the run's artifacts." });
  }
  return artifact;
}

/** The bytes of an artifact as a stream; `range` is [first, last] inclusive. Throws `not_found`, `invalid_argument` for a folder. */
export async function readArtifact(
  services: TrackingServices,
  { run, path, range }: { run: string; path: string; range?: { first: number; last: number } },
): Promise<{ artifact: Artifact; bytes: AsyncIterable<Uint8Array> }> {
  const artifact = await getArtifact(services, { run, path });
  if (artifact.content === undefined) throw new AppError("invalid_argument", `"${path}" is a folder.`, { hint: "Name a file in it." });
  return { artifact, bytes: await services.blobs.get(artifactKey(artifact.content), range) };
}
