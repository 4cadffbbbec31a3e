/** OpenTelemetry's protocol (OTLP over HTTP) over traces: any program that sends spans, unchanged. */
export { otlpRoutes } from "./routes.ts";
