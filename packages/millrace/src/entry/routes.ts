import { mlflowProbeRoutes, mlflowRoutes } from "#compat/mlflow";
import { mlflowScoringRoutes } from "#compat/mlflow-scoring";
import { openInferenceRoutes } from "#compat/open-inference";
import { otlpRoutes } from "#compat/otlp";
import { prometheusRoutes } from "#compat/prometheus";
import { accessRoutes } from "#domains/access";
import { featureRoutes } from "#domains/features";
import { lakeRoutes } from "#domains/lake";
import { lineageRoutes } from "#domains/lineage";
import { monitoringRoutes } from "#domains/monitoring";
import { pipelineRoutes } from "#domains/pipelines";
import { registryRoutes } from "#domains/registry";
import { retrainingRoutes } from "#domains/retraining";
import { servingRoutes } from "#domains/serving";
import { artifactRoutes, experimentRoutes, housekeepingRoutes, metricRoutes, runRoutes, runSearchRoutes } from "#domains/tracking";
import { tracesRoutes } from "#domains/traces";
import { webhookRoutes } from "#domains/webhooks";
import type { AnyRoute } from "#kit/route";
import { garbageRoutes } from "./housekeeping-routes.ts";
import { systemRoutes } from "./system-routes.ts";
import { traceRoutes } from "./trace-routes.ts";
import { versionLineageRoutes } from "./version-lineage-routes.ts";

/** Every operation of Millrace. The server, the client, the command line and the reference are made from this list. */
export const allRoutes: AnyRoute[] = [
  ...systemRoutes,
  ...accessRoutes,
  ...webhookRoutes,
  ...lineageRoutes,
  ...lakeRoutes,
  ...featureRoutes,
  ...pipelineRoutes,
  ...housekeepingRoutes,
  ...garbageRoutes,
  ...artifactRoutes,
  ...experimentRoutes,
  ...runSearchRoutes,
  ...runRoutes,
  ...metricRoutes,
  ...registryRoutes,
  ...servingRoutes,
  ...traceRoutes,
  ...versionLineageRoutes,
  ...tracesRoutes,
  ...monitoringRoutes,
  ...retrainingRoutes,
  ...prometheusRoutes,
  ...openInferenceRoutes,
  ...otlpRoutes,
  ...mlflowScoringRoutes,
  ...mlflowRoutes,
  ...mlflowProbeRoutes,
];
