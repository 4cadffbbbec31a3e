import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { createExperiment, startRun, trackingMigrations, type TrackingServices } from "#domains/tracking";
import { fixedClock } from "#kit/clock";
import { openTestState } from "./state.ts";

export interface TestTracking {
  services: TrackingServices & { clock: ReturnType<typeof fixedClock> };
  /** Id of an experiment, made already. */
  experiment: string;
  folder: string;
  start(run?: Partial<Parameters<typeof startRun>[1]>): Promise<string>;
  close(): Promise<void>;
}

/** Services over an empty state and a new blob folder, for tests of tracking and of what builds on it. */
export async function openTestTracking(): Promise<TestTracking> {
  const state = await openTestState(trackingMigrations);
  const folder = await mkdtemp(join(tmpdir(), "millrace-tracking-"));
  const blobs = await openLocalBlobs({ folder: join(folder, "blobs") });
  const services = { state, blobs, clock: fixedClock(1_000_000) };
  const { id: experiment } = await createExperiment(services, { name: "flights" });
  return {
    services,
    experiment,
    folder,
    start: async (run = {}) => (await startRun(services, { experiment, ...run })).id,
    async close() {
      await state.close();
      await blobs.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
