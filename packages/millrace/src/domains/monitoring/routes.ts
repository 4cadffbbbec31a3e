import { z } from "zod";
import { AppError } from "#kit/app-error";
import { route } from "#kit/route";
import type { Database } from "#ports/database";
import { dailyMetricsSchema, dayDriftSchema, dayMs } from "./model.ts";
import { lastClose, selectDays, selectDrift } from "./store.ts";

const monitoringRoute = route<{ monitoring: { state: Database } }>();

export const monitoringRoutes = [
  monitoringRoute({
    name: "monitoring.days",
    method: "GET",
    path: "/api/endpoints/{endpoint}/days",
    summary: "Show how an endpoint's predictions turned out, by day of the prediction.",
    permission: "project:read",
    input: z.object({ endpoint: z.string() }),
    output: z.object({ days: z.array(dailyMetricsSchema) }),
    errors: ["not_found"],
    cli: {
      positional: ["endpoint"],
      rows: "days",
      columns: ["day", "version", "role", "predictions", "labelled", "auc", "aucStandardError", "logLoss", "calibration", "baseRate"],
    },
    handle: async ({ monitoring: { state } }, { endpoint }) => {
      await requireMonitored(state, endpoint);
      return { days: await selectDays(state, { endpoint }) };
    },
  }),
  monitoringRoute({
    name: "monitoring.drift",
    method: "GET",
    path: "/api/endpoints/{endpoint}/drift",
    summary: "Show how far a day's inputs have moved from the training rows, and which checks of them failed.",
    permission: "project:read",
    input: z.object({ endpoint: z.string(), day: z.iso.date().optional().describe("a day such as 2001-06-12; the last closed one when left out") }),
    output: z.object({ drift: z.array(dayDriftSchema) }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["endpoint", "day"], text: driftText },
    handle: async ({ monitoring: { state } }, { endpoint, day }) => {
      const last = await requireMonitored(state, endpoint);
      const fromMs = day === undefined ? last - dayMs : Date.parse(day);
      return { drift: await selectDrift(state, { endpoint, fromMs, untilMs: fromMs + dayMs }) };
    },
  }),
];

/** A line a feature, those that moved most first. */
function driftText({ drift }: { drift: z.infer<typeof dayDriftSchema>[] }): string {
  const number = (value: number | null) => (value === null ? "" : value.toFixed(4)).padStart(9);
  return drift
    .flatMap(({ day, version, rows, features, quality }) => [
      `${day}, ${rows} rows against the training rows of v${version}`,
      `  ${"feature".padEnd(34)}${"PSI".padStart(9)}${"KS".padStart(9)}`,
      ...features.toSorted((a, b) => (b.psi ?? 0) - (a.psi ?? 0)).map(({ feature, psi, ks }) => `  ${feature.padEnd(34)}${number(psi)}${number(ks)}`),
      ...quality.failed.map(({ reason }) => `  ${reason}`),
    ])
    .join("\n");
}

async function requireMonitored(state: Database, endpoint: string): Promise<number> {
  const close = await lastClose(state, endpoint);
  if (close) return close.dayEndMs;
  throw new AppError("not_found", `No day of endpoint "${endpoint}" has been closed yet.`, {
    hint: "Its live metrics come with its first day of events.",
  });
}
