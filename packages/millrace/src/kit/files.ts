import { randomBytes } from "node:crypto";
import { link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { AppError } from "./app-error.ts";

/** Writes a whole file so that after a crash either the old or the new content stands, durable when resolved. */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeDurably(temporary, data);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** As `writeFileAtomic`, but only where nothing stands yet. Resolves to false, writing nothing, when the path is taken. */
export async function writeFileIfAbsent(path: string, data: string | Uint8Array): Promise<boolean> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeDurably(temporary, data);
    await link(temporary, path); // fails with EEXIST; rename would overwrite
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dirname(path));
  return true;
}

/** Makes the names in a folder durable: what was created or renamed in it is there after a power loss. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Joins validated segments under a root. Each segment must be one plain name: no separator, no `..`, no control
 * character, no percent sign (so nothing can be decoded twice). Throws `invalid_argument` otherwise.
 */
export function pathUnder(root: string, ...segments: string[]): string {
  for (const segment of segments) {
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
    if (segment === "" || segment === "." || segment === ".." || /[/\\%\u0000-\u001f]/.test(segment) || segment.length > 255) {
      throw new AppError("invalid_argument", `"${segment}" cannot be part of a path.`, { hint: "Use a plain name without separators." });
    }
  }
  const path = resolve(root, ...segments);
  if (path !== resolve(root) && !path.startsWith(resolve(root) + sep)) {
    throw new AppError("invalid_argument", `"${segments.join("/")}" leaves its folder.`);
  }
  return path;
}

async function writeDurably(path: string, data: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const handle = await open(path, "wx");
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
