import type { RawAnswer } from "#kit/route";
import type { StoredFile } from "./artifact-tree.ts";
import { json } from "./protocol.ts";

/** Answers a file's bytes, a range of them, or that they have not changed. Nothing of it may run in a browser's page of this server. */
export async function fileAnswer(file: StoredFile, headers: Record<string, unknown>): Promise<RawAnswer> {
  const etag = `"${file.content}"`;
  const name = file.path.split("/").at(-1)!; // split gives at least one part
  const common = {
    etag,
    "last-modified": new Date(file.createdMs).toUTCString(),
    "accept-ranges": "bytes",
    "cache-control": "no-cache",
    "content-disposition": disposition(name),
    "content-security-policy": "sandbox; default-src 'none'",
  };
  const contentType = mediaType(name);
  if (headers["if-none-match"] === etag) return { status: 304, contentType, headers: common, body: "" };
  const range = headers["if-range"] === undefined || headers["if-range"] === etag ? rangeOf(headers["range"], file.sizeBytes) : undefined;
  if (range === "outside") return { ...json({}, 416), headers: { "content-range": `bytes */${file.sizeBytes}` } };
  const length = range === undefined ? file.sizeBytes : range.last - range.first + 1;
  return {
    status: range === undefined ? 200 : 206,
    contentType,
    headers: {
      ...common,
      "content-length": String(length),
      ...(range !== undefined && { "content-range": `bytes ${range.first}-${range.last}/${file.sizeBytes}` }),
    },
    body: length === 0 ? "" : await file.bytes(range),
  };
}

/** One range of bytes as RFC 9110 has it; several, or one that makes no sense, mean the whole. */
function rangeOf(header: unknown, size: number): { first: number; last: number } | "outside" | undefined {
  const match = typeof header === "string" ? /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim()) : null;
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  if (match[1] === "") {
    const count = Math.min(Number(match[2]), size);
    return count === 0 ? "outside" : { first: size - count, last: size - 1 };
  }
  const first = Number(match[1]);
  const last = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== "" && Number(match[2]) < first) return undefined;
  return first >= size ? "outside" : { first, last };
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

/** RFC 6266, with a name of plain characters for clients that know no other. */
function disposition(name: string): string {
  const plain = /^[\w.-]+$/.test(name) ? name : `"${name.replaceAll(/[^\x20-\x7e]/g, "_").replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  return /^[\x20-\x7e]*$/.test(name)
    ? `attachment; filename=${plain}`
    : `attachment; filename=${plain}; filename*=UTF-8''${encodeURIComponent(name)}`;
}
