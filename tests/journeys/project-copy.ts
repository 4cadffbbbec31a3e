import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A copy of a project's folder that a test may spoil. */
export interface ProjectCopy {
  folder: string;
  /** Replaces a part of a file, which must have it. */
  change(path: string, from: string, to: string): Promise<void>;
  write(path: string, content: string | Uint8Array): Promise<void>;
  remove(): Promise<void>;
}

export async function copyProject(of: string): Promise<ProjectCopy> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-copy-"));
  await cp(of, folder, { recursive: true });
  return {
    folder,
    async change(path, from, to) {
      const text = await readFile(join(folder, path), "utf8");
      if (!text.includes(from)) throw new Error(`${path} has no "${from}".`);
      await writeFile(join(folder, path), text.replace(from, to));
    },
    write: (path, content) => writeFile(join(folder, path), content),
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** Files that a command left though it had ended: half-written blobs, scratch files, the note of who holds the project. */
export async function leftovers(folder: string): Promise<string[]> {
  const home = join(folder, ".millrace");
  const found: string[] = [];
  for (const place of ["scratch", "blobs/.millrace-unfinished"]) {
    if (!existsSync(join(home, place))) continue;
    const entries = await readdir(join(home, place), { recursive: true, withFileTypes: true });
    found.push(...entries.filter((entry) => entry.isFile()).map((entry) => join(place, entry.name)));
  }
  if (existsSync(join(home, "holder.json"))) found.push("holder.json");
  return found;
}
