/** Transfers between other programs and the store: uploads in parts and downloads under presigned addresses, copies within the store. */
import { AppError } from "#kit/app-error";
import type { BlobInfo, DirectTransfers } from "#ports/blob-store";
import { blobNotFound, checkPrefix, keySegments } from "./blob-key.ts";
import { type S3Client, xmlText } from "./s3-client.ts";
import { headOf, infoOf } from "./s3-upload.ts";

/** S3's limits for uploads in parts, and the largest copy in one request. */
const partsAtMost = 10_000;
const partBytesAtLeast = 5 << 20;
const copyLimits = { atOnceBytes: 5 * 2 ** 30, partBytes: 2 ** 30 };
const copiesAtOnce = 4;

export function s3Direct(client: S3Client, limits = copyLimits): DirectTransfers {
  return {
    partsAtMost,
    partBytesAtLeast,

    begin: (key) => begin(client, key),

    async partUrls(key, upload, { count, expiresSeconds }) {
      keySegments(key);
      checkExpiry(expiresSeconds);
      if (!Number.isInteger(count) || count < 1 || count > partsAtMost)
        throw new AppError("invalid_argument", `An upload of ${count} parts is not possible.`, { hint: `Make 1 to ${partsAtMost} parts.` });
      const urls: string[] = [];
      for (let number = 1; number <= count; number++)
        urls.push(await client.presign("PUT", key, expiresSeconds, { partNumber: String(number), uploadId: upload }));
      return urls;
    },

    finish: (key, upload, parts) => finish(client, key, upload, parts),

    async abort(key, upload) {
      keySegments(key);
      const { response } = await client.send({ method: "DELETE", key, query: { uploadId: upload }, accept: [404] });
      await response.text();
    },

    async *unfinished(prefix) {
      checkPrefix(prefix);
      yield* listUploads(client, prefix);
    },

    async readUrl(key, { expiresSeconds, fileName }) {
      keySegments(key);
      checkExpiry(expiresSeconds);
      return client.presign("GET", key, expiresSeconds, {
        "response-content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(fileName).replaceAll("'", "%27")}`,
        "response-content-type": "application/octet-stream",
      });
    },

    copy: (from, to) => copy(client, from, to, limits),
  };
}

async function begin(client: S3Client, key: string): Promise<string> {
  keySegments(key);
  const { response } = await client.send({ method: "POST", key, query: { uploads: "" }, headers: { "content-type": "application/octet-stream" } });
  const upload = xmlText(await response.text(), "UploadId");
  if (upload === undefined) throw new AppError("internal", `S3 began no upload of \`${key}\`.`);
  return upload;
}

/** What S3 says of parts that are not what was sent. */
const badParts = new Set(["InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML", "InvalidRequest", "InvalidArgument"]);

async function finish(client: S3Client, key: string, upload: string, parts: { number: number; etag: string }[]): Promise<BlobInfo> {
  keySegments(key);
  if (parts.length === 0) throw new AppError("invalid_argument", "An upload without parts cannot be finished.");
  const listed = parts.map(({ number, etag }) => {
    if (!Number.isInteger(number) || number < 1 || number > partsAtMost || !/^"?[\w+/=.:-]{1,200}"?$/.test(etag))
      throw new AppError("invalid_argument", `Part ${number} with the ETag ${JSON.stringify(etag.slice(0, 100))} cannot be one that was sent.`);
    return `<Part><PartNumber>${number}</PartNumber><ETag>&quot;${etag.replaceAll('"', "")}&quot;</ETag></Part>`;
  });
  const { response } = await client.send({
    method: "POST",
    key,
    query: { uploadId: upload },
    headers: { "content-type": "application/xml" },
    body: `<CompleteMultipartUpload>${listed.join("")}</CompleteMultipartUpload>`,
    accept: [400, 404],
  });
  const text = await response.text();
  const code = response.ok && !text.includes("<Error>") ? undefined : (xmlText(text, "Code") ?? String(response.status));
  if (code !== undefined && badParts.has(code)) {
    throw new AppError("invalid_argument", `The parts of \`${key}\` do not make a whole: ${xmlText(text, "Message") ?? code}`, {
      hint: `Name each part once, in order, with the ETag its upload answered; all but the last have ${partBytesAtLeast} bytes or more.`,
      details: { s3Code: code },
    });
  }
  // 404: the upload is gone, perhaps because an earlier try was done and not answered. Then its blob is there.
  if (code !== undefined && code !== "NoSuchUpload")
    throw new AppError("unavailable", `S3 could not complete \`${key}\`: ${code}.`, { hint: "Run the same again." });
  const found = await headOf(client, key);
  if (!found.ok) throw new AppError("not_found", `There is no such upload of \`${key}\`.`, { hint: "Begin again." });
  return infoOf(key, found);
}

async function* listUploads(client: S3Client, prefix: string): AsyncGenerator<{ key: string; upload: string; begunMs: number }> {
  const above = client.fullKey("");
  let after: Record<string, string> | undefined = {};
  while (after !== undefined) {
    const { response } = await client.send({ method: "GET", query: { uploads: "", prefix: client.fullKey(prefix), ...after } });
    const xml = await response.text();
    for (const [, each] of xml.matchAll(/<Upload>([\s\S]*?)<\/Upload>/g)) {
      const upload = xmlText(each!, "UploadId");
      const key = (xmlText(each!, "Key") ?? "").slice(above.length);
      if (upload !== undefined && key !== "") yield { key, upload, begunMs: Date.parse(xmlText(each!, "Initiated") ?? "") || Date.now() };
    }
    after =
      xmlText(xml, "IsTruncated") === "true"
        ? { "key-marker": xmlText(xml, "NextKeyMarker") ?? "", "upload-id-marker": xmlText(xml, "NextUploadIdMarker") ?? "" }
        : undefined;
  }
}

async function copy(client: S3Client, from: string, to: string, limits: typeof copyLimits): Promise<void> {
  keySegments(from);
  keySegments(to);
  const found = await headOf(client, from);
  if (!found.ok) throw blobNotFound(from);
  const { sizeBytes } = infoOf(from, found);
  const source = client.copySource(from);
  if (sizeBytes > limits.atOnceBytes) return copyParts(client, source, to, sizeBytes, limits.partBytes);
  const { response } = await client.send({ method: "PUT", key: to, headers: { "x-amz-copy-source": source } });
  checkCopied(await response.text(), to);
}

async function copyParts(client: S3Client, source: string, to: string, sizeBytes: number, partBytes: number): Promise<void> {
  const upload = await begin(client, to);
  try {
    const count = Math.ceil(sizeBytes / partBytes);
    const parts: { number: number; etag: string }[] = [];
    const copyOne = async (number: number) => {
      const first = (number - 1) * partBytes;
      const range = `bytes=${first}-${Math.min(first + partBytes, sizeBytes) - 1}`;
      const { response } = await client.send({
        method: "PUT",
        key: to,
        query: { partNumber: String(number), uploadId: upload },
        headers: { "x-amz-copy-source": source, "x-amz-copy-source-range": range },
      });
      parts[number - 1] = { number, etag: checkCopied(await response.text(), to) };
    };
    for (let number = 1; number <= count; number += copiesAtOnce)
      await Promise.all(Array.from({ length: Math.min(copiesAtOnce, count - number + 1) }, (_, i) => copyOne(number + i)));
    await finish(client, to, upload, parts);
  } catch (error) {
    await client
      .send({ method: "DELETE", key: to, query: { uploadId: upload }, accept: [404] })
      .then(({ response }) => response.text())
      .catch(() => undefined); // the first error is the one to tell; stale uploads are looked for
    throw error;
  }
}

/** A copy may be answered with 200 and fail afterwards. Answers the copy's ETag. */
function checkCopied(text: string, to: string): string {
  const etag = xmlText(text, "ETag");
  if (text.includes("<Error>") || etag === undefined)
    throw new AppError("unavailable", `S3 could not copy to \`${to}\`: ${xmlText(text, "Code") ?? "no answer"}.`, { hint: "Run the same again." });
  return etag;
}

function checkExpiry(seconds: number): void {
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 604_800) return;
  throw new AppError("invalid_argument", `A presigned address cannot last ${seconds} seconds.`, {
    hint: "Give whole seconds from 1 to 604800 (seven days).",
  });
}
