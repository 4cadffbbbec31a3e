import { localActor } from "#domains/access";
import { holderOf, loadConfig } from "#domains/project";
import { newId } from "#kit/id";
import type { AnyRoute } from "#kit/route";
import type { CommandContext } from "./command.ts";
import { answers } from "./ask-server.ts";
import { overHttp } from "./command-route.ts";
import { openProject } from "./open-project.ts";
import { allRoutes } from "./routes.ts";
import { parse } from "./server.ts";

/** Calls routes one after the other: over the server of the process that holds the project, if there is one, else in this process. */
export interface RouteCaller {
  call(name: string, input: Record<string, unknown>): Promise<unknown>;
  close(): Promise<void>;
}

export async function openCaller(context: CommandContext, purpose: string): Promise<RouteCaller> {
  const { home } = await loadConfig(context.folder, context.environment);
  const address = holderOf(home)?.address;
  if (address !== undefined && (await answers(address))) {
    const token = context.environment["MILLRACE_TOKEN"];
    return { call: (name, input) => overHttp(routeOf(name), input, address, token), close: () => Promise.resolve() };
  }
  const project = await openProject({ ...context, purpose });
  return {
    async call(name, input) {
      const route = routeOf(name);
      return route.handle(project.services as never, parse(route, input), { actor: localActor, requestId: newId(), signal: context.signal });
    },
    close: () => project.close(),
  };
}

function routeOf(name: string): AnyRoute {
  return allRoutes.find((route) => route.name === name)!; // callers name routes of this program
}
