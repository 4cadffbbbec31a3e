import { constants } from "node:fs";
import { lstat, open, readdir, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { digested } from "./artifact-place.ts";
import { AppError, toAppError } from "#kit/app-error";
import { bufferPasses } from "#kit/young-buffers";

/** A file of this machine; `path` is its way from what was named, with / between names. */
export interface LocalFile {
  path: string;
  /** Where it is, all links of the way to what was named followed. */
  absolute: string;
  sizeBytes: number;
}

/** Names of what a download has not finished. */
export const partPrefix = ".millrace-part-";

/**
 * The file that is named, or all files below the folder, by name. What is named may be a link; within a folder none is followed, and
 * what is no file is left out and told. Throws `not_found`.
 */
export async function localFiles(named: string): Promise<{ files: LocalFile[]; leftOut: { path: string; why: string }[] }> {
  const root = await realpath(named).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      throw new AppError("not_found", `There is no file or folder "${named}".`, { cause: error, hint: "Check the path." });
    throw toAppError(error);
  });
  const facts = await stat(root);
  if (facts.isFile()) return { files: [{ path: basename(named), absolute: root, sizeBytes: facts.size }], leftOut: [] };
  if (!facts.isDirectory())
    throw new AppError("invalid_argument", `"${named}" is neither a file nor a folder.`, { hint: "Name a file or a folder." });
  const files: LocalFile[] = [];
  const leftOut: { path: string; why: string }[] = [];
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const inside: string[] = [];
    const names = (await readdir(join(root, folder)).catch((error: unknown) => Promise.reject(toAppError(error)))).sort();
    for (const name of names) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const absolute = join(root, folder, name);
      const entry = await lstat(absolute);
      if (entry.isSymbolicLink()) leftOut.push({ path, why: "a symbolic link" });
      else if (entry.isDirectory()) inside.push(path);
      else if (!entry.isFile()) leftOut.push({ path, why: "not a file" });
      else if (name.startsWith(partPrefix)) leftOut.push({ path, why: "an unfinished download" });
      else files.push({ path, absolute, sizeBytes: entry.size });
    }
    folders.push(...inside.reverse());
  }
  return { files, leftOut };
}

/** A file's bytes. Throws where a link stands there by now. */
export async function* readFileBytes(absolute: string): AsyncGenerator<Uint8Array> {
  const file = await open(absolute, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch((error: unknown) => Promise.reject(toAppError(error)));
  try {
    for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 64 * 1024 })) {
      const bytes = chunk as Uint8Array; // no encoding is set
      bufferPasses(bytes.length);
      yield bytes;
    }
  } finally {
    await file.close();
  }
}

/** SHA-256 of a file. */
export async function digestOfFile(absolute: string): Promise<string> {
  const { bytes, digest } = digested(readFileBytes(absolute));
  for await (const _ of bytes);
  return digest();
}
