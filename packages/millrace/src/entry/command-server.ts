import { textOption, type CommandContext, type CommandModule } from "./command.ts";
import { usage } from "./command-line.ts";
import { openProject } from "./open-project.ts";
import { serveProject } from "./serve-project.ts";

export const command: CommandModule["command"] = async (context) => {
  const project = await openProject({ ...context, purpose: "millrace server" });
  try {
    const host = textOption(context, "host");
    const server = await serveProject(project, { signal: context.signal, ...(host !== undefined && { host }), ...portOption(context) });
    context.terminal.note(
      `Millrace serves ${project.services.project.config.name} at ${server.address} (API: ${server.address}/openapi.json). Stop it with Ctrl-C.`,
    );
    await server.done;
    return 0; // being stopped is how a server ends
  } finally {
    await project.close();
  }
};

/** `--port` as a number. */
export function portOption(context: CommandContext): { port?: number } {
  const text = textOption(context, "port");
  if (text === undefined) return {};
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw usage(`--port is "${text}", which is no port.`, "Give a number from 0 (any free one) to 65535.");
  return { port };
}
