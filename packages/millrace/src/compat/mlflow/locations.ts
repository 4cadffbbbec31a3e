import { invalid } from "./protocol.ts";

/**
 * Checks where a client wants files to be, or says they are. This server reads and writes only its own store; other locations are
 * kept as text for the client, which goes there itself, and are refused in the spellings that have led servers astray.
 */
export function checkLocation(location: string, parameter: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(location)?.[1]?.toLowerCase();
  const refuse = (why: string) => invalid(`Invalid value ${JSON.stringify(location)} for parameter '${parameter}' supplied: ${why}`);
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
  if (location.length > 2_048 || /[\u0000-\u001f\u007f]/.test(location)) throw refuse("it is too long, or holds control characters.");
  if (scheme === undefined || !allowed.has(scheme)) throw refuse(`only locations of ${[...allowed].join(", ")} are taken.`);
  const path = decodedFully(location.slice(scheme.length + 1));
  if (path === undefined || /[\\?#;]/.test(path) || path.split("/").includes("..") || path.split("/").includes("."))
    throw refuse("its path may not hold `..`, `.`, backslashes, a query, parameters or a fragment.");
  return location;
}

const allowed = new Set(["mlflow-artifacts", "s3", "gs", "wasb", "wasbs", "abfss", "dbfs", "hdfs", "viewfs", "r2", "b2", "oci"]);

/** Takes percent encoding off until nothing changes, so that no later decoding finds a path that this one did not see. */
export function decodedFully(text: string): string | undefined {
  let current = text;
  for (let round = 0; round < 5; round++) {
    let next: string;
    try {
      next = decodeURIComponent(current);
    } catch {
      return current; // a lone percent sign
    }
    if (next === current) return current;
    current = next;
  }
  return undefined;
}
