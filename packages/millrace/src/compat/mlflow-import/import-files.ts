import { createHash } from "node:crypto";
import { anyLoggedModel, experimentLocation, getFile, putFile, rootPath, runRoot } from "#compat/mlflow";
import { adoptArtifact, artifactKey, checkArtifactPath, getArtifact, getRun } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { type ImportContext, newItem } from "./import-context.ts";
import { itemsOf, saveItems } from "./ledger.ts";
import { conflict, orProblem } from "./report.ts";
import type { ArtifactFile, ArtifactOwner } from "./source.ts";

const filesAtOnce = 8;

/** Where the files of something go here. */
interface Target {
  /** What stands at a path. */
  find(path: string): Promise<{ digest: string; sizeBytes: number } | undefined>;
  put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void>;
}

/** Copies the files of a run, logged model or version, and compares every one, byte by byte, with what was stored. */
export async function importFiles(
  context: ImportContext,
  owner: ArtifactOwner,
  target: (context: ImportContext) => Promise<Target | undefined>,
): Promise<void> {
  const { source, report, here, dryRun, artifacts } = context;
  if (!artifacts || owner.location === "") return;
  const id = `${owner.kind} ${owner.id}`;
  const why = source.unreachable(owner.location);
  if (why !== undefined) return leave(context, id, why);
  const counts = report.kinds.files;
  const item = (await itemsOf(here.tracking.state, source.origin, "files", [id])).get(id);
  const { stamp, files, sizeBytes } = await survey(context, owner);
  if (files === 0) return;
  counts.found += files;
  report.bytes += sizeBytes;
  if (item?.stamp === stamp && item.digest !== null && !context.recheck) {
    counts.unchanged += files;
    return;
  }
  if (dryRun) {
    counts.new += files;
    return;
  }
  const place = await target(context);
  if (place === undefined) return leave(context, id, `its experiment's files stay where they are, and its own are not among them`);
  const { state } = here.tracking;
  if (item === undefined) await saveItems(state, source.origin, [newItem(context, "files", id, stamp, null)]);
  const before = counts.left;
  const total = createHash("sha256");
  let waiting: Promise<unknown>[] = [];
  for await (const file of source.files(owner).list()) {
    context.signal.throwIfAborted();
    total.update(`${file.path}\n${file.sizeBytes}\n`);
    waiting.push(orProblem(report, "files", `${id}/${file.path}`, () => copy(context, place, file, item?.digest === null)));
    if (waiting.length < filesAtOnce) continue;
    await Promise.all(waiting);
    waiting = [];
    context.progress(`${counts.new} files, ${Math.round(report.bytes / 1e6)} MB`);
  }
  await Promise.all(waiting);
  if (counts.left === before) await saveItems(state, source.origin, [newItem(context, "files", id, stamp, total.digest("hex"))]);
}

/** What there is, before anything is copied. */
async function survey({ source, signal }: ImportContext, owner: ArtifactOwner): Promise<{ stamp: string; files: number; sizeBytes: number }> {
  const stamp = createHash("sha256");
  let [files, sizeBytes] = [0, 0];
  for await (const file of source.files(owner).list()) {
    signal.throwIfAborted();
    stamp.update(`${file.path}\n${file.sizeBytes}\n${file.stamp}\n`);
    files++;
    sizeBytes += file.sizeBytes;
  }
  return { stamp: stamp.digest("hex"), files, sizeBytes };
}

async function copy(context: ImportContext, target: Target, file: ArtifactFile, begun: boolean): Promise<void> {
  const { report, here } = context;
  const counts = report.kinds.files;
  checkArtifactPath(file.path);
  const standing = await target.find(file.path);
  if (standing !== undefined) {
    if (standing.sizeBytes === file.sizeBytes && (await digestOf(file.bytes())) === standing.digest) {
      counts.unchanged++;
      report.verified.files = (report.verified.files ?? 0) + 1;
      return;
    }
    if (!begun) throw conflict(`Another file stands at ${file.path} here.`, "Delete the one that is not wanted, and run the import again.");
  }
  const meter = createHash("sha256");
  await target.put(
    file.path,
    metered(file.bytes(), (chunk) => meter.update(chunk)),
  );
  const digest = meter.digest("hex");
  const stored = await target.find(file.path);
  if (stored?.digest !== digest || (await digestOf(await here.tracking.blobs.get(artifactKey(digest)))) !== digest)
    throw new AppError("corrupt_data", `What was stored of ${file.path} is not what was read.`, {
      hint: "Look after the disk, and run the import again.",
    });
  counts[standing === undefined ? "new" : "updated"]++;
  report.verified.files = (report.verified.files ?? 0) + 1;
}

/** The artifacts of a run; none where its experiment's files stay elsewhere. */
export async function runTarget({ here, scratchFolder }: ImportContext, run: string): Promise<Target | undefined> {
  const { tracking } = here;
  const { experiment } = await getRun(tracking, run);
  if (rootPath(runRoot(await experimentLocation(tracking.state, experiment), run)) === undefined) return undefined;
  return {
    async find(path) {
      const artifact = await getArtifact(tracking, { run, path }).catch(notThere);
      return artifact && { digest: artifact.digest ?? "", sizeBytes: artifact.sizeBytes };
    },
    put: (path, stream) => adoptArtifact(tracking, { run, path, data: { stream, scratchFolder } }),
  };
}

/** The files of a logged model; none where its experiment's files stay elsewhere. */
export async function loggedModelTarget(context: ImportContext, id: string): Promise<Target | undefined> {
  const model = await anyLoggedModel(context.here.tracking.state, id);
  const root = model && rootPath(model.location);
  return root === undefined ? undefined : folderTarget(context, root);
}

/** A folder that no run has. */
export function folderTarget({ here: { tracking }, scratchFolder }: ImportContext, root: string): Target {
  return {
    async find(path) {
      const file = await getFile(tracking, `${root}/${path}`).catch(notThere);
      return file && { digest: file.content, sizeBytes: file.sizeBytes };
    },
    put: (path, stream) => putFile(tracking, `${root}/${path}`, { stream, scratchFolder }),
  };
}

/** Told once for all that have the same reason. */
function leave({ report }: ImportContext, id: string, why: string): void {
  const told = report.problems.find((each) => each.problem === "files left" && each.why.endsWith(`: ${why}.`));
  if (told !== undefined) {
    told.count = (told.count ?? 1) + 1;
    return;
  }
  report.problems.push({
    problem: "files left",
    ...{ kind: "files", id, why: `Its files are left where they are: ${why}.`, remedy: "Clients go on to read them there." },
  });
}

async function digestOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest("hex");
}

async function* metered(bytes: AsyncIterable<Uint8Array>, add: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    add(chunk);
    yield chunk;
  }
}

function notThere(error: unknown): undefined {
  if (error instanceof AppError && error.code === "not_found") return undefined;
  throw error;
}
