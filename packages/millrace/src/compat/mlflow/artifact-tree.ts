import {
  type ArtifactData,
  artifactKey,
  deleteArtifact,
  digestUpload,
  getArtifact,
  getRun,
  isUpload,
  listArtifacts,
  logArtifact,
  readArtifact,
  storedContent,
  type StoredContent,
  type TrackingServices,
} from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { deleteFileRows, fileAt, filesIn, type FileRow, renameFileContent, saveFile } from "./files.ts";
import { ifThere } from "./if-there.ts";
import { loggedModelsOfRun } from "./logged-model-reads.ts";
import { experimentLocation, runRoot } from "./places.ts";
import { absent, invalid } from "./protocol.ts";

/** A file or folder in the store that this server keeps for clients; `path` from the store's root. */
export interface Entry {
  path: string;
  folder: boolean;
  sizeBytes: number;
}

/** A file with its bytes; `content` names these and no others. */
export interface StoredFile {
  path: string;
  content: string;
  sizeBytes: number;
  createdMs: number;
  bytes(range?: { first: number; last: number }): Promise<AsyncIterable<Uint8Array>>;
}

/**
 * The paths below `mlflow-artifacts:/` as one tree. What stands where a run has its artifacts is that run's, with all that tracking
 * knows of artifacts; other paths (models that no run owns, places that an experiment was given) are files of their own.
 */
export async function putFile(tracking: TrackingServices, path: string, data: ArtifactData | StoredContent): Promise<void> {
  const place = await placeOf(tracking, path);
  if (place.run !== undefined) {
    if (place.path === "") throw isFolder(path);
    await logArtifact(tracking, { run: place.run, path: place.path, data });
    return;
  }
  const { content, sizeBytes } = await storedContent(tracking.blobs, data);
  await tracking.state.write((transaction) =>
    saveFile(transaction, { path, digest: content, size_bytes: sizeBytes, created_ms: tracking.clock.now() }),
  );
}

/** Throws where no file can be put: a folder stands there, or the run is deleted. */
export async function checkPlace(tracking: TrackingServices, path: string): Promise<void> {
  const { run } = await placeOf(tracking, path);
  if (run !== undefined && (await getRun(tracking, run)).deletedMs !== undefined)
    throw invalid(`The run ${run} must be in the 'active' state. Current state is deleted.`);
  await getFile(tracking, path).catch((error: unknown) => {
    if (!(error instanceof AppError && error.code === "not_found")) throw error;
  });
}

/** Throws where there is no such file, and for a folder. */
export async function getFile(tracking: TrackingServices, path: string): Promise<StoredFile> {
  const place = await placeOf(tracking, path);
  if (place.run !== undefined && place.path !== "") {
    const { run, path: inRun } = place;
    const artifact = await getArtifact(tracking, { run, path: inRun })
      .catch(noFile(path))
      .catch(async (error: unknown) => {
        const elsewhere = await inLoggedModel(tracking, run, inRun);
        if (elsewhere === undefined) throw error;
        return elsewhere;
      });
    if (typeof artifact === "string") return getFile(tracking, artifact);
    if (artifact.content === undefined) throw isFolder(path);
    const bytes = async (range?: { first: number; last: number }) =>
      (await readArtifact(tracking, { run, path: inRun, ...(range !== undefined && { range }) })).bytes;
    return { path, content: artifact.content, sizeBytes: artifact.sizeBytes, createdMs: artifact.createdMs, bytes };
  }
  const row = await fileAt(tracking.state, path);
  if (row === undefined) throw absent(`No such artifact: '${path}'`);
  const { digest: content, size_bytes: sizeBytes, created_ms: createdMs } = row;
  if (content === null) throw isFolder(path);
  return { path, content, sizeBytes, createdMs, bytes: (range) => tracking.blobs.get(artifactKey(content), range) };
}

/** What is directly in a folder, by name; nothing where there is none. */
export async function listFolder(tracking: TrackingServices, folder: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const page of folderPages(tracking, folder)) entries.push(...page);
  return entries;
}

/** As `listFolder`, page by page: a folder may hold any number of files. */
export async function* folderPages(tracking: TrackingServices, folder: string): AsyncGenerator<Entry[]> {
  const place = await placeOf(tracking, folder);
  if (place.run === undefined) {
    yield* pages(async (after) => (await filesIn(tracking.state, folder, after, namesPerRead)).map(entryOf));
    return;
  }
  const { run, path } = place;
  const above = folder.slice(0, folder.length - path.length);
  const own = pages(async (after) => {
    const artifacts = await listArtifacts(tracking, { run, folder: path, after, limit: namesPerRead });
    return artifacts.map((each): Entry => ({ path: joined(above, each.path), folder: each.content === undefined, sizeBytes: each.sizeBytes }));
  });
  yield* path === "" ? withLoggedModels(tracking, run, folder, own) : orInLoggedModel(tracking, place, folder, own);
}
const namesPerRead = 1_000;

async function* pages(read: (after: string) => Promise<Entry[]>): AsyncGenerator<Entry[]> {
  for (let after = ""; ;) {
    const page = await read(after);
    if (page.length > 0) yield page;
    if (page.length < namesPerRead) return;
    after = page.at(-1)!.path.split("/").at(-1)!; // a full page has a last one
  }
}

/** All files below a folder with their digests; those that are not known yet are learned first. */
export async function filesBelow(tracking: TrackingServices, path: string): Promise<(StoredFile & { digest: string })[]> {
  const files: (StoredFile & { digest: string })[] = [];
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await listFolder(tracking, folder)) {
      if (entry.folder) folders.push(entry.path);
      else files.push(await withDigest(tracking, await getFile(tracking, entry.path)));
    }
  }
  return files;
}

async function withDigest(tracking: TrackingServices, file: StoredFile): Promise<StoredFile & { digest: string }> {
  if (!isUpload(file.content)) return { ...file, digest: file.content };
  const digest = await digestUpload(tracking, file.content, renameFileContent);
  return { ...file, content: digest, digest, bytes: (range) => tracking.blobs.get(artifactKey(digest), range) };
}

/** Takes a file, or a folder with all in it, away; nothing where there is nothing. */
export async function deleteTree(tracking: TrackingServices, path: string): Promise<void> {
  const place = await placeOf(tracking, path);
  if (place.run === undefined) {
    await tracking.state.write((transaction) => deleteFileRows(transaction, path));
    return;
  }
  const { run } = place;
  const remove = (each: string) =>
    deleteArtifact(tracking, { run, path: each }).catch((error: unknown) => {
      if (!(error instanceof AppError && error.code === "not_found")) throw error;
    });
  if (place.path !== "") return remove(place.path);
  for (let page = await firstNames(); page.length > 0; page = await firstNames()) await Promise.all(page.map(remove));

  async function firstNames(): Promise<string[]> {
    return (await listArtifacts(tracking, { run, limit: 100 })).map((each) => each.path);
  }
}

/**
 * Clients before 3.0 find a run's models among its artifacts; newer ones keep them apart. So a run shows the models it logged as
 * folders of their names, where it has no artifacts of the name itself.
 */
async function* withLoggedModels(tracking: TrackingServices, run: string, folder: string, own: AsyncIterable<Entry[]>): AsyncGenerator<Entry[]> {
  const models = new Map(
    (await loggedModelsOfRun(tracking.state, run)).map(({ name }) => [
      joined(folder, name),
      { path: joined(folder, name), folder: true, sizeBytes: 0 },
    ]),
  );
  const upTo = (last: string | undefined): Entry[] => {
    const due = [...models.values()].filter(({ path }) => last === undefined || path < last);
    for (const { path } of due) models.delete(path);
    return due;
  };
  for await (const page of own) {
    for (const { path } of page) models.delete(path);
    yield [...upTo(page.at(-1)!.path), ...page].sort((a, b) => (a.path < b.path ? -1 : 1)); // no page is empty
  }
  const rest = upTo(undefined);
  if (rest.length > 0) yield rest.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What is in a folder of a run; where there is none, in a model that the run logged under its name. */
async function* orInLoggedModel(
  tracking: TrackingServices,
  { run, path }: { run: string; path: string },
  folder: string,
  own: AsyncIterable<Entry[]>,
): AsyncGenerator<Entry[]> {
  let any = false;
  for await (const page of own) {
    any = true;
    yield page;
  }
  const elsewhere = any ? undefined : await inLoggedModel(tracking, run, path);
  if (elsewhere === undefined) return;
  for await (const page of folderPages(tracking, elsewhere))
    yield page.map((entry) => ({ ...entry, path: `${folder}${entry.path.slice(elsewhere.length)}` }));
}

/** Where a path of a run leads in the newest model of that name that the run logged. */
async function inLoggedModel(tracking: TrackingServices, run: string, path: string): Promise<string | undefined> {
  const [name, ...rest] = path.split("/");
  const model = (await loggedModelsOfRun(tracking.state, run)).find((each) => each.name === name);
  const root = model && rootPath(model.location);
  return root && [root, ...rest].join("/");
}

type Place = { run: string; path: string } | { run: undefined; path: string };

/** Whose path it is: a run's, where an `artifacts` folder stands at that run's root, else nobody's. */
async function placeOf(tracking: TrackingServices, path: string): Promise<Place> {
  const parts = path.split("/");
  for (let i = 1; i < parts.length; i++) {
    if (parts[i] !== "artifacts") continue;
    const run = await ifThere(getRun(tracking, parts[i - 1]!)); // or a name like any other
    if (run === undefined) continue;
    const root = runRoot(await experimentLocation(tracking.state, run.experiment), run.id);
    if (rootPath(root) === parts.slice(0, i + 1).join("/")) return { run: run.id, path: parts.slice(i + 1).join("/") };
  }
  return { run: undefined, path };
}

/** The path of a location in this server's own store; undefined for one elsewhere. */
export function rootPath(location: string): string | undefined {
  const match = /^mlflow-artifacts:(?:\/\/[^/]*)?\/*(.*)$/.exec(location);
  return match?.[1]?.replace(/\/+$/, "");
}

function entryOf(row: FileRow): Entry {
  return { path: row.path, folder: row.digest === null, sizeBytes: row.size_bytes };
}

function joined(above: string, path: string): string {
  return above === "" || above.endsWith("/") ? `${above}${path}` : `${above}/${path}`;
}

function noFile(path: string) {
  return (error: unknown): never => {
    throw error instanceof AppError && error.code === "not_found" ? absent(`No such artifact: '${path}'`) : error;
  };
}

function isFolder(path: string): AppError {
  return invalid(`Artifact path refers to a directory, not a file: '${path}'`);
}
