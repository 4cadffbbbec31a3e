import { AppError } from "#kit/app-error";
import type { LakeContext } from "./context.ts";
import { decodePath } from "./data-path.ts";
import { newestState, stateAt } from "./snapshot.ts";
import { tableFolder } from "./table-name.ts";

const shortestMs = 3_600_000;

/** Removes files that no version in use needs; see the door. */
export async function vacuum(
  lake: LakeContext,
  table: string,
  options: { olderThanMs: number; keepVersions?: number[]; dryRun?: boolean },
): Promise<{ paths: string[]; bytes: number }> {
  if (!(options.olderThanMs >= shortestMs)) {
    throw new AppError("invalid_argument", `A vacuum of files unused for ${options.olderThanMs} ms could take one from a writer at work.`, {
      hint: "Give at least an hour (3600000).",
    });
  }
  const newest = await stateAt(lake, table);
  const limitMs = lake.clock.now() - options.olderThanMs;
  const needed = new Set([...newest.files.keys()].map((path) => decodePath(table, path)));
  for (const version of options.keepVersions ?? []) {
    for (const path of (await stateAt(lake, table, { version })).files.keys()) needed.add(decodePath(table, path));
  }
  // Unused since the commit that removed it, which may be much younger than the file.
  for (const { path, deletionTimestamp } of newest.removed.values()) if ((deletionTimestamp ?? 0) > limitMs) needed.add(decodePath(table, path));

  const folder = tableFolder(table);
  const unused: { path: string; bytes: number }[] = [];
  for await (const { key, sizeBytes, modifiedMs } of lake.blobs.list(`${folder}/`)) {
    const path = key.slice(folder.length + 1);
    if (/(^|\/)[_.]/.test(path) || needed.has(path) || modifiedMs > limitMs) continue; // names from `_` or `.` on are not data, as Delta has it
    unused.push({ path, bytes: sizeBytes });
  }
  if (options.dryRun !== true) for (const { path } of unused) await lake.blobs.delete(`${folder}/${path}`);
  return { paths: unused.map(({ path }) => path), bytes: unused.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Removes a table. Checkpoints go first, then its versions from the newest to the oldest, so that a crash leaves an older table, never a broken one. */
export async function drop(lake: LakeContext, table: string): Promise<void> {
  const folder = tableFolder(table);
  const log: string[] = [];
  const data: string[] = [];
  for await (const { key } of lake.blobs.list(`${folder}/`)) (key.startsWith(`${folder}/_delta_log/`) ? log : data).push(key);
  lake.newest.delete(table);
  const versions = log.filter((key) => /\/\d{20}\.json$/.test(key));
  const others = log.filter((key) => !versions.includes(key));
  for (const key of [...others, ...versions.reverse(), ...data]) await lake.blobs.delete(key);
  lake.newest.delete(table);
  if ((await newestState(lake, table)) !== undefined) {
    throw new AppError("conflict", `Table \`${table}\` was written while it was being dropped.`, { hint: "Stop its writers and drop it again." });
  }
}
