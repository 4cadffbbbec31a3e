import { createHash, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError, toAppError } from "#kit/app-error";
import { bufferPasses } from "#kit/young-buffers";
import type { BlobInfo, BlobStore } from "#ports/blob-store";
import { blobNotFound, checkPrefix, keySegments } from "./blob-key.ts";
import { s3Client, xmlText, type S3Client, type S3Options, type S3Response } from "./s3-client.ts";
import { s3Direct } from "./s3-direct.ts";
import { headOf, infoOf, upload } from "./s3-upload.ts";

/**
 * Blobs in a bucket of S3 or of a store that speaks its protocol. Streams both ways; large blobs are sent in parts. What other engines open
 * as files is copied into `cacheFolder`, by key and content; the folder may be emptied whenever nothing runs.
 */
export function openS3Blobs(options: S3Options): BlobStore {
  const client = s3Client(options);
  // One cache folder may serve several stores.
  const store = createHash("sha256").update([options.endpoint, options.bucket, options.prefix].join("\n")).digest("hex").slice(0, 16);
  const cachePath = (key: string, etag: string) => {
    const segments = keySegments(key);
    return join(options.cacheFolder, store, ...segments.slice(0, -1), etag.replace(/[^A-Za-z0-9-]/g, ""), segments.at(-1)!);
  };

  const head = async (key: string): Promise<BlobInfo | undefined> => {
    keySegments(key);
    const response = await headOf(client, key);
    return response.ok ? infoOf(key, response) : undefined;
  };

  return {
    capabilities: { localFiles: true },
    ...(options.direct !== false && { direct: s3Direct(client) }),

    async put(key, data, putOptions) {
      keySegments(key);
      return upload(client, key, data, { ifAbsent: putOptions?.ifAbsent === true });
    },

    async putFile(key, path, putOptions) {
      keySegments(key);
      const { size } = await stat(path);
      const data = size < 1 << 20 ? await readFile(path) : (createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>); // yields buffers without an encoding
      const info = await upload(client, key, data, { ifAbsent: putOptions?.ifAbsent === true, sizeBytes: size });
      // What was just written is often read next: it becomes the cached copy.
      if (info !== undefined) await moveIfPossible(path, cachePath(key, info.etag));
      await rm(path, { force: true });
      return info;
    },

    async get(key, range) {
      keySegments(key);
      return download(client, key, range);
    },

    head,

    async *list(prefix) {
      checkPrefix(prefix);
      yield* listObjects(client, prefix);
    },

    async delete(key) {
      keySegments(key);
      const { response } = await client.send({ method: "DELETE", key, accept: [404] });
      await response.text();
    },

    async localPath(key) {
      const info = await head(key);
      if (info === undefined) throw blobNotFound(key);
      const path = cachePath(key, info.etag);
      const cached = await stat(path).catch(() => undefined); // not there is the usual case
      if (cached?.size === info.sizeBytes) return path;
      await fetchInto(client, key, info, path);
      return path;
    },

    close: () => Promise.resolve(client.close()),
  };
}

/** The bytes of a blob as a stream that goes on where it broke off, as long as the blob is the same. */
async function download(client: S3Client, key: string, range?: { first: number; last: number }): Promise<AsyncIterable<Uint8Array>> {
  const open = async (first: number, etag?: string) => {
    const wanted = range !== undefined || first > 0;
    return (
      await client.send({
        method: "GET",
        key,
        headers: { ...(wanted && { range: `bytes=${first}-${range?.last ?? ""}` }), ...(etag !== undefined && { "if-match": etag }) },
        accept: [404, 412, 416],
      })
    ).response;
  };
  const start = range?.first ?? 0;
  const response = await open(start);
  if (response.status === 404) {
    const text = await response.text();
    if (xmlText(text, "Code") === "NoSuchBucket")
      throw new AppError("not_found", `There is no bucket for \`${key}\`.`, { hint: "Create it, or correct the name." });
    throw blobNotFound(key);
  }
  return resumed(response, start, open, key);
}

const resumptions = 5;

async function* resumed(
  first: S3Response,
  start: number,
  open: (first: number, etag: string) => Promise<S3Response>,
  key: string,
): AsyncGenerator<Uint8Array> {
  const etag = first.header("etag") ?? "";
  let response = first;
  for (let position = start, broken = 0; ;) {
    if (!response.ok) await response.text();
    if (response.status === 416) return; // begins at or after the end
    if (!response.ok) throw new AppError("conflict", `\`${key}\` changed while it was being read.`, { hint: "Read it again." });
    const before = position;
    try {
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        position += chunk.length;
        bufferPasses(chunk.length);
        yield chunk;
      }
      return;
    } catch (error) {
      if (position > before) broken = 0;
      if (++broken > resumptions)
        throw new AppError("unavailable", `Reading \`${key}\` broke off ${broken} times.`, { cause: error, hint: "Run the same again." });
      response = await open(position, etag);
    }
  }
}

async function fetchInto(client: S3Client, key: string, info: BlobInfo, path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await pipeline(Readable.from(await download(client, key)), createWriteStream(temporary));
    const { size } = await stat(temporary);
    if (size !== info.sizeBytes) throw new AppError("conflict", `\`${key}\` changed while it was being read.`, { hint: "Read it again." });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw toAppError(error);
  }
}

async function moveIfPossible(from: string, to: string): Promise<void> {
  try {
    await mkdir(dirname(to), { recursive: true });
    await rename(from, to);
  } catch {
    // Another file system, or a full one: it is fetched when it is needed.
  }
}

async function* listObjects(client: S3Client, prefix: string): AsyncGenerator<BlobInfo> {
  const above = client.fullKey("");
  let token: string | undefined;
  do {
    const { response } = await client.send({
      method: "GET",
      query: {
        "list-type": "2",
        prefix: client.fullKey(prefix),
        ...(token !== undefined && { "continuation-token": token }),
      },
    });
    const xml = await response.text();
    for (const [, object] of xml.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)) {
      const key = (xmlText(object!, "Key") ?? "").slice(above.length);
      if (key === "" || key.endsWith("/")) continue; // a mark that some tools leave for a folder
      yield {
        key,
        sizeBytes: Number(xmlText(object!, "Size")),
        etag: xmlText(object!, "ETag") ?? "",
        modifiedMs: Date.parse(xmlText(object!, "LastModified") ?? ""),
      };
    }
    token = xmlText(xml, "IsTruncated") === "true" ? xmlText(xml, "NextContinuationToken") : undefined;
  } while (token !== undefined);
}
