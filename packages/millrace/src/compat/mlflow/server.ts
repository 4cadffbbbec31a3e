import type { AnyRoute, RawAnswer } from "#kit/route";
import { endpoint, under } from "./endpoint.ts";
import { refusal } from "./protocol.ts";

/** What the client of another program's version has to be told: the version whose protocol this is. */
const protocolVersion = "3.17.2";

/** What newer clients ask first: which ways of moving files there are. */
const infoRoutes = endpoint(
  "GET",
  "server-info",
  "public",
  async ({ tracking }) => ({
    store_type: "SqlStore",
    workspaces_enabled: false,
    trace_archival_enabled: false,
    multipart_uploads_enabled: tracking.blobs.direct !== undefined,
    multipart_downloads_enabled: tracking.blobs.direct !== undefined,
  }),
  "3.0",
);

/**
 * What everybody may ask, under any host's name: whether the server is up, and a version of MLflow, which clients want to know before
 * they send spans. MLflow's scoring server answers the second in the same way.
 */
export const mlflowProbeRoutes: AnyRoute[] = [
  { ...under("", "GET", "/health", "public", async () => plain("OK")), probe: true },
  { ...under("", "GET", "/version", "public", async () => plain(protocolVersion)), probe: true },
];

function plain(body: string): RawAnswer {
  return { contentType: "text/plain; charset=utf-8", body };
}

/** There is no telemetry here, and so none of pages either. */
const telemetryRoutes = [
  under("", "GET", "/ajax-api/3.0/mlflow/ui-telemetry", "project:read", async () => ({
    disable_ui_events: [],
    disable_ui_telemetry: true,
    ui_rollout_percentage: 0,
  })),
  under("", "POST", "/ajax-api/3.0/mlflow/ui-telemetry", "project:read", async () => ({ status: "disabled" })),
];

/** There is no gateway here, and so no models of one. MLflow's pages of runs ask for them, and would tell their reader of an error. */
const gatewayRoutes = [under("", "GET", "/ajax-api/2.0/mlflow/gateway-proxy", "project:read", async () => ({ endpoints: [] }))];

export const serverRoutes: AnyRoute[] = [...infoRoutes, ...telemetryRoutes, ...gatewayRoutes];

const methods: AnyRoute["method"][] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** Whatever else MLflow's API has (prompts' optimisation, scorers, gateways, …) is answered as an MLflow without it would. */
export const otherRoutes = ["/api/2.0/mlflow/*", "/api/3.0/mlflow/*", "/ajax-api/2.0/mlflow/*", "/ajax-api/3.0/mlflow/*"].flatMap((path) =>
  methods.map((method) =>
    under("", method, path, "project:read", async () => {
      throw refusal("ENDPOINT_NOT_FOUND", "There is no such endpoint here.");
    }),
  ),
);
