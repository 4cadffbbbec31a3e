import { z } from "zod";
import { route } from "#kit/route";
import { expositionType, writeExposition } from "./exposition.ts";
import { projectFamilies, type ProjectSources } from "./project-families.ts";
import type { Metrics } from "./recorder.ts";

const prometheusRoute = route<ProjectSources & { metrics: Metrics }>();

export const prometheusRoutes = [
  prometheusRoute({
    name: "metrics.show",
    method: "GET",
    path: "/metrics",
    summary: "Metrics of the process and the project, in Prometheus' text format.",
    permission: "project:read",
    input: z.object({}),
    produces: expositionType,
    errors: [],
    cli: false,
    async handle(services) {
      const families = [...services.metrics.families(), ...(await projectFamilies(services))];
      return { contentType: expositionType, body: writeExposition(families) };
    },
  }),
];
