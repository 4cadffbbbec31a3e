import { z } from "zod";
import type { Config } from "#domains/project";
import { applyRetention, type RetentionPolicy } from "#domains/tracking";
import { durationMs } from "#kit/duration";
import { route } from "#kit/route";
import { collectGarbage } from "./collect-garbage.ts";
import type { Services } from "./services.ts";

const entryRoute = route<Services>();

/** A call ends after about this long, and says that there is more to do. */
const callMs = 10_000;

const counts = <Names extends string>(...names: Names[]) =>
  z.object(Object.fromEntries(names.map((name) => [name, z.number()])) as Record<Names, z.ZodNumber>); // one for each name
const report = z.object({
  ...{ experiments: z.number(), runs: z.number(), points: z.number(), artifacts: z.number(), bytes: z.number() },
  ...{ leftRuns: z.number(), left: z.array(z.string()), dryRun: z.boolean(), done: z.boolean() },
});
const dryRun = z.boolean().default(false).describe("say what would be done, and do nothing");

export const garbageRoutes = [
  entryRoute({
    name: "blobs.collect",
    method: "POST",
    path: "/api/blobs/collect",
    summary: "Remove blobs that nothing refers to, while others write, a little at a time: with `next`, the same call goes on from there.",
    permission: "project:purge",
    input: z.object({
      olderThan: z.string().default("24h").describe("only blobs that were stored longer ago; at least 1h"),
      dryRun,
      from: z.string().optional().describe("`next` of the call before"),
    }),
    output: z.object({
      blobs: counts("looked", "lookedBytes", "kept", "young", "removed", "removedBytes"),
      tables: counts("looked", "young", "removed", "removedBytes"),
      uploads: counts("removed"),
      temporary: counts("removed", "removedBytes"),
      seconds: z.number(),
      dryRun: z.boolean(),
      next: z.string().optional(),
    }),
    errors: ["invalid_argument", "conflict"],
    cli: false, // `millrace gc` calls until all is done
    handle: (services, { olderThan, dryRun: dry, from }, { signal }) =>
      collectGarbage(services, { olderThanMs: durationMs(olderThan), dryRun: dry, from, untilMs: services.clock.now() + callMs, signal }),
  }),
  entryRoute({
    name: "retention.apply",
    method: "POST",
    path: "/api/retention/apply",
    summary: "Archive and purge what the project's retention policy says, a little at a time: until `done`, the same call goes on.",
    permission: "project:purge",
    input: z.object({ dryRun }),
    output: z.object({ archived: z.array(report), purged: report.optional(), done: z.boolean() }),
    errors: ["conflict"],
    cli: false, // as above
    handle: ({ tracking, keepers, project, clock }, { dryRun: dry }, { signal }) =>
      applyRetention(tracking, keepers, policyOf(project.config), { dryRun: dry, untilMs: clock.now() + callMs, signal }),
  }),
];

/** The configured policy. */
export function policyOf({ retention }: Pick<Config, "retention">): RetentionPolicy {
  const { archive, purgeArchivedAfter } = retention;
  return {
    archive: archive.map(({ folder, after }) => ({ folder, afterMs: durationMs(after) })),
    purgeArchivedAfterMs: purgeArchivedAfter === undefined ? undefined : durationMs(purgeArchivedAfter),
  };
}

export function hasPolicy({ retention }: Pick<Config, "retention">): boolean {
  return retention.archive.length > 0 || retention.purgeArchivedAfter !== undefined;
}
