import { AppError } from "#kit/app-error";

// oxlint-disable-next-line no-control-regex -- control characters are what is refused here
const unprintable = /[\\\u0000-\u001f\u007f]/;

/**
 * Splits a key into its segments, each a plain name of at most 255 bytes: not empty, without backslash or control character, not beginning
 * with `.millrace-` (the stores' own), and neither it nor what it would be when decoded once more is `.` or `..` or leads there. A percent
 * sign itself is allowed, because Delta Lake names folders with them. Throws `invalid_argument`, so that no key can leave its store and
 * every store takes the same keys.
 */
export function keySegments(key: string): string[] {
  const segments = key.split("/");
  for (const segment of segments) {
    if (segment === "" || unprintable.test(segment) || segment.startsWith(".millrace-") || decoded(segment).split(/[/\\]/).some(isDots)) {
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

function isDots(name: string): boolean {
  return name === "." || name === "..";
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // not an encoding of anything
  }
}

/** Checks what a listing begins with: the start of a key, so its last name may be cut anywhere or empty. */
export function checkPrefix(prefix: string): void {
  if (prefix !== "") keySegments(prefix.endsWith("/") ? prefix.slice(0, -1) : prefix);
}

/** The error of all stores for a key that holds nothing. */
export function blobNotFound(key: string, cause?: unknown): AppError {
  return new AppError("not_found", `There is no blob \`${key}\`.`, { ...(cause !== undefined && { cause }) });
}
