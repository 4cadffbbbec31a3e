import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "#kit/id";
import type { LakeContext } from "./context.ts";

const forgottenAfterMs = 24 * 3_600_000;

/** A path for a file that is being written, unlike any other. The first call also removes what a killed process left a day ago or earlier. */
export async function scratchPath(lake: LakeContext, name: string): Promise<string> {
  lake.scratchReady ??= prepare(lake);
  await lake.scratchReady;
  return join(lake.scratchFolder, `${newId()}-${name}`);
}

async function prepare(lake: LakeContext): Promise<void> {
  await mkdir(lake.scratchFolder, { recursive: true });
  for (const name of await readdir(lake.scratchFolder)) {
    if (!/^[0-9A-Z]{26}-.*\.(parquet|jsonl)$/.test(name)) continue; // not one of ours
    const path = join(lake.scratchFolder, name);
    const found = await stat(path).catch(() => undefined); // another process may have removed it meanwhile
    if (found !== undefined && lake.clock.now() - found.mtimeMs > forgottenAfterMs) await rm(path, { force: true });
  }
}
