import { z } from "zod";
import { AppError } from "#kit/app-error";
import { route } from "#kit/route";
import { textTable } from "#kit/text-table";
import { archive, restore } from "./archive.ts";
import { getExperiment, updateExperiment } from "./change-experiment.ts";
import { createExperiment } from "./create-experiment.ts";
import { describeExperiment, listFolder, resolveExperiment } from "./experiment-folders.ts";
import { newExperimentSchema, runStatuses, type TrackingServices } from "./model.ts";
import { changedTextsSchema, textsSchema, whole } from "./route-inputs.ts";

const experimentRoute = route<{ tracking: TrackingServices }>();
const experiment = z.string().min(1).describe("its id or name");
const { name, description } = newExperimentSchema.shape;

const experimentOutput = z.object({
  ...{ id: z.string(), name: z.string(), description: z.string(), tags: z.record(z.string(), z.string()) },
  ...{ createdMs: z.number(), updatedMs: z.number(), deletedMs: z.number().optional() },
});
const counts = { runs: z.number(), running: z.number(), lastStartedMs: z.number().optional() };

export const experimentRoutes = [
  experimentRoute({
    name: "experiments.list",
    method: "GET",
    path: "/api/experiments",
    summary: "List experiments with what they hold, all or one folder of them: a / in a name makes folders.",
    permission: "project:read",
    input: z.object({
      folder: z.string().max(500).optional().describe("only this folder, and its folders; the top is an empty text"),
      containing: z.string().max(500).default("").describe("only names with this text, in any case"),
      view: z.enum(["active", "deleted", "all"]).default("active").describe("active (unless told), deleted or all"),
      limit: whole(1, 10_000).default(1_000),
      cursor: z.string().max(1_000).optional().describe("of the page before"),
    }),
    output: z.object({
      folders: z.array(z.object({ path: z.string(), experiments: z.number(), ...counts })),
      experiments: z.array(experimentOutput.extend(counts)),
      total: z.number(),
      nextCursor: z.string().optional(),
    }),
    errors: ["invalid_argument"],
    cli: { positional: ["folder"], text: listText },
    handle: ({ tracking }, input) => listFolder(tracking, input),
  }),
  experimentRoute({
    name: "experiments.show",
    method: "GET",
    path: "/api/experiments/{experiment}",
    summary: "Show an experiment, with its runs by status.",
    permission: "project:read",
    input: z.object({ experiment }),
    output: experimentOutput.extend({ ...counts, statuses: z.record(z.enum(runStatuses), z.number()) }),
    errors: ["not_found"],
    cli: { positional: ["experiment"], text: experimentText },
    handle: ({ tracking }, input) => describeExperiment(tracking, input.experiment),
  }),
  experimentRoute({
    name: "experiments.create",
    method: "POST",
    path: "/api/experiments",
    summary: "Make an experiment; a / in its name makes folders.",
    permission: "project:run",
    input: z.object({ name, description: description.removeDefault().optional(), tags: textsSchema.optional().describe("as JSON") }),
    output: experimentOutput,
    errors: ["invalid_argument", "conflict"],
    cli: { positional: ["name"], text: ({ name: of, id }) => `${of} is made, with the id ${id}` },
    handle: ({ tracking }, { name: of, description: about, tags }) =>
      createExperiment(tracking, { name: of, ...(about !== undefined && { description: about }), ...(tags && { tags }) }),
  }),
  experimentRoute({
    name: "experiments.update",
    method: "PATCH",
    path: "/api/experiments/{experiment}",
    summary: "Change an experiment's name (and so its folder), description or tags.",
    permission: "project:run",
    input: z.object({
      experiment,
      name: name.optional().describe("a new name"),
      description: description.removeDefault().optional().describe("a text for people"),
      tags: changedTextsSchema.optional().describe("tags to set, as JSON; null takes one away"),
    }),
    output: experimentOutput,
    errors: ["invalid_argument", "not_found", "conflict"],
    cli: { positional: ["experiment"], text: ({ name: of }) => `${of} is changed` },
    handle: async ({ tracking }, { experiment: which, name: of, description: about, tags }) => {
      if (of === undefined && about === undefined && tags === undefined)
        throw new AppError("invalid_argument", "Nothing is to be changed.", { hint: "Give a name, a description or tags." });
      const { id } = await resolveExperiment(tracking.state, which);
      return updateExperiment(tracking, {
        id,
        ...(of !== undefined && { name: of }),
        ...(about !== undefined && { description: about }),
        ...(tags && { tags }),
      });
    },
  }),
  experimentRoute({
    name: "experiments.delete",
    method: "DELETE",
    path: "/api/experiments/{experiment}",
    summary: "Delete an experiment: it and its runs are left out of lists and searches, and it can be restored.",
    permission: "project:run",
    input: z.object({ experiment }),
    output: experimentOutput,
    errors: ["not_found"],
    cli: { positional: ["experiment"], text: ({ name: of }) => `${of} is deleted` },
    handle: async ({ tracking }, input) => {
      const { id } = await resolveExperiment(tracking.state, input.experiment);
      await archive(tracking, { experiments: [id] });
      return getExperiment(tracking, { id });
    },
  }),
  experimentRoute({
    name: "experiments.restore",
    method: "POST",
    path: "/api/experiments/{experiment}/restore",
    summary: "Take back that an experiment was deleted, with the runs that were deleted with it.",
    permission: "project:run",
    input: z.object({ experiment }),
    output: experimentOutput,
    errors: ["not_found"],
    cli: { positional: ["experiment"], text: ({ name: of }) => `${of} is restored` },
    handle: async ({ tracking }, input) => {
      const { id } = await resolveExperiment(tracking.state, input.experiment);
      await restore(tracking, { experiments: [id] });
      return getExperiment(tracking, { id });
    },
  }),
];

interface Listed {
  folders: { path: string; experiments: number; runs: number; running: number; lastStartedMs?: number | undefined }[];
  experiments: { id: string; name: string; runs: number; running: number; lastStartedMs?: number | undefined }[];
  total: number;
  nextCursor?: string | undefined;
}

interface Shown {
  id: string;
  name: string;
  description: string;
  tags: Record<string, string>;
  deletedMs?: number | undefined;
  runs: number;
  statuses: Record<string, number>;
  lastStartedMs?: number | undefined;
}

function experimentText({ id, name: of, description: about, tags, deletedMs, runs, statuses, lastStartedMs }: Shown): string {
  const byStatus = Object.entries(statuses).flatMap(([status, count]) => (count > 0 ? [`${count} ${status}`] : []));
  return [
    `${of} (${id})${deletedMs === undefined ? "" : ", deleted"}`,
    ...(about === "" ? [] : [about]),
    ...Object.entries(tags).map(([key, value]) => `  ${key}: ${value}`),
    `${runs} runs${byStatus.length > 0 ? `: ${byStatus.join(", ")}` : ""}`,
    ...(lastStartedMs === undefined ? [] : [`the newest began ${new Date(lastStartedMs).toISOString().replace("T", " ").slice(0, 19)}`]),
  ].join("\n");
}

/** Folders before experiments, as files are listed. */
function listText({ folders, experiments, total, nextCursor }: Listed): string {
  const rows = [
    ...folders.map(({ path, experiments: within, runs, running, lastStartedMs }) => ({
      name: `${path}/`,
      experiments: within,
      runs,
      running,
      lastStartedMs,
      id: "",
    })),
    ...experiments.map(({ id, name: of, runs, running, lastStartedMs }) => ({ name: of, experiments: undefined, runs, running, lastStartedMs, id })),
  ];
  const columns = ["name", ...(folders.length > 0 ? ["experiments"] : []), "runs", "running", "lastStartedMs", "id"];
  const more = nextCursor === undefined ? [] : ["", `${experiments.length} of ${total}; the next ones: --cursor ${JSON.stringify(nextCursor)}`];
  return [textTable(rows, columns), ...more].join("\n");
}
