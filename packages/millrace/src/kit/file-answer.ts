import type { RawAnswer } from "./route.ts";

/** A file to answer with. `tag` names its content: equal tags mean equal bytes. */
export interface AnsweredFile {
  name: string;
  tag: string;
  sizeBytes: number;
  modifiedMs: number;
  contentType: string;
  bytes(range?: { first: number; last: number }): Promise<AsyncIterable<Uint8Array>>;
}

/**
 * Answers a file's bytes, a range of them, or that they have not changed (RFC 9110). Whatever it holds, no browser shows or runs it as
 * a page of this server: it is an attachment, of the type it is said to be and no other, in a sandbox without scripts.
 */
export async function fileAnswer(file: AnsweredFile, headers: Record<string, unknown>): Promise<RawAnswer> {
  const etag = `"${file.tag}"`;
  const common = {
    etag,
    "last-modified": new Date(file.modifiedMs).toUTCString(),
    "accept-ranges": "bytes",
    "cache-control": "no-cache",
    "content-disposition": disposition(file.name),
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
  };
  const { contentType } = file;
  if (headers["if-none-match"] === etag) return { status: 304, contentType, headers: common, body: "" };
  const range = headers["if-range"] === undefined || headers["if-range"] === etag ? rangeOf(headers["range"], file.sizeBytes) : undefined;
  if (range === "outside")
    return { status: 416, contentType: "application/json", headers: { "content-range": `bytes */${file.sizeBytes}` }, body: "{}" };
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

/** RFC 6266, with a name of plain characters for clients that know no other. */
function disposition(name: string): string {
  const ascii = name
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^\x20-\x7e]/g, "_");
  const plain = /^[\w!#$%&'*+.^`|~-]+$/.test(ascii) ? ascii : `"${ascii.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  if (/^[\x20-\x7e]*$/.test(name)) return `attachment; filename=${plain}`;
  const encoded = encodeURIComponent(name).replaceAll(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename=${plain}; filename*=UTF-8''${encoded}`;
}
