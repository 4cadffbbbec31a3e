import { readdir, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#kit/clock";

/**
 * Removes what processes left in the folder for files under way that were killed: files that are older than given and than this
 * process, which holds the project alone.
 */
export async function removeForgotten(
  folder: string,
  { olderThanMs, dryRun, clock }: { olderThanMs: number; dryRun: boolean; clock: Clock },
): Promise<{ removed: number; removedBytes: number }> {
  const limitMs = Math.min(clock.now() - olderThanMs, clock.now() - process.uptime() * 1_000);
  const found = { removed: 0, removedBytes: 0 };
  await look(folder);
  return found;

  async function look(inside: string): Promise<void> {
    const entries = await readdir(inside, { withFileTypes: true }).catch(() => []); // gone meanwhile, or never made
    for (const entry of entries) {
      const path = join(inside, entry.name);
      if (entry.isDirectory()) {
        await look(path);
        const info = await stat(path).catch(() => undefined);
        if (!dryRun && info !== undefined && info.mtimeMs < limitMs) await rmdir(path).catch(() => undefined); // not empty: something is at work in it
        continue;
      }
      const info = await stat(path).catch(() => undefined); // as above
      if (info === undefined || info.mtimeMs > limitMs) continue;
      if (!dryRun) await rm(path, { force: true });
      found.removed++;
      found.removedBytes += info.size;
    }
  }
}
