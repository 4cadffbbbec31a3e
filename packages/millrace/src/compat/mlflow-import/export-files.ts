import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { filesBelow } from "#compat/mlflow";
import { artifactKey, listArtifacts, type TrackingServices } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { orProblem, type TransferReport } from "./report.ts";

const namesPerRead = 1_000;

/** A file here: its path below its root, and what names its bytes. */
export interface FileHere {
  path: string;
  content: string;
  sizeBytes: number;
}

/** All files of a run. */
export async function* runFiles(tracking: TrackingServices, run: string): AsyncGenerator<FileHere> {
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (let after = ""; ;) {
      const page = await listArtifacts(tracking, { run, folder, after, limit: namesPerRead });
      for (const { path, content, sizeBytes } of page) {
        if (content === undefined) folders.push(path);
        else yield { path, content, sizeBytes };
      }
      if (page.length < namesPerRead) break;
      after = page.at(-1)!.path.split("/").at(-1)!; // a full page has a last one
    }
  }
}

/** All files below a folder that no run has. */
export async function* folderFiles(tracking: TrackingServices, root: string): AsyncGenerator<FileHere> {
  for (const { path, content, sizeBytes } of await filesBelow(tracking, root)) yield { path: path.slice(root.length + 1), content, sizeBytes };
}

/** Writes files into a folder, each read back and compared with its digest. */
export async function exportFiles(
  { blobs }: TrackingServices,
  report: TransferReport,
  { id, files, place, dryRun }: { id: string; files: AsyncIterable<FileHere>; place: (path: string) => string; dryRun: boolean },
): Promise<void> {
  for await (const file of files) {
    report.kinds.files.found++;
    report.bytes += file.sizeBytes;
    report.kinds.files.new++;
    if (dryRun) continue;
    await orProblem(report, "files", `${id}/${file.path}`, async () => {
      const path = place(file.path);
      const written = await writeFile(path, await blobs.get(artifactKey(file.content)));
      const digest = createHash("sha256");
      for await (const chunk of createReadStream(path)) digest.update(chunk as Uint8Array); // no encoding is set
      const read = digest.digest("hex");
      if (read !== written || (/^[0-9a-f]{64}$/.test(file.content) && read !== file.content))
        throw new AppError("corrupt_data", `What was written to ${path} is not what was read.`, { hint: "Look after the disk, and export again." });
      report.verified.files = (report.verified.files ?? 0) + 1;
    });
  }
}

async function writeFile(path: string, bytes: AsyncIterable<Uint8Array>): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const digest = createHash("sha256");
  const file = await open(path, "w");
  try {
    for await (const chunk of bytes) {
      digest.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return digest.digest("hex");
}
