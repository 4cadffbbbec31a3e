/** Prometheus: `GET /metrics`, and what records what a process does. */
export { expositionType, writeExposition, type Family, type HistogramSample, type Labels, type Sample } from "./exposition.ts";
export { createMetrics, type Metrics } from "./recorder.ts";
export { type ProjectSources } from "./project-families.ts";
export { prometheusRoutes } from "./routes.ts";
