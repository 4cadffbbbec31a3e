import { holderOf, loadConfig } from "#domains/project";
import { AppError } from "#kit/app-error";
import { schemaOf } from "#kit/open-api";
import { isRawAnswer, pathParameters, type AnyRoute } from "#kit/route";
import { localActor } from "#domains/access";
import { newId } from "#kit/id";
import { textTable } from "#kit/text-table";
import { answers, openAsked } from "./ask-server.ts";
import type { CommandContext, CommandModule } from "./command.ts";
import { openProject } from "./open-project.ts";
import { allRoutes } from "./routes.ts";
import { parse } from "./server.ts";

/** The command of a route: over the server of the process that holds the project, if there is one, else in this process. */
export function routeCommand(name: string): CommandModule {
  return {
    async command(context) {
      const route = allRoutes.find((candidate) => candidate.name === name);
      if (!route) throw new AppError("internal", `There is no route ${name}; the generated files are out of date.`, { hint: "npm run generate" });
      const input = inputOf(route, context);
      await answer(route, input, context);
    },
  };
}

async function answer(route: AnyRoute, input: Record<string, unknown>, context: CommandContext): Promise<void> {
  const { home } = await loadConfig(context.folder, context.environment);
  const address = holderOf(home)?.address;
  if (address !== undefined && route.method !== "GET" && (await answers(address)))
    return print(route, await overHttp(route, input, address, context.environment["MILLRACE_TOKEN"]), context);
  const project = await openProject({ ...context, readOnly: route.method === "GET", purpose: `millrace ${route.name}` });
  try {
    const request = { actor: localActor, requestId: newId(), signal: context.signal };
    await print(route, await route.handle(project.services as never, parse(route, input), request), context); // streams read the stores as they go
  } finally {
    await project.close();
  }
}

async function print(route: AnyRoute, given: unknown, { terminal }: CommandContext): Promise<void> {
  if (!isRawAnswer(given)) return terminal.result(given, textOf(route, given));
  const { body } = given;
  if (typeof body === "string") return terminal.result(given, body);
  await terminal.stream(body instanceof Uint8Array ? [body] : body);
}

export async function overHttp(route: AnyRoute, input: Record<string, unknown>, address: string, token: string | undefined): Promise<unknown> {
  const inPath = new Set(pathParameters(route.path));
  const rest = Object.fromEntries(Object.entries(input).filter(([name]) => !inPath.has(name)));
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(input[name])));
  const query =
    route.method === "DELETE"
      ? `?${new URLSearchParams(Object.entries(rest).map(([name, value]): [string, string] => [name, String(value)])).toString()}`
      : "";
  const ask = openAsked(address, { token });
  const body = route.method === "DELETE" ? undefined : JSON.stringify(rest);
  return (await ask(route.method, `${path}${query}`, body, "application/json")).json();
}

/** Arguments and options as the route's input, with texts read as the types the schema asks for. */
function inputOf(route: AnyRoute, context: CommandContext): Record<string, unknown> {
  const { properties = {} } = schemaOf(route.input, "input") as { properties?: Record<string, { type?: string }> };
  const cli = route.cli === false ? undefined : route.cli;
  const input: Record<string, unknown> = { ...context.options };
  (cli?.positional ?? []).forEach((name, i) => {
    if (context.args[i] !== undefined) input[name] = context.args[i];
  });
  for (const [name, value] of Object.entries(input)) {
    const type = properties[name]?.type;
    if (typeof value === "string" && (type === "number" || type === "integer")) input[name] = Number(value);
    if (typeof value === "string" && type === "object") input[name] = jsonOption(name, value);
    if (Array.isArray(value) && value.length === 0) delete input[name];
  }
  return input;
}

function jsonOption(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError("invalid_argument", `--${name} is not JSON: ${text}`, { cause: error, hint: `Such as: --${name} '{"team":"air"}'` });
  }
}

function textOf(route: AnyRoute, answer: unknown): string {
  const cli = route.cli === false ? undefined : route.cli;
  if (cli?.text) return cli.text(answer as never);
  const object = answer as Record<string, unknown>;
  const rows = cli?.rows ? object[cli.rows] : undefined;
  if (Array.isArray(rows)) return textTable(rows as Record<string, unknown>[], cli?.columns);
  return textTable(Object.entries(object).map(([field, value]) => ({ field, value })));
}
