import { basename, resolve } from "node:path";
import { holderOf, loadConfig } from "#domains/project";
import { AppError } from "#kit/app-error";
import { manyArgument, textOption, type CommandContext, type CommandModule } from "./command.ts";
import { usage } from "./command-line.ts";
import { openProject } from "./open-project.ts";
import { serveProject } from "./serve-project.ts";
import { trackProgram } from "./track-program.ts";

export const command: CommandModule["command"] = async (context) => {
  const { terminal, environment } = context;
  const words = manyArgument(context, 0);
  if (words.length === 0) throw usage("There is no program to run.", "millrace track -- python train.py");
  const folder = resolve(".");
  const server = await serverOf(context);
  try {
    const tracked = await trackProgram({
      ...{ address: server.address, token: environment["MILLRACE_TOKEN"], command: words, folder, environment },
      experiment: textOption(context, "experiment") ?? environment["MLFLOW_EXPERIMENT_NAME"] ?? basename(folder),
      name: textOption(context, "name"),
      tags: tagsOf(context),
      stdout: terminal.json ? process.stderr : process.stdout,
      stderr: process.stderr,
      onStart: ({ id }) => terminal.note(`Tracked as run ${id} at ${server.address}`),
      onTrouble: (line) => terminal.note(`warning: ${line}`),
    });
    if (terminal.json) terminal.result(tracked, "");
    else terminal.note(`Run ${tracked.run} ${tracked.status}. Look at it: millrace runs details ${tracked.run}`);
    return tracked.exit;
  } finally {
    await server.close();
  }
};

/** The server that is named, or runs for the project; else one for as long as the program runs. */
async function serverOf(context: CommandContext): Promise<{ address: string; close(): Promise<void> }> {
  const named = textOption(context, "server") ?? context.environment["MILLRACE_SERVER"];
  if (named !== undefined) {
    if (!/^https?:\/\//.test(named) || !URL.canParse(named))
      throw usage(`--server is "${named}", which is no address.`, "Write --server http://127.0.0.1:4040");
    return { address: named.replace(/\/+$/, ""), close: async () => undefined };
  }
  const { home } = await loadConfig(context.folder, context.environment);
  const holder = holderOf(home);
  if (holder?.address !== undefined) return { address: holder.address, close: async () => undefined };
  const project = await openProject({ ...context, withoutDefinitions: true, purpose: "millrace track" });
  const ending = new AbortController();
  try {
    const server = await serveProject(project, { host: "127.0.0.1", port: 0, signal: ending.signal });
    return {
      address: server.address,
      async close() {
        ending.abort();
        await server.done;
        await project.close();
      },
    };
  } catch (error) {
    await project.close();
    throw error;
  }
}

function tagsOf(context: CommandContext): Record<string, string> {
  const given = context.options["tag"];
  const pairs = (Array.isArray(given) ? given : []).map((pair: unknown) => /^([^=]+)=(.*)$/s.exec(String(pair)) ?? refuse(String(pair)));
  return Object.fromEntries(pairs.map(([, name, value]) => [name!, value!]));
}

function refuse(pair: string): never {
  throw new AppError("invalid_argument", `--tag is "${pair}", which is no name=value.`, { hint: "Write --tag owner=ana" });
}
