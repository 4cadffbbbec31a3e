import { AppError } from "#kit/app-error";

/**
 * Splits a key into its segments, each a plain name: no empty segment, `.` or `..`, backslash, control character or percent sign, at most
 * 255 bytes, and none beginning with `.millrace-` (the stores' own). Throws `invalid_argument`, so that no key can leave its store and
 * every store takes the same keys.
 */
export function keySegments(key: string): string[] {
  const segments = key.split("/");
  for (const segment of segments) {
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
    if (segment === "" || segment === "." || segment === ".." || /[\\%\u0000-\u001f\u007f]/.test(segment) || segment.startsWith(".millrace-")) {
      throw new AppError("invalid_argument", `"${key}" cannot be the key of a blob: "${segment}" is not a plain name.`, {
        hint: "Use plain names separated by single slashes.",
      });
    }
    if (Buffer.byteLength(segment) > 255) {
      throw new AppError("invalid_argument", `"${key.slice(0, 80)}…" cannot be the key of a blob: a name in it is longer than 255 bytes.`);
    }
  }
  return segments;
}

/** Checks what a listing begins with: the start of a key, so its last name may be cut anywhere or empty. */
export function checkPrefix(prefix: string): void {
  if (prefix !== "") keySegments(prefix.endsWith("/") ? prefix.slice(0, -1) : prefix);
}

/** The error of all stores for a key that holds nothing. */
export function blobNotFound(key: string, cause?: unknown): AppError {
  return new AppError("not_found", `There is no blob \`${key}\`.`, { ...(cause !== undefined && { cause }) });
}
