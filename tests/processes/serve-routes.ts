/** A real server with some routes only, for tests of protocols. */
import { startServer, type RunningServer } from "#entry/server";
import { silentLog } from "#kit/log";
import type { AnyRoute } from "#kit/route";

/** Answers on a free port of loopback, where nobody needs a token. */
export function serveRoutes(routes: AnyRoute[], services: object): Promise<RunningServer> {
  const login = { actorOf: async () => undefined, hasTokens: async () => false };
  return startServer({ routes, services, host: "127.0.0.1", port: 0, version: "0", log: silentLog, ...login });
}
