import { AppError } from "#kit/app-error";
import { type ZippedFile, zipStream } from "#kit/zip-stream";
import { artifactKey, checkArtifactPath } from "./artifact-path.ts";
import type { TrackingServices } from "./model.ts";
import { listArtifacts } from "./read-artifact.ts";

const namesPerRead = 1_000;

/**
 * All files below a folder of a run (`""`: all of its artifacts) as one ZIP archive, written while it is read; paths in it begin below
 * the folder. Throws `not_found` where there are none.
 */
export async function archiveArtifacts(
  services: TrackingServices,
  { run, folder = "" }: { run: string; folder?: string },
): Promise<AsyncIterable<Uint8Array>> {
  if (folder !== "") checkArtifactPath(folder);
  if ((await listArtifacts(services, { run, folder, limit: 1 })).length === 0)
    throw new AppError("not_found", `Run "${run}" has no files in "${folder}".`, { hint: "List the run's artifacts." });
  return zipStream(filesBelow(services, run, folder));
}

async function* filesBelow({ state, blobs, clock }: TrackingServices, run: string, top: string): AsyncGenerator<ZippedFile> {
  const folders = [top];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (let after = ""; ;) {
      const page = await listArtifacts({ state, blobs, clock }, { run, folder, after, limit: namesPerRead });
      for (const { path, content, sizeBytes, createdMs } of page) {
        if (content === undefined) folders.push(path);
        else
          yield {
            path: top === "" ? path : path.slice(top.length + 1),
            sizeBytes,
            modifiedMs: createdMs,
            bytes: () => blobs.get(artifactKey(content)),
          };
      }
      if (page.length < namesPerRead) break;
      after = page.at(-1)!.path.split("/").at(-1)!; // a full page has a last one
    }
  }
}
