import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "#kit/app-error";
import type { ArtifactFile, ArtifactFolder } from "./source.ts";

/** A folder of this machine. Links are passed over and told: they may lead anywhere. */
export function localFolder(folder: string, skipped: (path: string, why: string) => void): ArtifactFolder {
  return {
    async *list() {
      const pending = [""];
      for (let below = pending.pop(); below !== undefined; below = pending.pop()) {
        for (const entry of await entriesOf(join(folder, below))) {
          const path = below === "" ? entry.name : `${below}/${entry.name}`;
          if (entry.isDirectory()) pending.push(path);
          else if (entry.isFile()) yield await fileAt(join(folder, path), path);
          else skipped(join(folder, path), "it is a link or no plain file");
        }
      }
    },
  };
}

async function entriesOf(folder: string) {
  try {
    return (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? 1 : -1)); // the stack turns it round
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return [];
    throw error;
  }
}

async function fileAt(file: string, path: string): Promise<ArtifactFile> {
  const { size, mtimeMs } = await lstat(file);
  return {
    path,
    sizeBytes: size,
    stamp: String(Math.round(mtimeMs)),
    async *bytes() {
      let read = 0;
      for await (const chunk of createReadStream(file)) {
        read += (chunk as Uint8Array).length; // no encoding is set
        yield chunk as Uint8Array;
      }
      if (read !== size) throw new AppError("conflict", `The file "${file}" changed while it was read.`, { hint: "Run the import again." });
    },
  };
}
