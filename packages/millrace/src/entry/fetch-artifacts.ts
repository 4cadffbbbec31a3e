import { receiveStream } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { atOnce } from "#kit/at-once";
import { type ArtifactEntry, type ArtifactPlace, filesAt } from "./artifact-place.ts";
import type { FileMove } from "./file-report.ts";
import { digestOfFile } from "./local-files.ts";
import type { SafeTarget } from "./safe-target.ts";

/** A file of a run on its way: `path` below the target, `from` in the run. */
export type Fetched = FileMove & { from: string; digest: string | undefined };

const conflictsShown = 5;
const filesAtOnce = 8;

/**
 * What would become of the file at a path, or of all below the folder, in a target. Throws before anything is written where a name
 * cannot be there, and `conflict` where other content stands that may not be replaced.
 */
export async function planFetching(place: ArtifactPlace, path: string, target: SafeTarget, overwrite: boolean): Promise<Fetched[]> {
  const moves: Fetched[] = [];
  for await (const entry of filesAt(place, path)) {
    const below = entry.path === path ? path.split("/").at(-1)! : entry.path.slice(path === "" ? 0 : path.length + 1); // split gives at least one part
    moves.push({ path: below, from: entry.path, sizeBytes: entry.sizeBytes, digest: entry.digest, state: await stateOf(entry, below, target) });
  }
  const others = moves.filter(({ state }) => state === "replaced");
  if (others.length > 0 && !overwrite) {
    const names = others.slice(0, conflictsShown).map((each) => `"${each.path}"`);
    throw new AppError(
      "conflict",
      `Other content stands at ${names.join(", ")}${others.length > names.length ? ` and ${others.length - names.length} more` : ""}.`,
      {
        hint: "Name another folder with --to, or replace it with --overwrite.",
      },
    );
  }
  return moves;
}

/** Fetches what is not there already, a few files at a time, each whole or not at all. What was fetched stays, however it ends. */
export async function fetchFiles(
  place: ArtifactPlace,
  moves: Fetched[],
  {
    target,
    signal,
    passing,
  }: { target: SafeTarget; signal: AbortSignal; passing: (path: string, bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array> },
): Promise<void> {
  await atOnce(
    moves.filter(({ state }) => state !== "same"),
    filesAtOnce,
    async ({ path, from, sizeBytes, digest, state }) => {
      signal.throwIfAborted();
      await target.put(path, state === "replaced", async (part) => {
        const got = await receiveStream(passing(path, await place.read(from)), part);
        if (got.sizeBytes !== sizeBytes || (digest !== undefined && got.digest !== digest))
          throw new AppError("corrupt_data", `"${from}" did not arrive as it is recorded.`, { hint: "Was it replaced meanwhile? Try again." });
      });
    },
  );
}

async function stateOf(entry: ArtifactEntry, path: string, target: SafeTarget): Promise<FileMove["state"]> {
  const { absolute, standing } = await target.look(path);
  if (standing === undefined) return "new";
  if (standing.sizeBytes !== entry.sizeBytes || entry.digest === undefined) return "replaced";
  return (await digestOfFile(absolute)) === entry.digest ? "same" : "replaced";
}
