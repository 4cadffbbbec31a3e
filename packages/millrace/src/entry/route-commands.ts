import { routeCommandTexts } from "#generated/route-commands";
import type { CommandEntry } from "./command-table.ts";

/** The commands that are single calls of the API. Their texts are generated, so that help needs no route to be loaded. */
export const routeCommands: CommandEntry[] = routeCommandTexts.map(({ route, words, summary, args, options }) => ({
  words,
  summary,
  ...(args !== "" && { args }),
  options: options.map(([flags, description]) => [flags, description]),
  load: async () => (await import("./command-route.ts")).routeCommand(route),
}));
