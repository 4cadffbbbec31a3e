/** What happened to predictions: outcomes joined to them, live metrics by day, drift of their inputs, skew of their features. */
export { checkSkew, type FeatureSkew, type SkewReport, type SkewRequest, type SkewServices } from "./check-skew.ts";
export { dayReport } from "./day-report.ts";
export { dailyDrift, dailyMetrics, liveAuc, versionAuc, windowProfile, windowStart, type LiveWindow, type Window } from "./live-metrics.ts";
export { monitoringMigrations } from "./migrations.ts";
export {
  dailyMetricsSchema,
  dayDriftSchema,
  dayMs,
  joinedTable,
  type CloseCounts,
  type DailyMetrics,
  type DataQuality,
  type DayDrift,
  type DayReport,
  type FeatureDrift,
  type MonitorReference,
  type ReferenceOf,
} from "./model.ts";
export { openMonitor, type Monitor, type MonitorOptions } from "./open-monitor.ts";
export { registryReference } from "./registry-reference.ts";
export { monitoringRoutes } from "./routes.ts";
export { lastClose, monitoredEndpoints, totalCounts } from "./store.ts";
