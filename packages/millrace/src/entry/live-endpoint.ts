import type { Topic } from "#domains/ingest";
import { recordEndpoint } from "#domains/lineage";
import { openMonitor, registryReference, type DayReport, type Monitor } from "#domains/monitoring";
import { claimForHome, definitionsOf } from "#domains/project";
import { evaluatePolicy, openDecisions, runRetraining, type Decision } from "#domains/retraining";
import { openEndpoint, type Endpoint, type OpenEndpoint } from "#domains/serving";
import type { RunEvent } from "#domains/pipelines";
import { executeFlow } from "./execute-flow.ts";
import type { Services } from "./services.ts";
import { buildProject, keepTopics } from "./prepare-data.ts";
import { servingServices } from "./serving-services.ts";

/** An endpoint with what watches it and teaches it again. */
export interface LiveEndpoint {
  endpoint: OpenEndpoint;
  monitor: Monitor;
  /** Finishes a day of event time: joins outcomes, measures, asks the triggers, and carries a retraining out where one is decided. */
  closeDay(dayEndMs: number, options?: LearnOptions): Promise<{ report: DayReport; retrained: Decision | undefined }>;
  close(): Promise<void>;
}

export interface LearnOptions {
  onEvent?: (event: RunEvent) => void;
  onProgress?: (text: string) => void;
  signal?: AbortSignal;
}

/** Opens an endpoint with its monitor, caught up to where it stands, and takes up a retraining that was under way. */
export async function openLiveEndpoint(services: Services, definition: Endpoint, options: LearnOptions = {}): Promise<LiveEndpoint> {
  const { state, lake, stream, clock, log, registry, blobs, ledger } = services;
  const topics = definitionsOf<Topic>(services.project, "topic");
  const model = definition.model.split("@")[0]!;
  const reference = (version: number) => registryReference({ registry, blobs }, model, version);
  await claimForHome(services, "endpoint", definition.name);
  const endpoint = await openEndpoint(servingServices(services), definition, topics, options.signal);
  const maturityMs = definition.outcomes?.withinMs;
  const monitor = await openMonitor({
    endpoint: definition,
    state,
    lake,
    stream,
    reference,
    clock,
    log,
    ...(maturityMs !== undefined && { maturityMs }),
  });
  await monitor.catchUp();
  endpoint.onBatch((batch) => monitor.observe(batch));
  endpoint.onBatch(services.metrics.recordBatch);
  await noteServing();
  for (const decision of await openDecisions({ state }, definition.name)) await learn(decision, options);

  return {
    endpoint,
    monitor,
    async closeDay(dayEndMs, given = {}) {
      const report = await monitor.closeDay(dayEndMs);
      const evaluation = await evaluatePolicy({ state, reference, clock, log }, { endpoint: definition, dayEndMs });
      const decision = evaluation?.decision;
      const open = decision && (decision.state === "pending" || decision.state === "running");
      return { report, retrained: open ? await learn(decision, given) : undefined };
    },
    close: () => endpoint.close(),
  };

  async function learn(decision: Decision, { onEvent, onProgress, signal }: LearnOptions): Promise<Decision> {
    const finished = await runRetraining({ state, ledger, clock, log }, definition, decision, {
      beforeFlow: async () => {
        await keepTopics(services);
        await buildProject(services, { ...(onProgress && { onProgress }), ...(signal && { signal }) });
      },
      startFlow: (flow, params, { cause, resume, onStart }) =>
        executeFlow(services, flow, {
          ...{ params, cause, resume },
          ...(signal && { signal }),
          onEvent: (event) => {
            if (event.type === "run-started") onStart(event.runId);
            onEvent?.(event);
          },
        }),
    });
    const { changed } = await endpoint.reload();
    if (changed) await noteServing();
    return finished;
  }

  async function noteServing(): Promise<void> {
    const serving = [endpoint.serving(), endpoint.shadow()].flatMap((each) => (each ? [{ model: each.name, version: each.version }] : []));
    const views = [...new Set(Object.values(endpoint.serving().signature.features).map(({ view }) => view.name))];
    await recordEndpoint(services.lineage, { endpoint: definition.name, models: serving, views });
  }
}
