import { parentPort } from "node:worker_threads";
import { toAppError } from "#kit/app-error";
import { joinView, type ViewJob } from "./join-view.ts";

/** A thread that joins one view after another; the values arrive in the shared memory of the job. */
parentPort?.on("message", (job: ViewJob) => {
  try {
    joinView(job);
    parentPort?.postMessage({ done: true });
  } catch (error) {
    parentPort?.postMessage({ error: toAppError(error).toJSON() });
  }
});
