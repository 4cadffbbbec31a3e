import type { AnyRoute } from "#kit/route";
import { artifactRoutes } from "./artifacts.ts";
import { experimentRoutes } from "./experiments.ts";
import { graphqlRoutes } from "./graphql.ts";
import { inputRoutes } from "./inputs.ts";
import { issueRoutes } from "./issues.ts";
import { loggedModelRoutes } from "./logged-models.ts";
import { logRoutes } from "./log.ts";
import { metricRoutes } from "./metrics.ts";
import { modelRoutes } from "./models.ts";
import { runRoutes } from "./runs.ts";
import { searchRoutes } from "./search.ts";
import { mlflowTraceRoutes } from "./traces.ts";
import { versionFileRoutes } from "./version-files.ts";
import { versionRoutes } from "./versions.ts";
import { mlflowWebhookRoutes } from "./webhooks.ts";
import { otherRoutes, serverRoutes } from "./server.ts";

export const mlflowRoutes: AnyRoute[] = [
  ...experimentRoutes,
  ...runRoutes,
  ...logRoutes,
  ...metricRoutes,
  ...searchRoutes,
  ...inputRoutes,
  ...artifactRoutes,
  ...loggedModelRoutes,
  ...modelRoutes,
  ...versionRoutes,
  ...mlflowTraceRoutes,
  ...issueRoutes,
  ...versionFileRoutes,
  ...mlflowWebhookRoutes,
  ...graphqlRoutes,
  ...serverRoutes,
  ...otherRoutes,
];
