import { z } from "zod";
import type { Permission } from "#domains/access";
import { AppError } from "#kit/app-error";
import { durationMs } from "#kit/duration";
import { route } from "#kit/route";
import { archive, restore } from "./archive.ts";
import type { HousekeepingOptions, HousekeepingReport, RunKeepers, Selection } from "./housekeeping.ts";
import { idSchema, type TrackingServices } from "./model.ts";
import { moveExperiments } from "./move-experiments.ts";
import { purge } from "./purge.ts";
import { runFilterSchema } from "./run-filter.ts";
import { parseRunQuery } from "./run-query.ts";

const housekeepingRoute = route<{ tracking: TrackingServices; keepers: RunKeepers }>();

/** A call ends after about this long, and says that there is more to do. */
const callMs = 10_000;

const names = z.array(z.string().min(1)).min(1).max(100_000);
const dryRun = z.boolean().default(false).describe("say what would be done, and do nothing");
const ofExperiments = {
  folder: z.string().min(1).max(500).optional().describe("a folder of experiments: the part of their names before a /"),
  experiments: names.optional().describe("experiments by id or name"),
};
const ofRuns = {
  runs: z.array(idSchema).min(1).max(100_000).optional().describe("runs by id"),
  query: z
    .string()
    .trim()
    .min(1)
    .max(20_000)
    .optional()
    .describe("the runs that this finds, in the language of searches, such as: metrics.auc < 0.6"),
  filter: runFilterSchema.optional().describe("the same as JSON"),
  experiments: names.optional().describe("with a query: only in these experiments, by id or name"),
};
const purging = {
  archivedFor: z.string().optional().describe("only what has been archived for this long, such as 30d"),
  evenRegistered: z.boolean().default(false).describe("also runs that made registered versions; the versions keep their files"),
};
const reportSchema = z.object({
  experiments: z.number(),
  runs: z.number(),
  points: z.number(),
  artifacts: z.number(),
  bytes: z.number(),
  leftRuns: z.number(),
  left: z.array(z.string()),
  dryRun: z.boolean(),
  /** False: the same call goes on. */
  done: z.boolean(),
});

interface Given {
  query?: string | undefined;
  dryRun: boolean;
  archivedFor?: string | undefined;
  evenRegistered?: boolean;
}
type Verb = (
  services: { tracking: TrackingServices; keepers: RunKeepers },
  selection: Selection,
  given: Given,
  options: HousekeepingOptions,
) => Promise<HousekeepingReport>;

const verbs: Record<"archive" | "unarchive" | "purge", { does: string; permission: Permission; work: Verb }> = {
  archive: { does: "Archive", permission: "project:run", work: ({ tracking }, selection, _given, options) => archive(tracking, selection, options) },
  unarchive: {
    does: "Restore archived",
    permission: "project:run",
    work: ({ tracking }, selection, _given, options) => restore(tracking, selection, options),
  },
  purge: {
    does: "Remove for ever archived",
    permission: "project:purge",
    work: ({ tracking, keepers }, selection, { archivedFor, evenRegistered = false }, options) =>
      purge(
        tracking,
        keepers,
        { ...selection, ...(archivedFor !== undefined && { archivedForMs: durationMs(archivedFor) }) },
        { ...options, registered: evenRegistered ? "anyway" : "refuse" },
      ),
  },
};

function housekeeping<Input extends Selection & Given>(
  noun: "experiments" | "runs",
  verb: keyof typeof verbs,
  what: string,
  input: z.ZodType<Input>,
) {
  const { does, permission, work } = verbs[verb];
  return housekeepingRoute({
    name: `${noun}.${verb}`,
    method: "POST",
    path: `/api/${noun}/${verb}`,
    summary: `${does} ${what}, a little at a time: until \`done\`, the same call goes on.`,
    permission,
    input,
    output: reportSchema,
    errors: ["invalid_argument", "not_found", "conflict"],
    cli: false, // the command calls until all is done
    handle: ({ tracking, keepers }, given, { signal }) => {
      const { dryRun: dry, archivedFor, evenRegistered, query, ...named } = given;
      const nowMs = tracking.clock.now();
      if (query !== undefined && named.filter !== undefined)
        throw new AppError("invalid_argument", "A query and a filter are given.", { hint: "Give one of them." });
      const filter =
        query !== undefined ? parseRunQuery(query, { nowMs }) : noun === "runs" && meansAllRuns(named, archivedFor) ? { and: [] } : named.filter;
      const selection = { ...named, ...(filter !== undefined && { filter }) };
      const options = { dryRun: dry, signal, untilMs: nowMs + callMs };
      return work({ tracking, keepers }, selection, { dryRun: dry, archivedFor, ...(evenRegistered !== undefined && { evenRegistered }) }, options);
    },
  });
}

/** Runs of experiments, or archived for long, and nothing else said. Nothing said at all is no selection. */
function meansAllRuns({ experiments, runs, filter }: Selection, archivedFor: string | undefined): boolean {
  return runs === undefined && filter === undefined && (experiments !== undefined || archivedFor !== undefined);
}

const experimentsText = "experiments with their runs: a folder, or a list";
const runsText = "runs with those nested in them: a list, or what a query finds";

export const housekeepingRoutes = [
  housekeeping("experiments", "archive", experimentsText, z.object({ ...ofExperiments, dryRun })),
  housekeeping("experiments", "unarchive", experimentsText, z.object({ ...ofExperiments, dryRun })),
  housekeeping("experiments", "purge", `${experimentsText}, or all of a certain age`, z.object({ ...ofExperiments, ...purging, dryRun })),
  housekeeping("runs", "archive", runsText, z.object({ ...ofRuns, dryRun })),
  housekeeping("runs", "unarchive", runsText, z.object({ ...ofRuns, dryRun })),
  housekeeping("runs", "purge", `${runsText}, or all of a certain age`, z.object({ ...ofRuns, ...purging, dryRun })),
  housekeepingRoute({
    name: "experiments.move",
    method: "POST",
    path: "/api/experiments/move",
    summary: "Give a folder of experiments another name, all at once.",
    permission: "project:run",
    input: z.object({
      folder: z.string().min(1).max(500).describe("the folder, such as team/scratch"),
      to: z.string().min(1).max(500).describe("its new name"),
      dryRun,
    }),
    output: z.object({ moved: z.array(z.object({ from: z.string(), to: z.string() })) }),
    errors: ["invalid_argument", "not_found", "conflict"],
    cli: { positional: ["folder", "to"], rows: "moved", columns: ["from", "to"] },
    handle: ({ tracking }, given) => moveExperiments(tracking, given),
  }),
];
