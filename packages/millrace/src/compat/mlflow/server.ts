import type { AnyRoute } from "#kit/route";
import { endpoint, under } from "./endpoint.ts";
import { refusal } from "./protocol.ts";

/** What the client of another program's version has to be told: the version whose protocol this is. */
const protocolVersion = "3.17.2";

/** What newer clients ask first: which ways of moving files there are. */
export const serverRoutes = endpoint(
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
 * What clients ask before they send spans: a version of MLflow, as text. Apart from the other routes, because its path is also one
 * of MLflow's scoring server: a server that speaks both protocols has this one.
 */
export const mlflowProbeRoutes: AnyRoute[] = [
  under("", "GET", "/version", "public", async () => ({ contentType: "text/plain; charset=utf-8", body: protocolVersion })),
];

const methods: AnyRoute["method"][] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** Whatever else MLflow's API has (prompts' optimisation, scorers, gateways, …) is answered as an MLflow without it would. */
export const otherRoutes = ["/api/2.0/mlflow/*", "/api/3.0/mlflow/*", "/ajax-api/2.0/mlflow/*", "/ajax-api/3.0/mlflow/*"].flatMap((path) =>
  methods.map((method) =>
    under("", method, path, "project:read", async () => {
      throw refusal("ENDPOINT_NOT_FOUND", "There is no such endpoint here.");
    }),
  ),
);
