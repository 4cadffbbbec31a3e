import { watch } from "node:fs";
import { spawn, type ChildProcess } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { AnyFlow } from "#domains/pipelines";
import { definitionsOf } from "#domains/project";
import { modelNames } from "#domains/registry";
import { textOption, type CommandContext, type CommandModule } from "./command.ts";
import { executeFlow } from "./execute-flow.ts";
import { openProject } from "./open-project.ts";
import { buildProject, ingestSources } from "./prepare-data.ts";
import { showRun } from "./run-events.ts";
import { serveProject } from "./serve-project.ts";
import { portOption } from "./command-server.ts";
import { openStages } from "./stages.ts";
import { dataSummary, modelsSummary } from "./summaries.ts";
import { writeTypes } from "./write-types.ts";

/** Set in the process that does the work; the one without it watches the files and starts that one anew. */
const workerMark = "MILLRACE_DEV_WORKER";

export const command: CommandModule["command"] = (context) =>
  context.environment[workerMark] === undefined ? watchProject(context) : workOnce(context);

/** Ingests, builds and trains what changed, then serves until it is stopped. */
async function workOnce(context: CommandContext): Promise<number> {
  const { terminal, signal } = context;
  const project = await openProject({ ...context, purpose: "millrace dev" });
  try {
    const { services } = project;
    const stages = openStages(terminal);
    await stages.run("ingest", async (onProgress) => dataSummary(await ingestSources(services, { signal, onProgress })));
    await stages.run("models", async (onProgress) => modelsSummary(await buildProject(services, { signal, onProgress })));
    await writeTypes(services);
    if ((await modelNames(services.registry)).length === 0) {
      for (const flow of definitionsOf<AnyFlow & { name: string }>(services.project, "flow"))
        await executeFlow(services, flow, { signal, onEvent: showRun(terminal) });
    }
    const server = await serveProject(project, { signal, ...portOption(context) });
    terminal.note(`Serving at ${server.address}; files are watched. Stop it with Ctrl-C.`);
    await server.done;
    return 0; // being stopped is how a server ends
  } finally {
    await project.close();
  }
}

/** Runs the work in a process of its own, and starts it anew when a definition or SQL file changes. */
async function watchProject(context: CommandContext): Promise<number> {
  const { terminal, signal, folder } = context;
  let changed = true;
  let child: ChildProcess | undefined;
  let wake = () => undefined as void;
  const watcher = watch(resolve(folder), { recursive: true, signal }, (_event, file) => {
    if (file === null || !/\.(ts|sql)$/.test(file) || /node_modules|\.millrace|models[/\\]handles\.ts$/.test(file)) return;
    changed = true;
    terminal.note(`${file} changed`);
    child?.kill("SIGTERM");
    wake();
  });
  watcher.on("error", () => undefined); // aborted: the loop below ends
  while (!signal.aborted) {
    changed = false;
    child = start(context);
    const stop = () => child?.kill("SIGTERM");
    signal.addEventListener("abort", stop, { once: true });
    await new Promise<void>((ended) => child!.once("exit", () => ended()));
    signal.removeEventListener("abort", stop);
    if (!changed && !signal.aborted) {
      terminal.note("waiting for a file to change");
      await new Promise<void>((woken) => {
        wake = woken;
        signal.addEventListener("abort", () => woken(), { once: true });
      });
    }
  }
  return 0;
}

function start(context: CommandContext): ChildProcess {
  const main = fileURLToPath(import.meta.url).endsWith(".ts") ? fileURLToPath(new URL("./cli.ts", import.meta.url)) : process.argv[1]!;
  const port = textOption(context, "port");
  return spawn(process.execPath, [main, "-C", resolve(context.folder), "dev", ...(port === undefined ? [] : ["--port", port])], {
    stdio: "inherit",
    env: { ...context.environment, [workerMark]: "1" },
  });
}
