import { checkArtifactPath } from "#domains/tracking";
import { decodedFully } from "./locations.ts";
import { invalid } from "./protocol.ts";

/**
 * Checks a path that a client names, which HTTP has decoded once: plain names with `/` between, in every reading of it. Whatever
 * hides behind another percent encoding is looked at too.
 */
export function safePath(path: string): string {
  const decoded = decodedFully(path);
  for (const reading of decoded === undefined ? [] : [path, decoded]) if (!isPlain(reading)) throw invalid("Invalid path");
  if (decoded === undefined) throw invalid("Invalid path");
  return path;
}

/** As `safePath`, for what is only read: parts that name the folder they stand in, `.` and empty ones, are left out. */
export function safeReadPath(path: string): string {
  return safePath(withoutDots(path));
}

/** As `safeReadPath`, for a folder, which may be the root: that is the empty path. */
export function safeFolder(path: string): string {
  return withoutDots(path) === "" ? "" : safeReadPath(path);
}

/** A path that begins at the root of a disk stays one. */
function withoutDots(path: string): string {
  const parts = path.split("/");
  return parts.filter((part, i) => part !== "." && (part !== "" || (i === 0 && parts.length > 1))).join("/");
}

function isPlain(path: string): boolean {
  if (/^[a-zA-Z]:/.test(path) || path.startsWith("~")) return false;
  try {
    return checkArtifactPath(path) === path;
  } catch {
    return false;
  }
}
