import { AppError } from "#kit/app-error";
import { trackingLimits } from "./model.ts";

/**
 * Where an artifact's bytes are in the blob store. Equal bytes are stored once, whatever run or path they have: they are named by
 * their digest. Bytes that never passed through this process are named by the upload that brought them, until their digest is known.
 */
export function artifactKey(content: string): string {
  if (isUpload(content)) return `${uploadFolder}${content}`;
  if (!/^[0-9a-f]{64}$/.test(content)) throw new AppError("invalid_argument", `"${content.slice(0, 100)}" is not a SHA-256 digest.`);
  return `artifacts/sha256/${content.slice(0, 2)}/${content}`;
}

/** Where the blobs of uploads are. */
export const uploadFolder = "artifacts/uploads/";

/** Whether content is named by its upload: its digest is not known yet. */
export function isUpload(content: string): boolean {
  return /^upload-[0-9A-Z]{26}$/.test(content);
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
