import { randomBytes } from "node:crypto";
import type { TrackingServices } from "#domains/tracking";
import { type AnyRoute } from "#kit/route";
import { safeFolder, safePath } from "./artifact-path.ts";
import { getFile, listFolder, rootPath } from "./artifact-tree.ts";
import { endpoint, type Handler } from "./endpoint.ts";
import { findById, notActive } from "./experiments.ts";
import { fileAnswer } from "./file-answer.ts";
import { fileRoute } from "./file-route.ts";
import { checkLength, limits } from "./limits.ts";
import { changeLoggedModel, findLoggedModel, insertLoggedModel, type LoggedModel, type LoggedStatus } from "./logged-model-reads.ts";
import { metricsOf } from "./logged-model-metrics.ts";
import { madeName } from "./made-names.ts";
import { searchLoggedModels } from "./logged-model-search.ts";
import { absent, invalid } from "./protocol.ts";
import { type Fields, keyValues, needQuery, needText, text, truth } from "./request.ts";
import { wireLoggedModel } from "./wire-logged-model.ts";

const create: Handler = async ({ tracking }, fields) => {
  const experiment = needText(fields, "experiment_id");
  const id = `m-${randomBytes(16).toString("hex")}`;
  const name = text(fields, "name") || madeName();
  if (/[/:.%"']/.test(name))
    throw invalid(
      `Invalid model name ('${name}') provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '"', "'")`,
    );
  const params = checked(keyValues(fields, "params"));
  const tags = checked(keyValues(fields, "tags"));
  if ((await findById(tracking, experiment)).deletedMs !== undefined) throw notActive(experiment);
  const nowMs = tracking.clock.now();
  await tracking.state.write((transaction) =>
    insertLoggedModel(transaction, {
      id,
      experiment,
      name,
      sourceRun: text(fields, "source_run_id") || undefined,
      type: text(fields, "model_type") ?? "",
      status: "pending",
      params,
      tags,
      createdMs: nowMs,
      updatedMs: nowMs,
      deletedMs: undefined,
    }),
  );
  return answer(tracking, await findLoggedModel(tracking, id));
};

const get: Handler = async ({ tracking }, fields) =>
  answer(tracking, await findLoggedModel(tracking, needText(fields, "model_id"), { deleted: truth(fields, "allow_deleted") ?? false }));

const finalize: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "model_id");
  const status = statusOf(fields["status"]);
  return answer(tracking, await changeLoggedModel(tracking, id, () => ({ status, updatedMs: tracking.clock.now() })));
};

/** Deleting what is deleted is fine. */
const remove: Handler = async ({ tracking }, fields) => {
  const { id, deletedMs } = await findLoggedModel(tracking, needText(fields, "model_id"), { deleted: true });
  if (deletedMs === undefined) await changeLoggedModel(tracking, id, () => ({ deletedMs: tracking.clock.now() }));
  return {};
};

const setTags: Handler = async ({ tracking }, fields) => {
  const tags = checked(keyValues(fields, "tags"));
  await changeLoggedModel(tracking, needText(fields, "model_id"), (model) => ({ tags: { ...model.tags, ...tags } }));
  return {};
};

const deleteTag: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "model_id");
  const key = needText(fields, "tag_key");
  await changeLoggedModel(tracking, id, ({ tags }) => {
    if (!Object.hasOwn(tags, key)) throw absent(`No tag with key '${key}' found for model with ID '${id}'.`);
    return { tags: Object.fromEntries(Object.entries(tags).filter(([each]) => each !== key)) };
  });
  return {};
};

const logParams: Handler = async ({ tracking }, fields) => {
  const params = checked(keyValues(fields, "params"));
  await changeLoggedModel(tracking, needText(fields, "model_id"), (model) => ({ params: { ...model.params, ...params } }));
  return {};
};

const directories: Handler = async ({ tracking }, fields) => {
  const model = await findLoggedModel(tracking, needText(fields, "model_id"));
  const folder = ownFolder(model);
  const path = safeFolder(text(fields, "artifact_directory_path") ?? "");
  const entries = await listFolder(tracking, path === "" ? folder : `${folder}/${path}`);
  const files = entries.map((entry) => ({
    path: entry.path.slice(folder.length + 1),
    is_dir: entry.folder,
    ...(!entry.folder && { file_size: entry.sizeBytes }),
  }));
  return { root_uri: model.location, ...(files.length > 0 && { files }) };
};

export const loggedModelRoutes: AnyRoute[] = [
  ...endpoint("POST", "logged-models", "project:run", create),
  ...endpoint("POST", "logged-models/search", "project:read", searchLoggedModels),
  ...endpoint("GET", "logged-models/{model_id}", "project:read", get),
  ...endpoint("PATCH", "logged-models/{model_id}", "project:run", finalize),
  ...endpoint("DELETE", "logged-models/{model_id}", "project:run", remove),
  ...endpoint("PATCH", "logged-models/{model_id}/tags", "project:run", setTags),
  ...endpoint("DELETE", "logged-models/{model_id}/tags/{tag_key}", "project:run", deleteTag),
  ...endpoint("POST", "logged-models/{model_id}/params", "project:run", logParams),
  ...endpoint("GET", "logged-models/{model_id}/artifacts/directories", "project:read", directories),
  fileRoute("GET", "/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files", "project:read", async ({ tracking }, _path, given) => {
    const path = needQuery(given, "artifact_file_path");
    const folder = ownFolder(await findLoggedModel(tracking, needText(given, "model_id")));
    return fileAnswer(await getFile(tracking, `${folder}/${safePath(path)}`), given.headers);
  }),
];

/** Notes at a logged model that a version was made of it. */
export async function noteVersion(tracking: TrackingServices, id: string, name: string, version: number): Promise<void> {
  await changeLoggedModel(tracking, id, ({ tags }) => {
    const noted = `{"name": ${JSON.stringify(name)}, "version": ${version}}`;
    const standing = /^\[(.+)\]$/.exec(tags[versionsTag] ?? "")?.[1];
    return { tags: { ...tags, [versionsTag]: standing === undefined ? `[${noted}]` : `[${standing}, ${noted}]` } };
  });
}
const versionsTag = "mlflow.modelVersions";

async function answer(tracking: TrackingServices, model: LoggedModel): Promise<object> {
  return { model: wireLoggedModel(model, (await metricsOf(tracking.state, [model.id])).get(model.id)!) };
}

function ownFolder(model: LoggedModel): string {
  const folder = rootPath(model.location);
  if (folder === undefined) throw invalid(`The files of model ${model.id} are at ${model.location}, which this server does not read.`);
  return folder;
}

/** Names are free here, unlike those of runs' params and tags. */
function checked(texts: Record<string, string>): Record<string, string> {
  for (const key of Object.keys(texts)) checkLength("key", limits.keyLength, key);
  return texts;
}

function statusOf(given: Fields[string]): LoggedStatus {
  if (given === "LOGGED_MODEL_READY" || given === 2) return "ready";
  if (given === "LOGGED_MODEL_UPLOAD_FAILED" || given === 3) return "failed";
  if (given === "LOGGED_MODEL_PENDING" || given === 1) return "pending";
  throw invalid(`Invalid value ${JSON.stringify(given)} for parameter 'status' supplied: it is no status of a logged model.`);
}
