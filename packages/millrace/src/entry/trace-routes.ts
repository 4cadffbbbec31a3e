import { z } from "zod";
import type { EndpointDesk } from "#domains/serving";
import { route } from "#kit/route";
import type { Services } from "./services.ts";
import { tracePrediction, traceText, type FullTrace } from "./trace-prediction.ts";

const input = z.looseObject({ name: z.string(), value: z.union([z.number(), z.string(), z.null()]), from: z.enum(["row", "caller", "feature"]) });

/** The one operation that crosses all domains: from a prediction back to its sources. */
export const traceRoutes = [
  route<Services & { serving: EndpointDesk }>()({
    name: "predictions.trace",
    method: "GET",
    path: "/api/predictions/{id}/trace",
    summary: "Trace a prediction: version, run, commit, parameters, each value with the time it was known, and the columns behind it.",
    permission: "predictions:read",
    input: z.object({ id: z.string() }),
    output: z.object({
      id: z.string(),
      endpoint: z.string(),
      key: z.string(),
      time: z.string(),
      score: z.number(),
      source: z.enum(["stream", "http"]),
      verified: z.object({ score: z.number(), equal: z.boolean() }),
      model: z.object({ name: z.string(), version: z.number(), digest: z.string(), aliases: z.array(z.string()), gate: z.string() }),
      run: z
        .object({
          id: z.string(),
          started: z.string(),
          commit: z.string().nullable(),
          dirty: z.boolean().nullable(),
          params: z.record(z.string(), z.string()),
        })
        .nullable(),
      data: z.array(z.object({ table: z.string(), version: z.number() })),
      inputs: z.array(input),
      sqlModels: z.array(z.string()),
    }),
    errors: ["invalid_argument", "not_found"],
    cli: { words: "trace", positional: ["id"], text: (trace) => traceText(trace as FullTrace) }, // made by the handler below
    handle: (services, { id }) => tracePrediction(services, services.serving, id),
  }),
];
