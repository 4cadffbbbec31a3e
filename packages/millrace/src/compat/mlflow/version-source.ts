import { posix } from "node:path";
import { artifactKey, modelDigest, type ModelFolder, type Run } from "#domains/tracking";
import { filesBelow, rootPath } from "./artifact-tree.ts";
import type { MlflowServices } from "./endpoint.ts";
import { findLoggedModel } from "./logged-model-reads.ts";
import { checkLocation, decodedFully, isHostScheme, localPath, otherHost } from "./locations.ts";
import { numberMeant } from "./model-uri.ts";
import { readSignature } from "./model-file.ts";
import { experimentLocation, runRoot } from "./places.ts";
import { isPrompt } from "./prompts.ts";
import { invalid, refusal } from "./protocol.ts";
import { findModel, findVersion, notFound } from "./registry-reads.ts";
import { findRun } from "./runs.ts";

export interface GivenSource {
  source: string;
  run: string | undefined;
  loggedModel: string | undefined;
  /** Prompts are versions without files; their source is a word. */
  prompt: boolean;
}

export interface ResolvedSource {
  source: string;
  location: string;
  run: string | undefined;
  loggedModel: string | undefined;
  folder: ModelFolder;
}

/**
 * Where a version's files are. What is in this server's own store must belong to the run or logged model that the client names, so
 * that nobody reads through a version what they could not read otherwise. A path on a disk must too, and is words for the client: this
 * server never opens it.
 */
export async function resolveSource(services: MlflowServices, given: GivenSource): Promise<ResolvedSource> {
  const { source, run, loggedModel } = given;
  if (given.prompt && /^[\w-]{1,200}$/.test(source)) return { source, location: source, run, loggedModel, folder: emptyFolder() };
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(source)?.[1]?.toLowerCase();
  if (/^file:\/\/(?!(localhost|127\.0\.0\.1|\.)?\/)/i.test(source)) throw refusal("INTERNAL_ERROR", `${source} is not a valid remote uri.`); // as MLflow tells it
  if (scheme === undefined || scheme === "file") return ofDisk(services, given);
  if (isHostScheme(scheme) || /^mlflow-artifacts:\/\/[^/]/i.test(source)) throw otherHost("source", scheme);
  const decoded = decodedFully(source);
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
  if (decoded === undefined || /(?:^|\/)\.\.?(?:\/|$)|[\u0000-\u001f\u007f]/.test(decoded)) {
    throw invalid(
      `Invalid model version source: '${source}'. If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path.`,
    );
  }
  if (scheme === "runs") return ofRun(services, given);
  if (scheme === "models") return ofModel(services, given);
  if (scheme === "mlflow-artifacts") return ofStore(services, given);
  checkLocation(source, "source");
  return { source, location: source, run, loggedModel, folder: emptyFolder() };
}

/** Judged by its words alone: `..` may lead anywhere but out of the folder of the run or the logged model. */
async function ofDisk(services: MlflowServices, { source, run, loggedModel }: GivenSource): Promise<ResolvedSource> {
  const path = localPath(source);
  const owner = loggedModel === undefined ? "run_id" : "model_id";
  const refuse = () =>
    invalid(
      `Invalid model version source: '${source}'. To use a local path as a model version source, the ${owner} request parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the ${owner}.`,
    );
  const location = await ownerLocation(services, run, loggedModel).catch(() => Promise.reject(refuse()));
  const root = location === undefined ? undefined : localPath(location);
  if (path === undefined || root === undefined) throw refuse();
  for (const reading of [path, decodedFully(path)])
    if (reading === undefined || !isWithin(posix.resolve(reading), posix.resolve(root))) throw refuse();
  checkLocation(posix.resolve(path), "source");
  return { source, location: source, run, loggedModel, folder: emptyFolder() };
}

function isWithin(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root.replace(/\/$/, "")}/`);
}

async function ofRun(services: MlflowServices, { source, run, loggedModel }: GivenSource): Promise<ResolvedSource> {
  const match = /^runs:\/+([^/]+)(?:\/(.*))?$/.exec(source);
  if (source.startsWith("runs://") || match === null || run === undefined || match[1] !== run || loggedModel !== undefined)
    throw notOwned(source, loggedModel === undefined ? "run_id" : "model_id");
  const known = await findRun(services.tracking, run).catch((error: unknown) => {
    if (!notFound(error)) throw error;
    return undefined; // a run of another store has its files there
  });
  const root = known && rootPath(await rootOf(services, known));
  const folder = await folderAt(services, root && (match[2] ? `${root}/${match[2]}` : root));
  return { source, location: source, run, loggedModel, folder };
}

/** `models:/m-…` is a logged model; `models:/name/3` and `models:/name@alias` a version, whose files the new one has too. */
async function ofModel(services: MlflowServices, { source, run, loggedModel }: GivenSource): Promise<ResolvedSource> {
  if (source.startsWith("models://")) throw notOwned(source, "model_id");
  const [name = "", version] = source.slice("models:/".length).split("/");
  if (version === undefined && !name.includes("@")) {
    if (loggedModel !== name) throw notOwned(source, "model_id");
    const model = await findLoggedModel(services.tracking, name).catch(() => Promise.reject(notOwned(source, "model_id")));
    const folder = await folderAt(services, rootPath(model.location));
    return { source, location: model.location, run: run ?? model.sourceRun, loggedModel: model.id, folder };
  }
  const at = name.lastIndexOf("@");
  const from = at < 0 ? name : name.slice(0, at);
  const model = await findModel(services, from);
  if (isPrompt(model.tags)) throw invalid(`Invalid model version source: '${source}'. Prompt versions cannot be used as model version sources.`);
  const number = await numberMeant(services, model, at < 0 ? { version: version ?? "" } : { alias: name.slice(at + 1) });
  const standing = await findVersion(services, from, number);
  if ((run !== undefined && run !== standing.runId) || (loggedModel !== undefined && loggedModel !== standing.loggedModel))
    throw invalid(`Invalid model version source: '${source}'. The run_id and model_id request parameters must match the referenced model version.`);
  const { digest, format, signature, files } = standing;
  return {
    source: `models:/${from}/${number}`,
    location: standing.location,
    run: standing.runId,
    loggedModel: standing.loggedModel,
    folder: { digest, format, signature, files },
  };
}

async function ofStore(services: MlflowServices, { source, run, loggedModel }: GivenSource): Promise<ResolvedSource> {
  checkLocation(source, "source");
  const path = rootPath(source);
  const owner = loggedModel === undefined ? "run_id" : "model_id";
  const location = await ownerLocation(services, run, loggedModel).catch(() => Promise.reject(notOwned(source, owner)));
  const root = location === undefined ? undefined : rootPath(location);
  if (path === undefined || root === undefined || !isWithin(path, root)) throw notOwned(source, owner);
  const sourceRun = run ?? (loggedModel === undefined ? undefined : (await findLoggedModel(services.tracking, loggedModel)).sourceRun);
  return { source, location: source, run: sourceRun, loggedModel, folder: await folderAt(services, path) };
}

/** Where the files are of the logged model that a client names, or else of the run. */
async function ownerLocation(services: MlflowServices, run: string | undefined, loggedModel: string | undefined): Promise<string | undefined> {
  if (loggedModel !== undefined) return (await findLoggedModel(services.tracking, loggedModel)).location;
  return run === undefined ? undefined : rootOf(services, await findRun(services.tracking, run));
}

async function rootOf({ tracking }: MlflowServices, run: Run): Promise<string> {
  return runRoot(await experimentLocation(tracking.state, run.experiment), run.id);
}

function notOwned(source: string, owner: string): Error {
  return invalid(`Invalid model version source: '${source}'. The ${owner} request parameter must identify the resource that contains the source.`);
}

/** The files below a path as a model's folder; an empty one where they are elsewhere. */
export async function folderAt({ tracking }: Pick<MlflowServices, "tracking">, path: string | undefined): Promise<ModelFolder> {
  const stored = path === undefined ? [] : await filesBelow(tracking, path);
  if (path === undefined || stored.length === 0) return emptyFolder();
  if (tracking.blobs.hold !== undefined) await holdFiles(tracking, path, stored);
  const files = stored
    .map((file) => ({ path: file.path.slice(path.length + 1), digest: file.digest, sizeBytes: file.sizeBytes }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const format = files.some((file) => file.path.endsWith(".onnx")) ? "onnx" : "mlflow";
  const signature = await readSignature(stored.find((file) => file.path === `${path}/MLmodel`));
  return { digest: modelDigest({ format, signature, files }), format, signature, files };
}

/** The version will refer to what the run or model refers to now: should that go before the version stands, the bytes must not. */
async function holdFiles(tracking: MlflowServices["tracking"], path: string, stored: { digest: string }[]): Promise<void> {
  await tracking.blobs.hold?.(stored.map(({ digest }) => artifactKey(digest)));
  const standing = new Set((await filesBelow(tracking, path)).map(({ digest }) => digest));
  if (stored.some(({ digest }) => !standing.has(digest)))
    throw refusal("RESOURCE_CONFLICT", `The files at '${path}' were changed while a version was made of them. Try again.`);
}

function emptyFolder(): ModelFolder {
  const contents = { format: "mlflow", signature: { inputs: [], outputs: [] }, files: [] };
  return { digest: modelDigest(contents), ...contents };
}
