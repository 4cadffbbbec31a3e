/** Storing a blob in S3: one request while it is small, else in parts, with a few on the way at a time. */
import { randomUUID } from "node:crypto";
import { AppError } from "#kit/app-error";
import { bufferPasses } from "#kit/young-buffers";
import type { BlobInfo } from "#ports/blob-store";
import { xmlText, type S3Answer, type S3Client, type S3Response } from "./s3-client.ts";

const firstPartBytes = 8 << 20;
/**
 * S3 takes 10,000 parts. Where the size is known they are equal: 8 MB up to 72 GB, so that memory stays small. Where it is not, the
 * thousandth part on is larger, so that 5 TB fit.
 */
type PartBytes = (number: number) => number;
const growing: PartBytes = (number) => (number < 1000 ? firstPartBytes : number < 4000 ? 128 << 20 : 1 << 30);
const equal = (sizeBytes: number): PartBytes => {
  const bytes = Math.max(firstPartBytes, Math.ceil(sizeBytes / 9_000));
  return () => bytes;
};
const partsAtOnce = 3;

/** Stores a blob; undefined where the key is taken and `ifAbsent`. A source that fails leaves nothing. `sizeBytes` is that of a stream, where known. */
export async function upload(
  client: S3Client,
  key: string,
  data: Uint8Array | AsyncIterable<Uint8Array>,
  { ifAbsent, sizeBytes }: { ifAbsent: boolean; sizeBytes?: number },
): Promise<BlobInfo | undefined> {
  const partBytes = sizeBytes === undefined ? growing : equal(sizeBytes);
  const free: Uint8Array<ArrayBuffer>[] = []; // parts that were sent: their memory is used again
  const parts = data instanceof Uint8Array ? slices(data, equal(data.length)) : cut(data, partBytes, free);
  const first = await parts.next();
  const body = first.done === true ? new Uint8Array() : first.value;
  if (body.length < firstPartBytes) return putWhole(client, key, body, ifAbsent);
  const second = await parts.next();
  if (second.done === true) return putWhole(client, key, body, ifAbsent);
  return putParts(client, key, joined([body, second.value], parts), ifAbsent, free);
}

async function putWhole(client: S3Client, key: string, body: Uint8Array, ifAbsent: boolean): Promise<BlobInfo | undefined> {
  const mark = randomUUID();
  const answer = await client.send({ method: "PUT", key, body, headers: writeHeaders(ifAbsent, mark), accept: ifAbsent ? [412] : [] });
  return finish(client, key, body.length, mark, answer);
}

async function putParts(
  client: S3Client,
  key: string,
  parts: AsyncIterable<Uint8Array<ArrayBuffer>>,
  ifAbsent: boolean,
  free: Uint8Array<ArrayBuffer>[],
): Promise<BlobInfo | undefined> {
  const mark = randomUUID();
  if (ifAbsent && (await headOf(client, key)).ok) return undefined; // spares the work; the completion decides
  const begun = await client.send({ method: "POST", key, query: { uploads: "" }, headers: { "x-amz-meta-millrace-put": mark } });
  const uploadId = xmlText(await begun.response.text(), "UploadId");
  if (uploadId === undefined) throw new AppError("internal", `S3 began no upload of \`${key}\`.`);
  const abandon = () =>
    client
      .send({ method: "DELETE", key, query: { uploadId }, accept: [404] })
      .then(({ response }) => response.text())
      .catch(() => undefined); // else the store's own clean-up gets it
  try {
    const { etags, sizeBytes } = await sendParts(client, key, uploadId, parts, free);
    const answer = await client.send({
      method: "POST",
      key,
      query: { uploadId },
      headers: { ...(ifAbsent && { "if-none-match": "*" }), "content-type": "application/xml" },
      body: `<CompleteMultipartUpload>${etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`).join("")}</CompleteMultipartUpload>`,
      accept: [404, 412], // 404: the upload is gone, perhaps because an earlier try of this request was done but not answered
    });
    const done = await finishParts(client, key, sizeBytes, mark, answer);
    if (done === undefined) await abandon();
    return done;
  } catch (error) {
    await abandon();
    throw error;
  }
}

async function sendParts(
  client: S3Client,
  key: string,
  uploadId: string,
  parts: AsyncIterable<Uint8Array<ArrayBuffer>>,
  free: Uint8Array<ArrayBuffer>[],
): Promise<{ etags: string[]; sizeBytes: number }> {
  const etags: string[] = [];
  const underway = new Set<Promise<void>>();
  let failed: unknown;
  let sizeBytes = 0;
  let number = 0;
  for await (const body of parts) {
    const index = number++;
    sizeBytes += body.length;
    const sending = client
      .send({ method: "PUT", key, query: { partNumber: String(index + 1), uploadId }, body })
      .then(async ({ response }) => {
        await response.text();
        etags[index] = response.header("etag") ?? "";
        bufferPasses(body.length);
        free.push(new Uint8Array(body.buffer));
      })
      .catch((error: unknown) => {
        failed ??= error;
      })
      .finally(() => underway.delete(sending));
    underway.add(sending);
    if (underway.size >= partsAtOnce) await Promise.race(underway);
    if (failed !== undefined) break;
  }
  await Promise.all(underway);
  if (failed !== undefined) throw failed;
  return { etags, sizeBytes };
}

async function finishParts(client: S3Client, key: string, sizeBytes: number, mark: string, { response }: S3Answer): Promise<BlobInfo | undefined> {
  const text = await response.text();
  if (response.ok && text.includes("<Error>")) {
    // S3 may say 200 first and fail afterwards.
    throw new AppError("unavailable", `S3 could not complete \`${key}\`: ${xmlText(text, "Code")}.`, { hint: "Run the same again." });
  }
  const own = await ownBlob(client, key, mark);
  if (own !== undefined) return own;
  if (response.ok) return { key, sizeBytes, etag: xmlText(text, "ETag") ?? "", modifiedMs: dateOf(response) }; // written over already
  if (response.status === 412) return undefined;
  throw new AppError("unavailable", `The upload of \`${key}\` was lost by the store.`, { hint: "Run the same again." });
}

async function finish(
  client: S3Client,
  key: string,
  sizeBytes: number,
  mark: string,
  { response, attempts }: S3Answer,
): Promise<BlobInfo | undefined> {
  await response.text();
  if (response.ok) return { key, sizeBytes, etag: response.header("etag") ?? "", modifiedMs: dateOf(response) };
  return attempts > 1 ? ownBlob(client, key, mark) : undefined;
}

/** The blob that stands under the key if this very put made it, in a request whose answer was lost. */
async function ownBlob(client: S3Client, key: string, mark: string): Promise<BlobInfo | undefined> {
  const response = await headOf(client, key);
  return response.ok && response.header("x-amz-meta-millrace-put") === mark ? infoOf(key, response) : undefined;
}

/** The answer about a blob without the blob; not `ok` where there is none. */
export async function headOf(client: S3Client, key: string): Promise<S3Response> {
  const { response } = await client.send({ method: "HEAD", key, accept: [404] });
  await response.text(); // empty; frees the connection
  return response;
}

export function infoOf(key: string, response: S3Response): BlobInfo {
  return {
    key,
    sizeBytes: Number(response.header("content-length")),
    etag: response.header("etag") ?? "",
    modifiedMs: Date.parse(response.header("last-modified") ?? "") || dateOf(response),
  };
}

function dateOf(response: S3Response): number {
  return Date.parse(response.header("date") ?? "") || Date.now();
}

function writeHeaders(ifAbsent: boolean, mark: string): Record<string, string> {
  return { "content-type": "application/octet-stream", "x-amz-meta-millrace-put": mark, ...(ifAbsent && { "if-none-match": "*" }) };
}

async function* slices(data: Uint8Array, partBytes: PartBytes): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0, number = 0; at < data.length; number++) {
    const size = partBytes(number);
    yield new Uint8Array(data.subarray(at, at + size)); // a copy, so that the caller may use its memory again
    at += size;
  }
}

/** A stream cut into parts of the right size, the last one shorter. */
async function* cut(data: AsyncIterable<Uint8Array>, partBytes: PartBytes, free: Uint8Array<ArrayBuffer>[]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const memory = (bytes: number): Uint8Array<ArrayBuffer> => {
    const used = free.pop();
    return used?.length === bytes ? used : new Uint8Array(bytes);
  };
  let number = 0;
  let part = memory(partBytes(0));
  let used = 0;
  for await (const chunk of data) {
    for (let at = 0; at < chunk.length;) {
      const count = Math.min(chunk.length - at, part.length - used);
      part.set(chunk.subarray(at, at + count), used);
      at += count;
      used += count;
      if (used < part.length) continue;
      yield part;
      part = memory(partBytes(++number));
      used = 0;
    }
  }
  if (used > 0) yield part.subarray(0, used);
}

async function* joined<T>(first: T[], rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield* first;
  yield* rest;
}
