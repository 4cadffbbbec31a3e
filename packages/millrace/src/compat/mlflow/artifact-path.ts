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

function isPlain(path: string): boolean {
  if (/^[a-zA-Z]:/.test(path) || path.startsWith("~")) return false;
  try {
    return checkArtifactPath(path) === path;
  } catch {
    return false;
  }
}
