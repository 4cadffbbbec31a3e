import { type Stats } from "node:fs";
import { link, lstat, mkdir, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { checkArtifactPath } from "#domains/tracking";
import { AppError, toAppError } from "#kit/app-error";
import { newId } from "#kit/id";
import { partPrefix } from "./local-files.ts";

/** A folder of this machine that files are put into, by paths that somebody else has named. */
export interface SafeTarget {
  /**
   * The file at a path. Undefined where there is none. Throws where it would be outside of the folder, or its way leads through a
   * link or a file, or where something else than a file stands there.
   */
  look(path: string): Promise<{ absolute: string; standing: { sizeBytes: number } | undefined }>;
  /**
   * Has a file written beside and then puts it where it belongs, whole or not at all, in place of another only where it may be. Throws
   * as `look`, and `conflict` where another has come to stand there.
   */
  put(path: string, replace: boolean, write: (part: string) => Promise<void>): Promise<void>;
}

const leftoverMs = 24 * 3_600_000;

/** Opens a folder; one that is not there yet is made by the first `put`. Throws where something else than a folder stands there. */
export async function openSafeTarget(folder: string): Promise<SafeTarget> {
  let root = await rootOf(folder);
  const made = new Set<string>();

  const look = async (path: string): Promise<{ absolute: string; standing: { sizeBytes: number } | undefined }> => {
    const absolute = within(root, path);
    for (const above of waysTo(root, absolute)) {
      const facts = await factsOf(above);
      if (facts === undefined) return { absolute, standing: undefined };
      if (!facts.isDirectory()) throw inTheWay(relative(root, above), facts, path);
    }
    const facts = await factsOf(absolute);
    if (facts !== undefined && !facts.isFile()) throw inTheWay(path, facts, path);
    return { absolute, standing: facts && { sizeBytes: facts.size } };
  };

  return {
    look,
    async put(path, replace, write) {
      if (made.size === 0) {
        await mkdir(root, { recursive: true }).catch(told);
        root = await realpath(root);
        made.add(root);
        await sweep(root);
      }
      const { absolute } = await look(path);
      for (const above of waysTo(root, absolute)) await makeFolder(above, made);
      const part = join(root, `${partPrefix}${newId()}`);
      try {
        await write(part);
        // The way may have been changed meanwhile: links are not followed, whoever made them.
        await look(path);
        if ((await realpath(dirname(absolute))) !== dirname(absolute)) throw outside(path);
        if (replace) await rename(part, absolute);
        else await placeNew(part, absolute, path);
      } catch (error) {
        told(error);
      } finally {
        await rm(part, { force: true });
      }
    },
  };
}

async function rootOf(folder: string): Promise<string> {
  const root = resolve(folder);
  const facts = await stat(root).catch((error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? undefined : told(error)));
  if (facts === undefined) return root;
  if (!facts.isDirectory()) throw new AppError("conflict", `"${folder}" is not a folder.`, { hint: "Name a folder with --to." });
  return realpath(root);
}

/** Where a path is below the root. Names that are dangerous on some system are refused on all. */
function within(root: string, path: string): string {
  const absolute = resolve(root, ...checkArtifactPath(path).split("/"));
  if (!absolute.startsWith(root.endsWith(sep) ? root : root + sep) || (sep === "\\" && path.includes(":"))) throw outside(path);
  return absolute;
}

/** Folders between the root and a file, from the outermost. */
function waysTo(root: string, absolute: string): string[] {
  const names = relative(root, dirname(absolute))
    .split(sep)
    .filter((name) => name !== "");
  return names.map((_, i) => join(root, ...names.slice(0, i + 1)));
}

async function makeFolder(folder: string, made: Set<string>): Promise<void> {
  if (made.has(folder)) return;
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => (error.code === "EEXIST" ? undefined : told(error)));
  made.add(folder);
}

/** A link to the part, which fails where something stands there already, as a move would not; not all file systems have links. */
async function placeNew(part: string, absolute: string, path: string): Promise<void> {
  try {
    await link(part, absolute);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // what file systems throw
    if (code === "EEXIST")
      throw new AppError("conflict", `Something has come to stand at "${path}" meanwhile.`, { cause: error, hint: "Try again." });
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "ENOSYS" && code !== "EMLINK") throw error;
    await rename(part, absolute);
  }
}

/** Takes away what downloads left that were killed long ago. */
async function sweep(root: string): Promise<void> {
  for (const name of (await readdir(root)).filter((each) => each.startsWith(partPrefix))) {
    const facts = await factsOf(join(root, name));
    if (facts?.isFile() && Date.now() - facts.mtimeMs > leftoverMs) await rm(join(root, name), { force: true });
  }
}

async function factsOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch((error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? undefined : told(error)));
}

function inTheWay(at: string, facts: Stats, path: string): AppError {
  const what = facts.isSymbolicLink() ? "a symbolic link" : facts.isDirectory() ? "a folder" : facts.isFile() ? "a file" : "no file";
  return new AppError("conflict", `"${at}" is ${what}: "${path}" cannot be written there.`, {
    hint: "Take it away, or name another folder with --to.",
  });
}

function outside(path: string): AppError {
  return new AppError("invalid_argument", `"${path}" would be outside of the folder.`);
}

function told(error: unknown): never {
  throw toAppError(error);
}
