import { fileAnswer as answerFile } from "#kit/file-answer";
import type { RawAnswer } from "#kit/route";
import type { StoredFile } from "./artifact-tree.ts";

/** Answers a file's bytes or a range of them, with the media type that MLflow would tell of its name. */
export function fileAnswer(file: StoredFile, headers: Record<string, unknown>): Promise<RawAnswer> {
  const name = file.path.split("/").at(-1)!; // split gives at least one part
  const { content: tag, sizeBytes, createdMs: modifiedMs, bytes } = file;
  return answerFile({ name, tag, sizeBytes, modifiedMs, contentType: mediaType(name), bytes }, headers);
}

const texts = new Set(
  "txt log err cfg conf cnf cf ini properties prop hocon toml yaml yml xml json js py py3 csv tsv md rst jsonnet mlmodel mlproject".split(" "),
);
const types: Record<string, string> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  svg: "image/svg+xml",
  pdf: "application/pdf",
  html: "text/html",
  htm: "text/html",
  zip: "application/zip",
  gz: "application/gzip",
  wav: "audio/x-wav",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
};

function mediaType(name: string): string {
  const end = name.split(".").at(-1)!.toLowerCase(); // as above
  if (texts.has(end)) return "text/plain";
  return Object.hasOwn(types, end) ? types[end]! : "application/octet-stream";
}
