import { z } from "zod";
import { millraceVersion } from "#kit/environment";
import { route } from "#kit/route";
import type { Services } from "./services.ts";

/** Operations about the process itself. */
export const systemRoutes = [
  route<Services>()({
    name: "system.health",
    method: "GET",
    path: "/api/health",
    summary: "Say that the server is up, of which project and version. `/health` answers `OK` to anybody.",
    permission: "public",
    input: z.object({}),
    output: z.object({ status: z.literal("ok"), project: z.string(), version: z.string() }),
    errors: [],
    cli: false,
    handle: async ({ project }) => ({ status: "ok" as const, project: project.config.name, version: millraceVersion() }),
  }),
];
