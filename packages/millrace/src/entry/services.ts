import type { Metrics } from "#compat/prometheus";
import type { AccessServices } from "#domains/access";
import type { Ledger } from "#domains/pipelines";
import type { Project } from "#domains/project";
import type { RegistryServices } from "#domains/registry";
import type { EndpointDesk } from "#domains/serving";
import type { RunKeepers, TrackingServices } from "#domains/tracking";
import type { TrainingTables } from "#domains/training";
import type { BuildStore } from "#domains/transform";
import type { WebhookServices } from "#domains/webhooks";
import type { Clock } from "#kit/clock";
import type { Log } from "#kit/log";
import type { Stores } from "./open-stores.ts";

/** A project with its stores and what the domains need of them. Every handler and command gets this. */
export interface Services extends Stores {
  project: Project;
  clock: Clock;
  log: Log;
  ledger: Ledger;
  access: AccessServices;
  webhooks: WebhookServices;
  tracking: TrackingServices;
  /** What else refers to runs, and goes with them. */
  keepers: RunKeepers;
  registry: RegistryServices;
  lineage: { state: Stores["state"]; clock: Clock };
  buildStore: BuildStore;
  /** A local folder for files under way; nothing in it is kept. */
  scratchFolder: string;
  /** The rows of a SQL model, stored or a view, as SQL for a FROM clause. */
  relationOf(model: string): Promise<string>;
  /** Training sets in memory, for the next step. */
  tables: TrainingTables;
  /** Where requests find the endpoints. */
  serving: EndpointDesk;
  /** What this process has done, for `/metrics`. */
  metrics: Metrics;
  monitoring: { state: Stores["state"] };
  retraining: { state: Stores["state"] };
}
