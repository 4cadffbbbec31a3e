import type { TrackingServices } from "#domains/tracking";
import type { AnyRoute } from "#kit/route";
import { safeFolder, safePath, safeReadPath } from "./artifact-path.ts";
import { deleteTree, type Entry, folderPages, getFile, putFile, rootPath } from "./artifact-tree.ts";
import { cancelUpload, completeUpload, createUpload, presignedDownload } from "./direct-files.ts";
import { endpoint, type Handler, under } from "./endpoint.ts";
import { fileAnswer } from "./file-answer.ts";
import { type FileHandler, fileRoute, uploaded } from "./file-route.ts";
import { listAnswer } from "./list-answer.ts";
import { experimentLocation, runRoot } from "./places.ts";
import { presignedDownloadUrl, presignedUploadUrl } from "./presigned-urls.ts";
import { invalid } from "./protocol.ts";
import { needRun, needText, text } from "./request.ts";
import { findRun } from "./runs.ts";

const download: FileHandler = async ({ tracking }, path, { headers }) => fileAnswer(await getFile(tracking, path), headers);

const upload: FileHandler = async (services, path, given) => {
  await putFile(services.tracking, path, uploaded(services, given));
  return { contentType: "application/json", body: "" };
};

const remove: FileHandler = async ({ tracking }, path) => {
  await deleteTree(tracking, path);
  return { contentType: "application/json", body: "{}" };
};

const list: Handler = async ({ tracking }, fields) => {
  const entries = folderPages(tracking, safeFolder(text(fields, "path") ?? ""));
  return listAnswer({}, entries, (entry) => named(entry, entry.path.split("/").at(-1)!)); // split gives at least one part
};

/** The files of a run, for pages and for clients that do not go through the proxied paths; named below the path as it was asked for. */
const listRun: Handler = async ({ tracking }, fields) => {
  const { root, folder } = await runFolder(tracking, needRun(fields));
  const asked = text(fields, "path")?.replace(/\/+$/, "") ?? "";
  const path = safeFolder(asked);
  const listed = path === "" ? folder : `${folder}/${path}`;
  const above = asked === "" ? "" : `${asked}/`;
  return listAnswer({ root_uri: root }, folderPages(tracking, listed), (entry) => named(entry, above + entry.path.slice(listed.length + 1)));
};

function named({ folder, sizeBytes }: Entry, path: string): object {
  return { path, is_dir: folder, ...(!folder && { file_size: sizeBytes }) };
}

const downloadOfRun: FileHandler = async ({ tracking }, _path, given) => {
  const { folder } = await runFolder(tracking, needRun(given));
  return fileAnswer(await getFile(tracking, `${folder}/${safeReadPath(needText(given, "path"))}`), given.headers);
};

const uploadOfPage: FileHandler = async (services, _path, given) => {
  const run = text(given, "run_uuid");
  if (!run) throw invalid("Request must specify run_uuid.");
  const path = text(given, "path");
  if (!path) throw invalid("Request must specify path.");
  const { folder } = await runFolder(services.tracking, run);
  await putFile(services.tracking, `${folder}/${safePath(path)}`, uploaded(services, { ...given, body: withData(given.body) }));
  return { contentType: "application/json", body: "" };
};

/** A body as it comes; fails at its end where it has not a byte. */
async function* withData(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let any = false;
  for await (const chunk of body) {
    any ||= chunk.length > 0;
    yield chunk;
  }
  if (!any) throw invalid("Request must specify data.");
}

const proxied = ["/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts"];

export const artifactRoutes: AnyRoute[] = [
  ...proxied.flatMap((base) => [
    under("", "GET", `${base}/artifacts`, "project:read", list),
    fileRoute("GET", `${base}/artifacts/{path*}`, "project:read", download),
    fileRoute("PUT", `${base}/artifacts/{path*}`, "project:run", upload),
    fileRoute("DELETE", `${base}/artifacts/{path*}`, "project:run", remove),
    ...["", "/{folder*}"].flatMap((folder) => [
      under("", "POST", `${base}/mpu/create${folder}`, "project:run", createUpload),
      under("", "POST", `${base}/mpu/complete${folder}`, "project:run", completeUpload),
      under("", "POST", `${base}/mpu/abort${folder}`, "project:run", cancelUpload),
    ]),
    under("", "GET", `${base}/presigned/{path*}`, "project:read", presignedDownload),
  ]),
  ...endpoint("GET", "artifacts/list", "project:read", listRun),
  ...endpoint("POST", "artifacts/presigned-upload-url", "project:run", presignedUploadUrl),
  ...endpoint("POST", "artifacts/presigned-download-url", "project:read", presignedDownloadUrl),
  ...["/get-artifact", "/ajax-api/2.0/mlflow/get-artifact"].map((path) => fileRoute("GET", path, "project:read", downloadOfRun)),
  fileRoute("POST", "/ajax-api/2.0/mlflow/upload-artifact", "project:run", uploadOfPage),
];

/** Where a run has its artifacts: the location, and its path in this server's own store. Throws for one elsewhere. */
async function runFolder(tracking: TrackingServices, id: string): Promise<{ root: string; folder: string }> {
  const run = await findRun(tracking, id);
  const root = runRoot(await experimentLocation(tracking.state, run.experiment), run.id);
  const folder = rootPath(root);
  if (folder === undefined) throw invalid(`The artifacts of run ${id} are at ${root}, which this server does not read. Use a client there.`);
  return { root, folder };
}
