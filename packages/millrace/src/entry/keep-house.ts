import { setTimeout as wait } from "node:timers/promises";
import { applyRetention } from "#domains/tracking";
import { collectGarbage } from "./collect-garbage.ts";
import { hasPolicy, policyOf } from "./housekeeping-routes.ts";
import type { Services } from "./services.ts";

const firstMs = 60_000; // a server has other things to do at its start
const everyMs = 24 * 3_600_000;
/** Younger garbage is left for the next day. */
const olderThanMs = 24 * 3_600_000;

/** Once a day does what the project's retention policy says, and removes the blobs that this leaves; nothing where there is no policy. */
export async function keepHouse(services: Services, signal: AbortSignal): Promise<void> {
  if (!hasPolicy(services.project.config)) return;
  for (let pauseMs = firstMs; !signal.aborted; pauseMs = everyMs) {
    await wait(pauseMs, undefined, { signal }).catch(() => undefined); // aborted: the loop ends
    if (signal.aborted) return;
    await cleanOnce(services, signal).catch((error: unknown) => {
      if (!signal.aborted) services.log.warn("housekeeping could not be done; it is tried again tomorrow", { reason: String(error) });
    });
  }
}

async function cleanOnce(services: Services, signal: AbortSignal): Promise<void> {
  const { tracking, keepers, project, log } = services;
  const { archived, purged } = await applyRetention(tracking, keepers, policyOf(project.config), { signal });
  const garbage = await collectGarbage(services, { olderThanMs, dryRun: false, signal });
  log.info("housekeeping is done", {
    archivedRuns: archived.reduce((sum, { runs }) => sum + runs, 0),
    purgedRuns: purged?.runs ?? 0,
    removedBlobs: garbage.blobs.removed,
    removedBytes: garbage.blobs.removedBytes,
  });
}
