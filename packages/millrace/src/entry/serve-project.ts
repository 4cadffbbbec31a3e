import { setTimeout as wait } from "node:timers/promises";
import type { Topic } from "#domains/ingest";
import { dayMs } from "#domains/monitoring";
import { definitionsOf } from "#domains/project";
import { createEndpointDesk, type Endpoint, isTensorEndpoint } from "#domains/serving";
import { keepDelivering } from "#domains/webhooks";
import { millraceVersion } from "#kit/environment";
import { keepHouse } from "./keep-house.ts";
import { openLiveEndpoint, type LiveEndpoint } from "./live-endpoint.ts";
import { loginOf, type OpenedProject } from "./open-project.ts";
import type { Services } from "./services.ts";
import { allRoutes } from "./routes.ts";
import { startServer, type RunningServer } from "./server.ts";
import { servingServices } from "./serving-services.ts";

export interface ServeOptions {
  host?: string;
  port?: number;
  signal: AbortSignal;
  /** Endpoints that are open already, such as after a replay. */
  live?: LiveEndpoint[];
}

/** Events may come an hour late before a day of event time is closed. */
const graceMs = 3_600_000;
const lookEveryMs = 1_000;

/**
 * Serves a project: the API at once, each endpoint as soon as it has a version to answer with. Endpoints follow their topics, and
 * days of event time are closed (and models taught again) as they pass. Ends when the signal aborts, after the requests and
 * batches under way.
 */
export async function serveProject({ services, lock }: OpenedProject, options: ServeOptions): Promise<RunningServer & { done: Promise<void> }> {
  const { project, log } = services;
  const live = new Map((options.live ?? []).map((each) => [each.endpoint.definition.name, each]));
  await services.serving.close();
  services.serving = createEndpointDesk(servingServices(services), {
    endpoints: definitionsOf<Endpoint>(project, "endpoint"),
    topics: definitionsOf<Topic>(project, "topic"),
    open: async (definition) => {
      const known = live.get(definition.name);
      const opened = known?.endpoint.usable() ? known : await openLiveEndpoint(services, definition, { signal: options.signal });
      live.set(definition.name, opened);
      return opened.endpoint;
    },
  });
  const server = await startServer({
    ...{ routes: allRoutes, services, log, version: millraceVersion(), onAnswer: services.metrics.recordRequest, ...loginOf(services) },
    host: options.host ?? project.config.server.host,
    port: options.port ?? project.config.server.port,
  });
  lock?.announce(server.address);
  const endpoints = definitionsOf<Endpoint>(project, "endpoint").map((definition) => keepAlive(services, definition.name, live, options.signal));
  const delivering = keepDelivering({ ...services.webhooks, log }, options.signal);
  const housekeeping = keepHouse(services, options.signal);
  const ended = new Promise<void>((resolve) => {
    if (options.signal.aborted) resolve();
    options.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const done = ended.then(async () => {
    await server.close();
    await Promise.all([...endpoints, delivering, housekeeping]);
  });
  return { ...server, done };
}

/** Keeps an endpoint at work: opens it when it can be opened, and again when it broke; closes days as event time passes them. */
async function keepAlive(services: Services, name: string, live: ReadonlyMap<string, LiveEndpoint>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const endpoint = await services.serving.answering(name);
      if (!isTensorEndpoint(endpoint)) await Promise.all([endpoint.follow(signal), closeDays(live.get(name)!, signal)]);
    } catch (error) {
      if (!signal.aborted) services.log.info("an endpoint waits", { endpoint: name, reason: error instanceof Error ? error.message : String(error) });
    }
    await wait(lookEveryMs, undefined, { signal }).catch(() => undefined); // aborted: the loop ends
  }
}

async function closeDays(live: LiveEndpoint, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const newest = live.endpoint.status().newestMs;
    const end = newest === undefined ? 0 : Math.floor((newest - graceMs) / dayMs) * dayMs;
    if (end > (live.monitor.closedUntilMs ?? 0) && newest !== undefined) await live.closeDay(end, { signal });
    await wait(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
}
