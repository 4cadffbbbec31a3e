import { paramsFromText, type AnyFlow } from "#domains/pipelines";
import { definitionOf } from "#domains/project";
import { textArgument, textOption, type CommandModule } from "./command.ts";
import { usage } from "./command-line.ts";
import { executeFlow } from "./execute-flow.ts";
import { openProject } from "./open-project.ts";
import { buildProject, ingestSources } from "./prepare-data.ts";
import { gateError, isRegistered } from "./registered-result.ts";
import { showRun } from "./run-events.ts";
import { openStages } from "./stages.ts";
import { dataSummary, modelsSummary } from "./summaries.ts";

export const command: CommandModule["command"] = async (context) => {
  const { terminal, signal, options } = context;
  const { services, close } = await openProject({ ...context, purpose: "millrace run" });
  try {
    const flow = definitionOf<AnyFlow & { name: string }>(services.project, "flow", textArgument(context, 0));
    const params = paramsFromText(flow, namedValues(options["param"]));
    const stages = openStages(terminal);
    await stages.run("ingest", async (onProgress) => dataSummary(await ingestSources(services, { signal, onProgress })));
    await stages.run("models", async (onProgress) => modelsSummary(await buildProject(services, { signal, onProgress })));
    const resume = textOption(context, "resume");
    const run = await executeFlow(services, flow, {
      params,
      ...(resume !== undefined && { resume }),
      fresh: options["fresh"] === true,
      signal,
      onEvent: showRun(terminal),
    });
    const summary = `run ${run.runId}${run.resumed ? " (taken up)" : ""}: ${run.steps.ran} steps ran, ${run.steps.cached} from the cache, ${stages.seconds().toFixed(1)} s`;
    terminal.result(run, `${summary}\n  millrace runs show ${run.runId} · millrace why ${run.runId} fit`);
    if (isRegistered(run.result) && run.result.verdict !== "passed") throw gateError(run.result);
  } finally {
    await close();
  }
};

/** `["until=2001-06-01"]` as an object. */
function namedValues(given: unknown): Record<string, string> {
  const pairs = Array.isArray(given) ? given.map(String) : [];
  const odd = pairs.find((pair) => !pair.includes("="));
  if (odd !== undefined) throw usage(`"${odd}" is no parameter.`, "Write it as name=value: --param until=2001-06-01");
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}
