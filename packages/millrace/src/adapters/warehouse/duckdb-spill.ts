import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { toAppError } from "#kit/app-error";

/** Makes a folder for one engine to spill into, named for this process, and removes those of processes that are no more. */
export async function openSpillFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) {
      const pid = /^duckdb-(\d+)-\w{6}$/.exec(name)?.[1];
      if (pid !== undefined && !isAlive(Number(pid))) await rm(join(folder, name), { recursive: true, force: true });
    }
    return await mkdtemp(join(folder, `duckdb-${process.pid}-`));
  } catch (error) {
    throw toAppError(error);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // sends nothing, only asks
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"; // another user's
  }
}
