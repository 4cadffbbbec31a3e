import type { AnyRoute } from "#kit/route";
import { safePath } from "./artifact-path.ts";
import { getFile, rootPath } from "./artifact-tree.ts";
import { fileAnswer } from "./file-answer.ts";
import { type FileHandler, fileRoute } from "./file-route.ts";
import type { MlflowServices } from "./endpoint.ts";
import { experimentLocation, runRoot } from "./places.ts";
import { invalid } from "./protocol.ts";
import { findVersion, needModel, needVersion } from "./registry-reads.ts";
import { needText } from "./request.ts";
import { findRun } from "./runs.ts";

/** A file of a version, for pages and for clients without a way of their own to the store. */
const download: FileHandler = async (services, _path, given) => {
  const { model, version, location } = await findVersion(services, needModel(given), needVersion(given));
  const path = safePath(needText(given, "path"));
  const folder = await folderOf(services, location);
  if (folder === undefined)
    throw invalid(`The files of version ${version} of ${model} are at ${location}, which this server does not read. Use a client there.`);
  return fileAnswer(await getFile(services.tracking, `${folder}/${path}`), given.headers);
};

/** The path of a version's files in this server's own store; undefined where they are elsewhere. */
async function folderOf({ tracking }: MlflowServices, location: string): Promise<string | undefined> {
  const ofRun = /^runs:\/([^/]+)\/(.+)$/.exec(location);
  if (ofRun === null) return rootPath(location);
  const run = await findRun(tracking, ofRun[1]!); // both groups are there
  const root = rootPath(runRoot(await experimentLocation(tracking.state, run.experiment), run.id));
  return root === undefined ? undefined : `${root}/${safePath(ofRun[2]!)}`;
}

export const versionFileRoutes: AnyRoute[] = [fileRoute("GET", "/model-versions/get-artifact", "project:read", download)];
