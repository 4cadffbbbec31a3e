import { abortUpload, beginUpload, contentUrl, digestUploads, finishUpload, cleanUploads, type TrackingServices } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { safePath } from "./artifact-path.ts";
import { checkPlace, getFile, putFile } from "./artifact-tree.ts";
import type { Handler } from "./endpoint.ts";
import { renameFileContent } from "./files.ts";
import { invalid, refusal } from "./protocol.ts";
import { type Fields, integer, missing, needText, objects } from "./request.ts";

/** Large files between clients and a store that gives out addresses of its own: clients send parts to them and read ranges from them. */
export const createUpload: Handler = async ({ tracking }, fields) => {
  const path = uploadPath(fields);
  refuseWithoutStore(tracking, "upload");
  const parts = integer(fields, "num_parts") ?? 1;
  await checkPlace(tracking, path); // before the client sends anything
  const { id, urls } = await beginUpload(tracking, { target: targetOf(path), parts }).catch(tooManyParts(parts));
  return { upload_id: id, credentials: urls.map((url, i) => ({ url, part_number: i + 1, headers: {} })) };
};

export const completeUpload: Handler = async ({ tracking }, fields) => {
  const path = uploadPath(fields);
  refuseWithoutStore(tracking, "upload");
  const parts = objects(fields, "parts").map((part, i) => {
    const number = integer(part, "part_number");
    if (number === undefined) throw missing(`parts[${i}].part_number`);
    return { number, etag: needText(part, "etag") };
  });
  if (parts.length === 0) throw missing("parts");
  const content = await finishUpload(tracking, { id: needText(fields, "upload_id"), target: targetOf(path), parts });
  await putFile(tracking, path, content);
  digestLater(tracking);
  return {};
};

export const cancelUpload: Handler = async ({ tracking }, fields) => {
  const path = uploadPath(fields);
  refuseWithoutStore(tracking, "upload");
  await abortUpload(tracking, { id: needText(fields, "upload_id"), target: targetOf(path) });
  return {};
};

export const presignedDownload: Handler = async ({ tracking }, fields) => {
  const path = safePath(String(fields["path"]).replace(/\/+$/, ""));
  refuseWithoutStore(tracking, "download");
  const file = await getFile(tracking, path);
  const url = await contentUrl(tracking, { content: file.content, fileName: file.path.split("/").at(-1)! }); // split gives at least one part
  return { url, headers: {}, file_size: file.sizeBytes };
};

/** Where a client's file goes: below the folder that the address names, under the name that the file has on the client's machine. */
function uploadPath(fields: Fields): string {
  const name = needText(fields, "path").split(/[/\\]/).at(-1)!; // as above
  const folder = String(fields["folder"] ?? "").replace(/\/+$/, "");
  return safePath(folder === "" ? name : `${folder}/${name}`);
}

function targetOf(path: string): string {
  return `mlflow-artifacts:/${path}`;
}

/** Clients send and fetch the file through this server when they are told so in these words (mlflow/exceptions.py). */
function refuseWithoutStore({ blobs }: TrackingServices, what: "upload" | "download"): void {
  if (blobs.direct === undefined) throw refusal("NOT_IMPLEMENTED", `Multipart ${what} is not supported for the current artifact repository`);
}

function tooManyParts(parts: number) {
  return (error: unknown): never => {
    if (error instanceof AppError && error.code === "invalid_argument")
      throw invalid(`${error.message} ${parts} were asked for: set MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE to a larger size, in bytes.`);
    throw error;
  };
}

/** Digests are learned behind the client's back: what does not succeed now is done the next time, or when somebody needs it. */
function digestLater(tracking: TrackingServices): void {
  digestUploads(tracking, renameFileContent)
    .then(() => cleanUploads(tracking))
    .catch(() => undefined);
}
