import { AppError } from "#kit/app-error";
import { trackingLimits } from "./model.ts";

/** Where an artifact's bytes are in the blob store. Equal bytes are stored once, whatever run or path they have. */
export function artifactKey(digest: string): string {
  if (!/^[0-9a-f]{64}$/.test(digest)) throw new AppError("invalid_argument", `"${digest.slice(0, 100)}" is not a SHA-256 digest.`);
  return `artifacts/sha256/${digest.slice(0, 2)}/${digest}`;
}

/**
 * Checks an artifact's path: plain names with `/` between. It is a key in the database and never a path on a disk; names that would
 * be dangerous as one are refused all the same, because clients download folders by these names.
 */
export function checkArtifactPath(path: string): string {
  const parts = path.split("/");
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
  const bad = parts.find((part) => part === "" || part === "." || part === ".." || part.length > 255 || /[\\\u0000-\u001f\u007f]/.test(part));
  if (bad !== undefined || path.length > trackingLimits.artifactPathLength) {
    throw new AppError("invalid_argument", `"${path.slice(0, 200)}" cannot be an artifact's path.`, {
      hint: `Use plain names with / between, at most ${trackingLimits.artifactPathLength} characters, without empty parts, "." or "..".`,
    });
  }
  return path;
}
