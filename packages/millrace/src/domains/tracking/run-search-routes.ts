import { z } from "zod";
import { route } from "#kit/route";
import { textTable } from "#kit/text-table";
import { compareRuns } from "./compare-runs.ts";
import { exportFormats, exportRuns } from "./export-runs.ts";
import { groupRuns } from "./group-runs.ts";
import type { TrackingServices } from "./model.ts";
import { countRuns, queryRuns } from "./query-runs.ts";
import { flag, list, whole } from "./route-inputs.ts";
import { runColumns, runValues } from "./run-catalogue.ts";
import { comparisonText, foundText } from "./run-texts.ts";
import { metricNumberSchema, numberText } from "./wire-number.ts";
import { foundRunOutput, wireFoundRun } from "./wire-run.ts";

const searchRoute = route<{ tracking: TrackingServices }>();

const choice = {
  query: z.string().default("").describe("such as: metrics.auc > 0.8 AND params.kind = 'trees'"),
  experiments: list(z.string().min(1), 1_000).optional().describe("ids or names; a name that ends in / is a folder with all below it"),
  view: z.enum(["active", "deleted", "all"]).default("active").describe("active (unless told), deleted or all"),
};
const select = z.string().max(50_000).optional().describe("metrics, params and tags to give back, such as: metrics.auc, params.lr");
const order = z.string().max(10_000).default("").describe("such as: metrics.auc desc, params.lr nulls first");
const counts = { matching: z.number(), total: z.number(), query: z.string(), hints: z.array(z.string()) };
const range = { min: metricNumberSchema.optional(), max: metricNumberSchema.optional() };

export const runSearchRoutes = [
  searchRoute({
    name: "runs.search",
    method: "GET",
    path: "/api/runs/search",
    summary: "Find tracked runs of every experiment by a query, in any order, page by page.",
    permission: "project:read",
    input: z.object({ ...choice, order, select, limit: whole(1, 10_000).default(100), cursor: z.string().optional().describe("of the page before") }),
    output: z.object({ runs: z.array(foundRunOutput), nextCursor: z.string().optional(), ...counts }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["query"], text: foundText },
    handle: async ({ tracking }, input) => {
      const page = await queryRuns(tracking, input);
      return { ...page, runs: page.runs.map(wireFoundRun) };
    },
  }),
  searchRoute({
    name: "runs.count",
    method: "GET",
    path: "/api/runs/count",
    summary: "Say how many tracked runs match a query, and how many there are.",
    permission: "project:read",
    input: z.object(choice),
    output: z.object(counts),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["query"], text: ({ matching, total, hints }) => [`${matching} of ${total} runs match`, ...hints].join("\n") },
    handle: ({ tracking }, input) => countRuns(tracking, input),
  }),
  searchRoute({
    name: "runs.group",
    method: "GET",
    path: "/api/runs/groups",
    summary: "Group tracked runs by params, tags or attributes, with how their metrics came out.",
    permission: "project:read",
    input: z.object({
      by: z.string().min(1).max(2_000).describe("such as: params.kind, experiment, folder"),
      ...choice,
      metrics: z.string().max(10_000).default("").describe("such as: metrics.auc, metrics.loss min (the least is the best)"),
      limit: whole(1, 10_000).default(100),
    }),
    output: z.object({
      rows: z.array(
        z.object({
          keys: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
          runs: z.number(),
          metrics: z.record(
            z.string(),
            z.object({
              ...{ runs: z.number(), ...range, mean: metricNumberSchema.optional() },
              best: z.object({ run: z.string(), value: metricNumberSchema }).optional(),
            }),
          ),
        }),
      ),
      groups: z.number(),
      matching: z.number(),
      hints: z.array(z.string()),
    }),
    errors: ["invalid_argument", "not_found"],
    cli: {
      positional: ["by", "query"],
      text: ({ rows }) =>
        textTable(
          rows.map(({ keys, runs, metrics }) => ({
            ...{ ...keys, runs },
            ...Object.fromEntries(
              Object.entries(metrics).flatMap(([name, { mean, best }]) => [
                [`mean ${name}`, mean],
                [`best ${name}`, best?.value],
                [`run of best ${name}`, best?.run],
              ]),
            ),
          })),
        ),
    },
    handle: async ({ tracking }, input) => {
      const { rows, ...rest } = await groupRuns(tracking, input);
      const wire = (value: number | undefined) => (value === undefined ? undefined : numberText(value));
      return {
        ...rest,
        rows: rows.map(({ metrics, ...row }) => ({
          ...row,
          metrics: Object.fromEntries(
            Object.entries(metrics).map(([name, { runs, min, max, mean, best }]) => [
              name,
              { runs, min: wire(min), max: wire(max), mean: wire(mean), best: best && { run: best.run, value: numberText(best.value) } },
            ]),
          ),
        })),
      };
    },
  }),
  searchRoute({
    name: "runs.columns",
    method: "GET",
    path: "/api/runs/columns",
    summary: "List the metrics, params and tags that tracked runs have, with how many have each.",
    permission: "project:read",
    input: z.object(choice),
    output: z.object({
      columns: z.array(
        z.object({
          ...{ field: z.string(), kind: z.enum(["metric", "param", "tag"]), key: z.string(), runs: z.number() },
          ...{ ...range, distinct: z.number().optional() },
        }),
      ),
      matching: z.number(),
    }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["query"], rows: "columns", columns: ["field", "runs", "distinct", "min", "max"] },
    handle: async ({ tracking }, input) => {
      const { columns, matching } = await runColumns(tracking, input);
      const wire = (value: number | undefined) => (value === undefined ? undefined : numberText(value));
      return { matching, columns: columns.map(({ min, max, ...column }) => ({ ...column, min: wire(min), max: wire(max) })) };
    },
  }),
  searchRoute({
    name: "runs.values",
    method: "GET",
    path: "/api/runs/values",
    summary: "List the different values of a param, tag, input or attribute of tracked runs, those of most runs first.",
    permission: "project:read",
    input: z.object({
      field: z.string().min(1).max(1_000).describe("such as: params.kind, status or inputs.name"),
      ...choice,
      containing: z.string().max(1_000).default("").describe("only values with this text, in any case"),
      limit: whole(1, 10_000).default(50),
    }),
    output: z.object({ values: z.array(z.object({ value: z.string(), runs: z.number() })), distinct: z.number() }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["field", "query"], rows: "values", columns: ["value", "runs"] },
    handle: ({ tracking }, input) => runValues(tracking, input),
  }),
  searchRoute({
    name: "runs.compare",
    method: "GET",
    path: "/api/runs/compare",
    summary: "Show what differs between tracked runs: metrics, params, tags, inputs, code and environment.",
    permission: "project:read",
    input: z.object({ runs: list(z.string(), 100).describe("ids"), all: flag.default(false).describe("also what is the same in all of them") }),
    output: comparisonOutput(),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["runs"], text: comparisonText },
    handle: async ({ tracking }, input) => {
      const { metrics, ...rest } = await compareRuns(tracking, input);
      const wire = (value: number | undefined) => (value === undefined ? undefined : numberText(value));
      return {
        ...rest,
        metrics: metrics.map(({ values, min, max, ...field }) => ({
          ...field,
          values: values.map((value) => (value === null ? null : numberText(value))),
          ...{ min: wire(min), max: wire(max) },
        })),
      };
    },
  }),
  searchRoute({
    name: "runs.export",
    method: "GET",
    path: "/api/runs/export",
    summary: "Give all tracked runs that match a query as CSV, JSON or lines of JSON.",
    permission: "project:read",
    input: z.object({ ...choice, format: z.enum(exportFormats).default("csv").describe("csv (unless told), json or ndjson"), order, select }),
    produces: "text/csv",
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["query"] },
    handle: async ({ tracking }, input) => ({
      contentType: {
        csv: "text/csv; charset=utf-8; header=present",
        json: "application/json; charset=utf-8",
        ndjson: "application/x-ndjson; charset=utf-8",
      }[input.format],
      headers: { "content-disposition": `attachment; filename="runs.${input.format}"` },
      body: await exportRuns(tracking, input),
    }),
  }),
];

function comparisonOutput() {
  const field = { key: z.string(), differs: z.boolean() };
  const texts = z.array(z.object({ ...field, values: z.array(z.string().nullable()) }));
  return z.object({
    runs: z.array(
      z.object({
        ...{ id: z.string(), name: z.string(), experiment: z.string(), status: foundRunOutput.shape.status },
        ...{ startedMs: z.number(), endedMs: z.number().optional() },
      }),
    ),
    metrics: z.array(z.object({ ...field, values: z.array(metricNumberSchema.nullable()), ...range })),
    ...{ params: texts, tags: texts, inputs: texts, source: texts, environment: texts },
  });
}
