import { claimForHome, definitionsOf } from "#domains/project";
import type { Decision } from "#domains/retraining";
import type { DayReport } from "#domains/monitoring";
import { replayDays, type Endpoint, type Replay, type ReplayedDay } from "#domains/serving";
import { modelRelationOver } from "#domains/transform";
import { openLiveEndpoint, type LearnOptions, type LiveEndpoint } from "./live-endpoint.ts";
import type { Services } from "./services.ts";
import { buildProject, keepTopics } from "./prepare-data.ts";

export interface ReplayOptions extends LearnOptions {
  /** Days that begin at or after this moment are left for another time. */
  untilMs?: number;
  onDay?: (
    day: ReplayedDay,
    what: { endpoint: string; report: DayReport; answered: number; retrained: Decision | undefined },
  ) => void | Promise<void>;
}

/**
 * Plays a replay through the endpoints, a day of event time after the other: the day's events are appended, answered, joined
 * with their outcomes; then the triggers are asked. While an endpoint learns again, event time stands still, as minutes of
 * training are nothing to a day; events that come over HTTP meanwhile are answered by the version that serves.
 */
export async function replayProject(
  services: Services,
  replay: Replay,
  options: ReplayOptions = {},
): Promise<{ days: number; events: number; answered: number; endpoints: LiveEndpoint[] }> {
  const { state, stream, warehouse, clock, project } = services;
  const endpoints: LiveEndpoint[] = [];
  await claimForHome(services, "replay", replay.name);
  const total = { days: 0, events: 0, answered: 0, endpoints };
  for (const definition of definitionsOf<Endpoint>(project, "endpoint")) endpoints.push(await openLiveEndpoint(services, definition, options));
  const relationOf = (model: string, { replace }: { replace: Record<string, string> }) => modelRelationOver(services, model, replace);
  for await (const day of replayDays(
    { state, stream, warehouse, clock, projectFolder: project.folder, relationOf },
    replay,
    options.signal,
    options.untilMs,
  )) {
    for (const live of endpoints) {
      const { answered } = await live.endpoint.advance(options.signal);
      const { report, retrained } = await live.closeDay(day.endMs, options);
      total.answered += answered;
      await options.onDay?.(day, { endpoint: live.endpoint.definition.name, report, answered, retrained });
    }
    total.days++;
    total.events += Object.values(day.events).reduce((sum, count) => sum + count, 0);
  }
  // What came by other ways. Not before: a day that a killed process had begun to append is answered once all of its events are there.
  for (const { endpoint } of endpoints) total.answered += (await endpoint.advance(options.signal)).answered;
  if (total.days > 0) {
    // The tables are left standing where the stream stands.
    await keepTopics(services);
    await buildProject(services, {
      ...(options.onProgress && { onProgress: options.onProgress }),
      ...(options.signal && { signal: options.signal }),
    });
  }
  return total;
}
