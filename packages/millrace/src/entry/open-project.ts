import { join } from "node:path";
import { createMetrics } from "#compat/prometheus";
import { actorOf, listTokens, openSecrets } from "#domains/access";
import { openLedger, reclaim } from "#domains/pipelines";
import type { Topic } from "#domains/ingest";
import { claimForHome, claimState, definitionsOf, loadConfig, loadProject, lockProject, type Project, type ProjectLock } from "#domains/project";
import { createEndpointDesk, openEndpoint, type Endpoint, type EndpointDesk } from "#domains/serving";
import { TrainingTables } from "#domains/training";
import { modelRelation, stateBuildStore } from "#domains/transform";
import { announceThrough, createOutbox, sealAnew } from "#domains/webhooks";
import { toAppError } from "#kit/app-error";
import { systemClock } from "#kit/clock";
import { jsonLog } from "#kit/log";
import { cardEvidence } from "./card-evidence.ts";
import { modelFollowers } from "./model-followers.ts";
import { openStores, type Stores } from "./open-stores.ts";
import { servingServices } from "./serving-services.ts";
import { runKeepers } from "./run-keepers.ts";
import { resolveSelf } from "./resolve-self.ts";
import type { Services } from "./services.ts";
import { webhookServices } from "./webhook-services.ts";

export interface OpenOptions {
  folder: string;
  environment: Record<string, string | undefined>;
  /** Looks on, also while another process holds the project: nothing is locked, written or repaired. */
  readOnly?: boolean;
  /** Leaves the user's definitions unloaded; for commands that need only the stores. */
  withoutDefinitions?: boolean;
  /** What this process does, for whoever finds the project locked. */
  purpose: string;
}

export interface OpenedProject {
  services: Services;
  lock: ProjectLock | undefined;
  close(): Promise<void>;
}

/** Loads, locks and opens a project. Throws `project_in_use` when another process holds it and this one wants to write. */
export async function openProject(options: OpenOptions): Promise<OpenedProject> {
  const { folder, environment, readOnly = false } = options;
  resolveSelf();
  const project: Project = options.withoutDefinitions
    ? { ...(await loadConfig(folder, environment)), definitions: new Map() }
    : await loadProject(folder, environment);
  const clock = systemClock;
  const log = jsonLog(project.config.log, (line) => process.stderr.write(line));
  const lock = readOnly ? undefined : lockProject(project.home, options.purpose);
  let begun: Stores | undefined;
  try {
    const stores = (begun = await openStores({ project, environment, clock, log, readOnly }));
    const { state, blobs } = stores;
    const ledger = openLedger({ database: state, clock });
    const secrets = openSecrets({ state, clock, home: project.home, environment });
    const outbox = createOutbox();
    const announce = announceThrough(outbox);
    if (!readOnly) {
      await claimState({ state, clock, project });
      await reclaim(ledger);
      await sealAnew({ state, secrets }).catch((error: unknown) =>
        log.warn("secrets of webhooks cannot be sealed", { reason: toAppError(error).message }),
      );
    }
    const services: Omit<Services, "serving"> & { serving?: EndpointDesk } = {
      ...stores,
      ...{ project, clock, log, ledger, tables: new TrainingTables(blobs), buildStore: stateBuildStore(state) },
      access: { state, clock },
      tracking: { state, blobs, clock },
      keepers: runKeepers({ state, blobs, clock }),
      webhooks: webhookServices({ state, clock, project, outbox, secrets }),
      registry: { state, clock, announce, evidence: cardEvidence({ state, blobs, clock }), followers: modelFollowers },
      lineage: { state, clock },
      relationOf: async (model) => (await modelRelation({ ...stores, buildStore: stateBuildStore(state) }, model)).relation,
      scratchFolder: join(project.home, "scratch"),
      metrics: createMetrics(),
      monitoring: { state },
      retraining: { state },
    };
    const opened = Object.assign(services, { serving: openDesk(services) });
    return {
      services: opened,
      lock,
      async close() {
        try {
          await opened.serving.close();
        } finally {
          opened.metrics.close();
          await stores.close().finally(() => lock?.release());
        }
      },
    };
  } catch (error) {
    await begun?.close().catch(() => undefined); // the reason is the thing to tell
    lock?.release();
    throw error;
  }
}

function openDesk(services: Omit<Services, "serving">): EndpointDesk {
  const { project } = services;
  const topics = definitionsOf<Topic>(project, "topic");
  return createEndpointDesk(servingServices(services), {
    endpoints: definitionsOf<Endpoint>(project, "endpoint"),
    topics,
    async open(definition) {
      await claimForHome(services, "endpoint", definition.name);
      return openEndpoint(servingServices(services), definition, topics);
    },
  });
}

/** Who a bearer token stands for, and whether there is any. */
export function loginOf({ access }: Pick<Services, "access">) {
  return {
    actorOf: (secret: string) => actorOf(access, secret),
    hasTokens: async () => (await listTokens(access)).some((token) => token.revokedMs === null),
  };
}
