import { checkArtifactPath } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { atOnce } from "#kit/at-once";
import { type ArtifactEntry, type ArtifactPlace, digested, entriesOf } from "./artifact-place.ts";
import type { FileMove } from "./file-report.ts";
import { digestOfFile, type LocalFile, readFileBytes } from "./local-files.ts";

const filesAtOnce = 8;

/** What would become of files in a folder of a run (`""` is the top). Throws where one cannot be there, before anything is sent. */
export async function planSending(place: ArtifactPlace, files: LocalFile[], folder: string): Promise<(FileMove & LocalFile)[]> {
  const standing = new Map<string, Promise<Map<string, ArtifactEntry>>>();
  const inFolder = (above: string) => {
    const known = standing.get(above) ?? namesIn(place, above);
    standing.set(above, known);
    return known;
  };
  await inFolder(folder); // tells of a run that is not there, even where nothing is to be sent
  const moves: (FileMove & LocalFile)[] = [];
  for (const file of files) {
    const path = checkArtifactPath(folder === "" ? file.path : `${folder}/${file.path}`);
    const there = (await inFolder(path.split("/").slice(0, -1).join("/"))).get(path);
    if (there?.folder) throw new AppError("conflict", `The run has a folder at "${path}", where a file would go.`, { hint: "Name another folder." });
    moves.push({ ...file, path, state: await stateOf(file, there) });
  }
  return moves;
}

/** Sends what is new or other than what stands there, a few files at a time. What was sent stays, however it ends. */
export async function sendFiles(
  place: ArtifactPlace,
  moves: (FileMove & LocalFile)[],
  { signal, passing }: { signal: AbortSignal; passing: (path: string, bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array> },
): Promise<void> {
  await atOnce(
    moves.filter(({ state }) => state !== "same"),
    filesAtOnce,
    async ({ path, absolute }) => {
      signal.throwIfAborted();
      const { bytes, digest } = digested(passing(path, readFileBytes(absolute)));
      const stored = await place.write(path, bytes);
      if (stored.digest !== undefined && stored.digest !== digest())
        throw new AppError("corrupt_data", `"${path}" arrived with another digest than it was sent with.`, { hint: "Send it again." });
    },
  );
}

async function stateOf(file: LocalFile, there: ArtifactEntry | undefined): Promise<FileMove["state"]> {
  if (there === undefined) return "new";
  if (there.sizeBytes !== file.sizeBytes || there.digest === undefined) return "replaced";
  return (await digestOfFile(file.absolute)) === there.digest ? "same" : "replaced";
}

async function namesIn(place: ArtifactPlace, folder: string): Promise<Map<string, ArtifactEntry>> {
  const names = new Map<string, ArtifactEntry>();
  for await (const entry of entriesOf(place, folder)) names.set(entry.path, entry);
  return names;
}
