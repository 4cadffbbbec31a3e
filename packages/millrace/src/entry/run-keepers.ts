import { forgetExperiments, forgetRuns } from "#compat/mlflow";
import { versionsOfRuns } from "#domains/registry";
import type { RunKeepers, TrackingServices } from "#domains/tracking";
import { deleteTraces } from "#domains/traces";

const tracesAtOnce = 100;

/** What other domains and protocols have to do with runs and experiments that go for ever. */
export function runKeepers(services: TrackingServices): RunKeepers {
  return {
    async holders(reader, runs) {
      const holders = new Map<string, string[]>();
      for (const { run, model, version } of await versionsOfRuns(reader, runs))
        holders.set(run, [...(holders.get(run) ?? []), `version ${version} of ${model}`]);
      return holders;
    },
    async emptyExperiment(experiment, mustStop) {
      const traces = { experiment, untilMs: Number.MAX_SAFE_INTEGER, limit: tracesAtOnce };
      while (!mustStop() && (await deleteTraces(services, traces)).length === tracesAtOnce);
    },
    forgetRuns: (transaction, runs) => forgetRuns(transaction, runs, services.clock.now()),
    forgetExperiments,
  };
}
