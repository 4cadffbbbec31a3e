import { z } from "zod";
import { route } from "#kit/route";
import { textTable } from "#kit/text-table";
import { metricHistory } from "./metric-history.ts";
import type { TrackingServices } from "./model.ts";
import { list, whole } from "./route-inputs.ts";
import { sampleMetrics } from "./sample-metrics.ts";
import { metricNumberSchema, numberText } from "./wire-number.ts";

const metricRoute = route<{ tracking: TrackingServices }>();
const steps = {
  fromStep: z.coerce.number().int().optional().describe("the first step"),
  toStep: z.coerce.number().int().optional().describe("the last step"),
};

export const metricRoutes = [
  metricRoute({
    name: "metrics.history",
    method: "GET",
    path: "/api/runs/{run}/metrics/history",
    summary: "Give the points of a tracked run's metric in order of their steps, page by page; points logged meanwhile shift nothing.",
    permission: "project:read",
    input: z.object({
      run: z.string().describe("its id"),
      key: z.string().describe("the metric, such as auc"),
      ...steps,
      limit: whole(1, 100_000).default(10_000),
      cursor: z.string().optional().describe("of the page before"),
    }),
    output: z.object({
      points: z.array(z.object({ value: metricNumberSchema, step: z.number(), timeMs: z.number() })),
      nextCursor: z.string().optional(),
    }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["run", "key"], rows: "points", columns: ["step", "timeMs", "value"] },
    handle: async ({ tracking }, { run, key, limit, cursor, fromStep, toStep }) => {
      const range = { ...(fromStep !== undefined && { fromStep }), ...(toStep !== undefined && { toStep }) };
      const { points, nextCursor } = await metricHistory(tracking, { run, key, limit, ...range, ...(cursor !== undefined && { cursor }) });
      return { points: points.map((point) => ({ ...point, value: numberText(point.value) })), nextCursor };
    },
  }),
  metricRoute({
    name: "metrics.sample",
    method: "GET",
    path: "/api/metrics/sample",
    summary: "Give the courses of metrics of several tracked runs for a chart: each stretch keeps its first, least, greatest and last point.",
    permission: "project:read",
    input: z.object({
      runs: list(z.string(), 500).describe("ids"),
      keys: list(z.string(), 500).describe("the metrics, such as auc"),
      ...steps,
      buckets: whole(1, 5_000).default(300).describe("stretches a course is cut into"),
    }),
    output: z.object({
      series: z.array(
        z.object({
          ...{ run: z.string(), key: z.string(), points: z.number(), notNumbers: z.number() },
          ...{ steps: z.array(z.number()), timesMs: z.array(z.number()), values: z.array(metricNumberSchema) },
        }),
      ),
    }),
    errors: ["invalid_argument", "not_found"],
    cli: {
      text: ({ series }) =>
        textTable(
          series.map(({ run, key, points, steps: at, values }) => ({
            run,
            key,
            points,
            firstStep: at[0],
            first: values[0],
            lastStep: at.at(-1),
            last: values.at(-1),
          })),
        ),
    },
    handle: async ({ tracking }, input) => {
      const series = await sampleMetrics(tracking, input);
      return { series: series.map((each) => ({ ...each, values: each.values.map(numberText) })) };
    },
  }),
];
