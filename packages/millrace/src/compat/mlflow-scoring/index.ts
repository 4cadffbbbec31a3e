/** The protocol of MLflow's scoring server: its client, and tools that speak it such as SageMaker's, unchanged. */
export { mlflowScoringRoutes } from "./routes.ts";
