import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "#kit/id";
import type { LakeContext } from "./context.ts";

/** A path for a file that is being written, unlike any other. */
export async function scratchPath(lake: LakeContext, name: string): Promise<string> {
  await mkdir(lake.scratchFolder, { recursive: true });
  return join(lake.scratchFolder, `${newId()}-${name}`);
}
