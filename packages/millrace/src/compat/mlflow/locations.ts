import { posix } from "node:path";
import { invalid } from "./protocol.ts";

/**
 * Checks where a client wants files to be, or says they are, and gives the location to keep. This server reads and writes only its
 * own store; other locations are kept as text for the client, which goes there itself, and are refused in the spellings that have led
 * servers astray. A path without a beginning is one below the folder in which this server was started, as MLflow has it.
 */
export function checkLocation(location: string, parameter: string): string {
  const scheme = schemeOf(location);
  const refuse = (why: string) => invalid(`Invalid value ${JSON.stringify(location)} for parameter '${parameter}' supplied: ${why}`);
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
  if (location.length > 2_048 || /[\u0000-\u001f\u007f]/.test(location)) throw refuse("it is too long, or holds control characters.");
  if (/[#;]/.test(location)) throw invalid(`'${parameter}' URL can't include fragments or params.`);
  if (scheme !== undefined && isHostScheme(scheme)) throw otherHost(parameter, scheme);
  const local = localPath(location);
  if (local === undefined && !(scheme !== undefined && allowed.has(scheme)))
    throw refuse(`only paths and locations of ${[...allowed].join(", ")} are taken.`);
  const path = decodedFully(local ?? location.slice(scheme!.length + 1)); // what is not local has a scheme
  if (path === undefined || /[\\?#;]/.test(path) || path.split("/").includes("..") || (local === undefined && path.split("/").includes(".")))
    throw refuse("its path may not hold `..`, `.`, backslashes, a query, parameters or a fragment.");
  if (local === undefined || posix.isAbsolute(local)) return location;
  return `${scheme === undefined ? "" : "file://"}${posix.resolve(local)}`;
}

/**
 * The path of a location on a client's own disk: one without a scheme, or with `file:`. Undefined for other locations. Throws for a
 * file of another host. Nothing here ever opens it.
 */
export function localPath(location: string): string | undefined {
  const scheme = schemeOf(location);
  if (scheme === undefined) return location;
  if (scheme !== "file") return undefined;
  const [, host = "", path = ""] = /^file:(?:\/\/([^/]*))?(.*)$/is.exec(location) ?? [];
  if (!/^(localhost|127\.0\.0\.1|\.)?$/i.test(host))
    throw invalid(`${location} is not a valid remote uri. Files of another host need another scheme.`);
  return path;
}

/** Whether locations of a scheme name a host of their own, which a server that follows them would ask. */
export function isHostScheme(scheme: string): boolean {
  return /^(https?|ftp|sftp)$/.test(scheme);
}

export function otherHost(parameter: string, scheme: string): Error {
  return invalid(
    `'${parameter}' cannot use the '${scheme}' scheme: the '${scheme}' scheme addresses a host other than the tracking server's configured artifact storage, so the server would connect to the host named in the URI.`,
  );
}

function schemeOf(location: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):/i.exec(location)?.[1]?.toLowerCase();
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
