import { z } from "zod";
import { AppError } from "#kit/app-error";
import { route } from "#kit/route";
import { deleteRun, finishRun, restoreRun, updateRun } from "./change-run.ts";
import { ensureExperiment } from "./create-experiment.ts";
import { getRun } from "./get-run.ts";
import { logBatch } from "./log-batch.ts";
import { type MetricPoint, newRunSchema, runInputSchema, runOutputSchema, type TrackingServices } from "./model.ts";
import { changedTextsSchema, textsSchema } from "./route-inputs.ts";
import { detailText } from "./run-texts.ts";
import { findExperiment } from "./store.ts";
import { startRun } from "./start-run.ts";
import { type MetricNumber, metricNumberSchema } from "./wire-number.ts";
import { runDetailOutput, runOutput, wireRun } from "./wire-run.ts";

const runRoute = route<{ tracking: TrackingServices }>();
const run = z.string().describe("its id");
const { id, name, parent, startedMs, source, environment, inputs, note } = newRunSchema.shape;
const logged = {
  params: textsSchema.optional(),
  tags: textsSchema.optional(),
  metrics: z.record(z.string(), metricNumberSchema).optional().describe("values by key, all at one step"),
  step: z.int().optional().describe("of these metrics; 0 unless told"),
  timeMs: z.int().min(0).optional().describe("of these metrics; now unless told"),
  points: z
    .array(z.object({ key: z.string(), value: metricNumberSchema, step: z.int().optional(), timeMs: z.int().min(0).optional() }))
    .max(100_000)
    .optional()
    .describe("values of metrics with steps and times of their own"),
  inputs: z.array(runInputSchema).max(1_000).optional(),
  outputs: z.array(runOutputSchema).max(1_000).optional(),
};

export const runRoutes = [
  runRoute({
    name: "runs.start",
    method: "POST",
    path: "/api/runs",
    summary: "Start a tracked run in an experiment, which is made where there is none of that name.",
    permission: "project:run",
    input: z.object({
      experiment: z.string().min(1).describe("its id or name"),
      ...{
        id,
        name,
        parent,
        startedMs,
        source: source.optional(),
        environment: environment.optional(),
        inputs: inputs.optional(),
        note: note.optional(),
      },
      ...{ params: textsSchema.optional(), tags: textsSchema.optional() },
    }),
    output: runDetailOutput,
    errors: ["invalid_argument", "not_found", "conflict"],
    cli: false,
    handle: async ({ tracking }, { experiment, ...given }, { actor }) => {
      const { id: experimentId } = (await findExperiment(tracking.state, { id: experiment })) ?? (await ensureExperiment(tracking, experiment));
      return wireRun(await startRun(tracking, { ...defined(given), experiment: experimentId, actor: actor.name }));
    },
  }),
  runRoute({
    name: "runs.log",
    method: "POST",
    path: "/api/runs/{run}/log",
    summary: "Log params, tags, metrics, inputs and outputs of a run: all of it, durable when answered, or nothing. May be repeated.",
    permission: "project:run",
    input: z.object({ run, ...logged }),
    output: z.object({ run: z.string(), points: z.number() }),
    errors: ["invalid_argument", "not_found", "conflict"],
    cli: false,
    handle: async ({ tracking }, { run: runId, metrics = {}, step, timeMs, points = [], ...rest }) => {
      const at = defined({ step, timeMs });
      const all: MetricPoint[] = [
        ...Object.entries(metrics).map(([key, value]) => ({ key, value: numberOf(value), ...at })),
        ...points.map(({ value, ...point }) => ({ ...defined(point), value: numberOf(value) })),
      ];
      await logBatch(tracking, { run: runId, ...defined(rest), metrics: all });
      return { run: runId, points: all.length };
    },
  }),
  runRoute({
    name: "runs.finish",
    method: "POST",
    path: "/api/runs/{run}/finish",
    summary: "End a tracked run. Ending it again the same way changes nothing.",
    permission: "project:run",
    input: z.object({ run, status: z.enum(["finished", "failed", "killed"]).default("finished"), endedMs: z.int().min(0).optional() }),
    output: runOutput,
    errors: ["invalid_argument", "not_found", "conflict"],
    cli: { positional: ["run", "status"], text: ({ name: of, status }) => `${of} is ${status}` },
    handle: async ({ tracking }, { run: runId, status, endedMs }) =>
      wireRun(await finishRun(tracking, { run: runId, status, ...(endedMs !== undefined && { endedMs }) })),
  }),
  runRoute({
    name: "runs.details",
    method: "GET",
    path: "/api/runs/{run}/details",
    summary: "Show everything a tracked run was told: metrics, params, tags, inputs, outputs, code and environment.",
    permission: "project:read",
    input: z.object({ run }),
    output: runDetailOutput,
    errors: ["not_found"],
    cli: { positional: ["run"], text: detailText },
    handle: async ({ tracking }, input) => wireRun(await getRun(tracking, input.run)),
  }),
  runRoute({
    name: "runs.update",
    method: "PATCH",
    path: "/api/runs/{run}",
    summary: "Change the name, note or tags of a tracked run.",
    permission: "project:run",
    input: z.object({
      run,
      name: name.describe("a new name"),
      note: note.removeDefault().optional().describe("a text for people, Markdown"),
      tags: changedTextsSchema.optional().describe("tags to set, as JSON; null takes one away"),
    }),
    output: runOutput,
    errors: ["invalid_argument", "not_found", "conflict"],
    cli: { positional: ["run"], text: ({ name: of }) => `${of} is changed` },
    handle: async ({ tracking }, { run: runId, ...change }) => {
      if (Object.values(change).every((each) => each === undefined))
        throw new AppError("invalid_argument", "Nothing is to be changed.", { hint: "Give a name, a note or tags." });
      return wireRun(await updateRun(tracking, { run: runId, ...defined(change) }));
    },
  }),
  runRoute({
    name: "runs.delete",
    method: "DELETE",
    path: "/api/runs/{run}",
    summary: "Delete a tracked run: searches leave it out, and it can be restored.",
    permission: "project:run",
    input: z.object({ run }),
    output: z.object({ deleted: z.string() }),
    errors: ["not_found"],
    cli: { positional: ["run"] },
    handle: async ({ tracking }, input) => {
      await deleteRun(tracking, input);
      return { deleted: input.run };
    },
  }),
  runRoute({
    name: "runs.restore",
    method: "POST",
    path: "/api/runs/{run}/restore",
    summary: "Take back that a tracked run was deleted.",
    permission: "project:run",
    input: z.object({ run }),
    output: z.object({ restored: z.string() }),
    errors: ["not_found"],
    cli: { positional: ["run"] },
    handle: async ({ tracking }, input) => {
      await restoreRun(tracking, input);
      return { restored: input.run };
    },
  }),
];

function numberOf(value: MetricNumber): number {
  return Number(value); // the three texts are names of numbers
}

/** Without the fields that are undefined. */
function defined<Fields extends object>(fields: Fields): { [Key in keyof Fields]: Exclude<Fields[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never; // the same fields
}
