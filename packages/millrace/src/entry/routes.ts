import { accessRoutes } from "#domains/access";
import type { AnyRoute } from "#kit/route";
import { systemRoutes } from "./system-routes.ts";

/** Every operation of Millrace. The server, the client, the command line and the reference are made from this list. */
export const allRoutes: AnyRoute[] = [...systemRoutes, ...accessRoutes];
