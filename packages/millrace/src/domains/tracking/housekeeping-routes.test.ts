import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestTracking, type TestTracking } from "../../../../../tests/contracts/tracking.ts";
import type { HousekeepingReport, RunKeepers } from "./housekeeping.ts";
import { housekeepingRoutes } from "./housekeeping-routes.ts";
import { setTags } from "./log-batch.ts";

let place: TestTracking;
const keepers: RunKeepers = {
  holders: async () => new Map(),
  emptyExperiment: async () => undefined,
  forgetRuns: async () => undefined,
  forgetExperiments: async () => undefined,
};

beforeEach(async () => {
  place = await openTestTracking();
});
afterEach(() => place.close());

/** Calls a route as the server does: its input is read by its schema. */
async function call(name: string, input: object): Promise<HousekeepingReport> {
  const route = housekeepingRoutes.find((each) => each.name === name)!;
  const context = { actor: { name: "test", permissions: new Set<string>() }, requestId: "1", signal: new AbortController().signal };
  const services = { tracking: place.services, keepers };
  return (await route.handle(services, route.input.parse(input) as never, context)) as HousekeepingReport; // the route's own schema and output
}

test("runs are named, found by a query, or all of some experiments; nothing said is no selection", async () => {
  const [a, b, c] = [await place.start(), await place.start(), await place.start()];
  await setTags(place.services, { run: b, tags: { stage: "trial" } });
  for (const name of ["runs.archive", "runs.unarchive", "runs.purge", "experiments.archive", "experiments.purge"])
    await expect(call(name, {}), name).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(call("runs.archive", { query: "tags.stage = 'trial'", filter: { and: [] } })).rejects.toMatchObject({ code: "invalid_argument" });
  expect(await call("runs.archive", { query: "tags.stage = 'trial'", dryRun: true })).toMatchObject({ runs: 1, dryRun: true });
  expect(await call("runs.archive", { query: "tags.stage = 'trial'" })).toMatchObject({ runs: 1, done: true });
  expect(await call("runs.archive", { runs: [a] })).toMatchObject({ runs: 1 });
  expect(await call("runs.unarchive", { runs: [a, b] })).toMatchObject({ runs: 2 });
  expect(await call("runs.archive", { experiments: ["flights"] })).toMatchObject({ runs: 3, experiments: 0 });
  place.services.clock.advance(86_400_000);
  expect(await call("runs.unarchive", { runs: [c] })).toMatchObject({ runs: 1 });
  expect(await call("runs.archive", { runs: [c] })).toMatchObject({ runs: 1 });
  await expect(call("runs.purge", { archivedFor: "soon" })).rejects.toMatchObject({ code: "invalid_argument" });
  expect(await call("runs.purge", { archivedFor: "1d" })).toMatchObject({ runs: 2, experiments: 0 });
  expect(await call("runs.purge", { runs: [c] })).toMatchObject({ runs: 1 });
});

test("what cannot be undone needs a permission of its own", () => {
  const permissions = Object.fromEntries(housekeepingRoutes.map(({ name, permission }) => [name, permission]));
  expect(permissions).toEqual({
    ...{ "experiments.archive": "project:run", "experiments.unarchive": "project:run", "experiments.purge": "project:purge" },
    ...{ "runs.archive": "project:run", "runs.unarchive": "project:run", "runs.purge": "project:purge", "experiments.move": "project:run" },
  });
});
