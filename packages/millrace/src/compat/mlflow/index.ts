/** MLflow's REST protocol over tracking, registry and artifacts: its clients of 2.x and 3.x, unchanged. */
export { mlflowBlobs } from "./blob-references.ts";
export { forgetExperiments, forgetRuns } from "./forget.ts";
export { mlflowMigrations } from "./migrations.ts";
export { mlflowRoutes } from "./routes.ts";
export { mlflowProbeRoutes } from "./server.ts";
