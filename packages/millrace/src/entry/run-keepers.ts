import { forgetExperiments, forgetRuns } from "#compat/mlflow";
import { versionsOfRuns } from "#domains/registry";
import type { RunKeepers } from "#domains/tracking";
import type { Clock } from "#kit/clock";

/** What other domains and protocols have to do with runs that go for ever. */
export function runKeepers(clock: Clock): RunKeepers {
  return {
    async holders(reader, runs) {
      const holders = new Map<string, string[]>();
      for (const { run, model, version } of await versionsOfRuns(reader, runs))
        holders.set(run, [...(holders.get(run) ?? []), `version ${version} of ${model}`]);
      return holders;
    },
    forgetRuns: (transaction, runs) => forgetRuns(transaction, runs, clock.now()),
    forgetExperiments,
  };
}
