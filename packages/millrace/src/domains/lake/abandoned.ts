import { AppError } from "#kit/app-error";
import type { LakeContext } from "./context.ts";
import { decodePath } from "./data-path.ts";
import { listLog, newestState, requireVersion, stateAt } from "./snapshot.ts";
import { tableFolder } from "./table-name.ts";

const shortestMs = 3_600_000;

/** Removes data files that no version ever named; see the door. */
export async function removeAbandoned(
  lake: LakeContext,
  table: string,
  { olderThanMs, dryRun = false }: { olderThanMs: number; dryRun?: boolean },
): Promise<{ looked: number; young: number; paths: string[]; bytes: number }> {
  if (!(olderThanMs >= shortestMs)) {
    throw new AppError("invalid_argument", `Files as young as ${olderThanMs} ms may belong to a writer at work.`, {
      hint: "Give at least an hour (3600000).",
    });
  }
  const folder = tableFolder(table);
  const limitMs = lake.clock.now() - olderThanMs;
  const files: { path: string; sizeBytes: number; modifiedMs: number }[] = [];
  for await (const { key, sizeBytes, modifiedMs } of lake.blobs.list(`${folder}/`)) {
    const path = key.slice(folder.length + 1);
    if (!/(^|\/)[_.]/.test(path)) files.push({ path, sizeBytes, modifiedMs }); // as in a vacuum
  }
  // Listed before the log is read: a file that is committed meanwhile is found in it.
  const newest = await newestState(lake, table);
  if (newest === undefined) return { looked: files.length, young: 0, paths: [], bytes: 0 }; // being made, or being dropped: its own verbs see to it
  const live = new Set([...newest.files.keys(), ...newest.removed.keys()].map((path) => decodePath(table, path)));
  const unnamed = files.filter(({ path }) => !live.has(path));
  const old = unnamed.filter(({ modifiedMs }) => modifiedMs <= limitMs);
  const named = old.length === 0 ? new Set<string>() : await everNamed(lake, table);
  const abandoned = old.filter(({ path }) => !named.has(path));
  if (!dryRun) for (const { path } of abandoned) await lake.blobs.delete(`${folder}/${path}`);
  return {
    looked: files.length,
    young: unnamed.length - old.length,
    paths: abandoned.map(({ path }) => path),
    bytes: abandoned.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}

/** Every file that a version of the log added or removed. A log without its beginning starts with a checkpoint, which names what stood then. */
async function everNamed(lake: LakeContext, table: string): Promise<Set<string>> {
  const log = await listLog(lake, table);
  const named = new Set<string>();
  if (log === undefined) return named;
  const note = (path: string) => named.add(decodePath(table, path));
  for (let version = Math.min(...log.commits.keys()); version <= log.last; version++) {
    for (const { add, remove } of (await requireVersion(lake, table, version)).actions) {
      if (add) note(add.path);
      if (remove) note(remove.path);
    }
  }
  for (const version of log.checkpoints.keys()) {
    const state = await stateAt(lake, table, { version });
    for (const path of [...state.files.keys(), ...state.removed.keys()]) note(path);
  }
  return named;
}
