import { z } from "zod";
import { route } from "#kit/route";
import type { Services } from "./services.ts";
import { lineageText, versionLineage } from "./version-lineage.ts";

/** Crosses the domains, as tracing a prediction does. */
export const versionLineageRoutes = [
  route<Services>()({
    name: "models.lineage",
    method: "GET",
    path: "/api/models/{model}/versions/{version}/lineage",
    summary: "Show what a version came from (run, data, sources) and where it went: aliases it held, endpoints, batches of scores.",
    permission: "project:read",
    input: z.object({ model: z.string(), version: z.string().describe("a number, an alias or `latest`") }),
    output: z.object({
      model: z.string(),
      version: z.number(),
      digest: z.string(),
      run: z
        .object({
          id: z.string(),
          experiment: z.string(),
          name: z.string(),
          startedMs: z.number(),
          commit: z.string().nullable(),
          dirty: z.boolean().nullable(),
          deleted: z.boolean(),
        })
        .nullable(),
      data: z.array(z.object({ table: z.string(), version: z.number(), digest: z.string().optional() })),
      trainingSets: z.array(z.string()),
      featureViews: z.array(z.string()),
      sqlModels: z.array(z.string()),
      tables: z.array(z.string()),
      sources: z.array(z.string()),
      aliases: z.array(z.object({ alias: z.string(), fromMs: z.number(), untilMs: z.number().nullable(), actor: z.string(), reason: z.string() })),
      endpoints: z.array(z.object({ name: z.string(), follows: z.string().nullable(), role: z.enum(["serving", "shadow", "named", "past"]) })),
      batches: z.array(z.object({ table: z.string(), version: z.number(), of: z.string(), rows: z.number().nullable(), atMs: z.number() })),
    }),
    errors: ["not_found"],
    cli: { positional: ["model", "version"], text: lineageText },
    handle: (services, { model, version }) => versionLineage(services, model, version),
  }),
];
