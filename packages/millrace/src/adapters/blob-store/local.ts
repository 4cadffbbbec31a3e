import { randomBytes } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { copyFile, link, mkdir, open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { toAppError } from "#kit/app-error";
import { syncFolder } from "#kit/files";
import type { BlobInfo, BlobStore } from "#ports/blob-store";
import { blobNotFound, checkPrefix, keySegments } from "./blob-key.ts";
import { readPieces } from "./read-file.ts";

/** Unfinished files, in a folder of the same file system so that they can be moved in by one rename. */
const unfinishedFolder = ".millrace-unfinished";
const forgottenAfterMs = 24 * 3_600_000;
/** How often a file is moved in, where deletes of others in its folder remove the folder each time. */
const movesAtMost = 50;

/**
 * Blobs as files below one folder, which other programs may read at any time. A put writes beside, syncs, and links or renames into place;
 * what a killed process left unfinished is removed a day later, at the next opening.
 */
export async function openLocalBlobs(options: { folder: string }): Promise<BlobStore> {
  const root = resolve(options.folder);
  const unfinished = join(root, unfinishedFolder);
  await translated(mkdir(unfinished, { recursive: true }));
  await removeForgotten(unfinished);
  const madeFolders = new Set<string>([root]);
  const pathOf = (key: string) => join(root, ...keySegments(key));

  /** Makes the folders above a file, durable up to the root. */
  async function makeFolder(folder: string): Promise<void> {
    if (madeFolders.has(folder)) return;
    await makeFolder(dirname(folder));
    await mkdir(folder).catch((error: unknown) => {
      if (osCode(error) !== "EEXIST") throw error;
    });
    await syncFolder(dirname(folder));
    madeFolders.add(folder);
  }

  /** Gives a finished file its name. Answers false where the name is taken and must not be. */
  async function moveIn(from: string, path: string, ifAbsent: boolean): Promise<boolean> {
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          await makeFolder(dirname(path));
          if (ifAbsent) await link(from, path);
          else await rename(from, path);
          break;
        } catch (error) {
          if (osCode(error) === "EEXIST" && ifAbsent) return false;
          if (osCode(error) !== "ENOENT" || attempt === movesAtMost) throw error;
          madeFolders.clear(); // the folder was removed since it was made, by a delete of its last file
          madeFolders.add(root);
        }
      }
      await syncFolder(dirname(path)).catch((error: unknown) => {
        if (osCode(error) !== "ENOENT") throw error; // deleted again already, and its folder with it
      });
      return true;
    } finally {
      if (ifAbsent) await rm(from, { force: true });
    }
  }

  async function put(key: string, path: string, write: (temporary: string) => Promise<void>, ifAbsent: boolean): Promise<BlobInfo | undefined> {
    if (ifAbsent && (await statOf(path)) !== undefined) return undefined; // spares the work; `link` decides
    const temporary = join(unfinished, `${randomBytes(8).toString("hex")}.tmp`);
    try {
      await write(temporary);
      const done = await stat(temporary, { bigint: true });
      return (await moveIn(temporary, path, ifAbsent)) ? infoOf(key, done) : undefined;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  return {
    capabilities: { localFiles: true },

    put: (key, data, putOptions) => translated(put(key, pathOf(key), (temporary) => writeSynced(temporary, data), putOptions?.ifAbsent === true)),

    async putFile(key, from, putOptions) {
      const path = pathOf(key);
      const done = await translated(put(key, path, (temporary) => bringIn(from, temporary), putOptions?.ifAbsent === true));
      await rm(from, { force: true });
      return done;
    },

    async get(key, range) {
      const path = pathOf(key);
      const found = await statOf(path);
      if (found?.isFile() !== true) throw blobNotFound(key);
      return readPieces(path, range?.first ?? 0, Math.min(range?.last ?? Infinity, Number(found.size) - 1));
    },

    async head(key) {
      const found = await statOf(pathOf(key));
      return found?.isFile() === true ? infoOf(key, found) : undefined;
    },

    async *list(prefix) {
      checkPrefix(prefix);
      const above = prefix.slice(0, prefix.lastIndexOf("/") + 1);
      yield* listFolder(join(root, above), above, prefix);
    },

    async delete(key) {
      const path = pathOf(key);
      await translated(rm(path, { force: true }));
      // Folders are not part of the store: an empty one goes with its last file.
      for (let folder = dirname(path); folder !== root; folder = dirname(folder)) {
        const gone = await rmdir(folder).then(
          () => true,
          () => false,
        );
        if (!gone) break;
        madeFolders.delete(folder);
      }
    },

    async localPath(key) {
      const path = pathOf(key);
      if ((await statOf(path))?.isFile() !== true) throw blobNotFound(key);
      return path;
    },

    close: () => Promise.resolve(),
  };
}

/** Files below a folder in the order of their keys: a folder sorts as its name with the slash. */
async function* listFolder(folder: string, keyAbove: string, prefix: string): AsyncIterable<BlobInfo> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (osCode(error) === "ENOENT" || osCode(error) === "ENOTDIR") return [];
    throw toAppError(error);
  });
  const names = entries
    .filter((entry) => entry.name !== unfinishedFolder && (entry.isDirectory() || entry.isFile()))
    .map((entry) => keyAbove + entry.name + (entry.isDirectory() ? "/" : ""))
    .filter((key) => key.startsWith(prefix) || prefix.startsWith(key))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))); // by UTF-8 bytes, as S3 does
  for (const key of names) {
    if (key.endsWith("/")) {
      yield* listFolder(join(folder, key.slice(keyAbove.length)), key, prefix);
    } else if (key.startsWith(prefix)) {
      const found = await statOf(join(folder, key.slice(keyAbove.length)));
      if (found !== undefined) yield infoOf(key, found);
    }
  }
}

async function writeSynced(path: string, data: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(path, "wx");
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Moves a file in, or copies it where it lies on another file system; synced either way. */
async function bringIn(from: string, temporary: string): Promise<void> {
  try {
    await rename(from, temporary);
  } catch (error) {
    if (osCode(error) !== "EXDEV") throw error;
    await copyFile(from, temporary);
  }
  const handle = await open(temporary, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeForgotten(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await statOf(path);
    if (found !== undefined && Date.now() - Number(found.mtimeMs) > forgottenAfterMs) await rm(path, { force: true });
  }
}

async function statOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (osCode(error) === "ENOENT" || osCode(error) === "ENOTDIR") return undefined;
    throw toAppError(error);
  }
}

function infoOf(key: string, found: BigIntStats): BlobInfo {
  return {
    key,
    sizeBytes: Number(found.size),
    // A put always makes a new file; size and time tell it from its predecessor even where the inode number is used again.
    etag: `${found.ino.toString(36)}-${found.size.toString(36)}-${found.mtimeNs.toString(36)}`,
    modifiedMs: Number(found.mtimeMs),
  };
}

async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toAppError(error);
  }
}

function osCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
