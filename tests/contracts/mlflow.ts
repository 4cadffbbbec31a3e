/** A server that speaks MLflow's protocol over stores of its own, for tests. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openSqlite } from "#adapters/database/sqlite";
import { mlflowFollower, mlflowMigrations, mlflowProbeRoutes, mlflowRoutes, mlflowWebhookFormat } from "#compat/mlflow";
import { otlpRoutes } from "#compat/otlp";
import { registryMigrations, type RegistryServices } from "#domains/registry";
import { tracesMigrations, tracesRoutes } from "#domains/traces";
import { trackingMigrations, type TrackingServices } from "#domains/tracking";
import { announce, webhookMigrations, type WebhookServices } from "#domains/webhooks";
import { systemClock } from "#kit/clock";
import { createOutbound } from "#kit/outbound-http";
import type { Database } from "#ports/database";
import { serveRoutes } from "../processes/serve-routes.ts";
import { testSecrets } from "./secrets.ts";
import { openTestState } from "./state.ts";

export interface MlflowPlace {
  address: string;
  tracking: TrackingServices;
  registry: RegistryServices;
  /** Nothing is delivered by itself. */
  webhooks: WebhookServices;
  close(): Promise<void>;
}

/** SQLite in a file and blobs in a folder, as an embedded project has them; PostgreSQL where a test asks for it (see `openTestState`). */
export async function openMlflowPlace({
  postgres = process.env["MILLRACE_TEST_POSTGRES"],
  allow = [],
  watched = (state) => state,
}: {
  postgres?: string | undefined;
  /** Origins that webhooks may have. */
  allow?: string[];
  /** Looks at what is asked of the database. */
  watched?: (state: Database) => Database;
} = {}): Promise<MlflowPlace> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-mlflow-"));
  const migrations = [...trackingMigrations, ...tracesMigrations, ...registryMigrations, ...webhookMigrations, ...mlflowMigrations];
  const state = watched(postgres ? await openTestState(migrations, postgres) : openSqlite({ path: join(folder, "state.db") }));
  await state.migrate(migrations);
  const blobs = await openLocalBlobs({ folder: join(folder, "blobs") });
  const tracking = { state, blobs, clock: systemClock };
  const registry = { state, clock: systemClock, announce, followers: [mlflowFollower] };
  const secrets = testSecrets();
  const webhooks = { state, clock: systemClock, secrets, outbound: createOutbound({ allow }), formats: { mlflow: mlflowWebhookFormat(state) } };
  const server = await serveRoutes([...mlflowRoutes, ...mlflowProbeRoutes, ...otlpRoutes, ...tracesRoutes], { tracking, registry, webhooks });
  return {
    address: server.address,
    tracking,
    registry,
    webhooks,
    async close() {
      await server.close();
      await state.close();
      await blobs.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
