import { safePath } from "./artifact-path.ts";
import type { Handler, MlflowServices } from "./endpoint.ts";
import { findLoggedModel } from "./logged-model-reads.ts";
import { experimentLocation, runRoot } from "./places.ts";
import { invalid, refusal } from "./protocol.ts";
import { integer, needText, text } from "./request.ts";
import { findRun } from "./runs.ts";

/**
 * Addresses of files outside of this server, for clients that keep their artifacts in a store of their own. Nobody gets one here: files
 * in this server's store have a way that is this server's (`/mlflow-artifacts/…`), and it has no keys to others' stores.
 */
export const presignedUploadUrl: Handler = async (services, fields) => {
  const given = needText(fields, "path");
  const [run, loggedModel] = [text(fields, "run_id"), text(fields, "model_id")];
  if (Boolean(run) === Boolean(loggedModel)) throw invalid("Exactly one of run_id and model_id must be provided.");
  safePath(given);
  integer(fields, "expiration");
  const location = run ? await locationOf(services, run) : (await findLoggedModel(services.tracking, loggedModel!)).location; // one of them is there
  throw refused("upload", location, "proxied artifact storage", "a direct cloud storage artifact URI");
};

export const presignedDownloadUrl: Handler = async (services, fields) => {
  const run = needText(fields, "run_id");
  safePath(needText(fields, "path"));
  const seconds = integer(fields, "expiration") ?? 300;
  if (seconds < 1 || seconds > 604_800) throw invalid(`expiration must be between 1 and 604800 seconds (got ${seconds}).`);
  throw refused("download", await locationOf(services, run), "runs with proxied artifact storage", "a run with a direct cloud storage artifact URI");
};

async function locationOf({ tracking }: MlflowServices, id: string): Promise<string> {
  const run = await findRun(tracking, id);
  return runRoot(await experimentLocation(tracking.state, run.experiment), run.id);
}

function refused(what: "upload" | "download", location: string, where: string, wanted: string): Error {
  const scheme = location.split(":")[0]!; // split gives at least one part
  if (!["http", "https", "mlflow-artifacts"].includes(scheme))
    return refusal("NOT_IMPLEMENTED", `Presigned ${what} is not supported for the current artifact repository`);
  return invalid(`Presigned ${what} is not supported for ${where} (artifact URI scheme: ${scheme}). This endpoint requires ${wanted}.`);
}
