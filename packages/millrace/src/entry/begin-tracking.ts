import type { AnyFlow, RunEvent } from "#domains/pipelines";
import { ensureExperiment, logArtifact, logMetrics, startRun } from "#domains/tracking";
import { describeEnvironment } from "#kit/environment";
import { uncommittedDiff } from "#kit/git";
import { sha256 } from "#kit/hash";
import { maskedCommandLine, maskedEnvironment } from "#kit/masked";
import type { Services } from "./services.ts";
import { diffPath, watchRun, type RunWatch } from "./watch-run.ts";

/** Tracks a flow's run under the ledger's id, with all it takes to know later what ran: code and changes, packages, command line, environment, machine. */
export async function beginTracking(
  { tracking, project }: Pick<Services, "tracking" | "project">,
  event: RunEvent & { type: "run-started" },
  flow: AnyFlow,
): Promise<void> {
  const experiment = await ensureExperiment(tracking, flow.name);
  const { commit, dirty, branch } = event.code;
  const diff = dirty === true ? await uncommittedDiff(project.folder) : undefined;
  const environment = {
    ...describeEnvironment({ projectFolder: project.folder }),
    project: project.config.name,
    commandLine: maskedCommandLine(process.argv),
    variables: maskedEnvironment(process.env),
  };
  await startRun(tracking, {
    ...{ id: event.runId, experiment: experiment.id, name: `${flow.name} ${new Date(event.atMs).toISOString().slice(0, 16).replace("T", " ")}` },
    startedMs: event.atMs,
    params: textParams(event.params),
    tags: event.cause === null ? {} : { cause: event.cause },
    source: { commit, dirty, branch, entry: flow.name, ...(diff && { diff: sha256(diff) }) },
    environment,
  });
  if (diff) await logArtifact(tracking, { run: event.runId, path: diffPath, data: diff, mediaType: "text/x-diff" });
}

/** Watches a run of this process; nothing is kept before the run is there. */
export function watchInStores(
  { tracking, project, log }: Pick<Services, "tracking" | "project" | "log">,
  run: string,
  started: () => Promise<void>,
): RunWatch {
  return watchRun({
    pid: process.pid,
    folder: project.home,
    place: {
      async metrics(points) {
        await started();
        await logMetrics(tracking, { run, metrics: points });
      },
      async artifact(path, data) {
        await started();
        await logArtifact(tracking, { run, path, data, mediaType: "text/plain" });
      },
    },
    onTrouble: (what, error) =>
      log.warn(`${what} could not be kept with the run`, { run, reason: error instanceof Error ? error.message : String(error) }),
  });
}

export function textParams(params: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, typeof value === "string" ? value : (JSON.stringify(value) ?? "")]));
}
