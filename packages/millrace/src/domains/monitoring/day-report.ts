import { AppError } from "#kit/app-error";
import type { Database } from "#ports/database";
import { dayMs, dayName, type CloseCounts, type DayReport } from "./model.ts";
import { lastClose, selectDays, selectDrift } from "./store.ts";

/** What is known of a closed day now; outcomes that came later are in it. Throws `not_found` for a day that is not closed. */
export async function dayReport({ state }: { state: Database }, endpoint: string, dayEndMs: number): Promise<DayReport> {
  const newest = await lastClose(state, endpoint);
  if (!newest || newest.dayEndMs < dayEndMs) {
    throw new AppError("not_found", `${dayName(dayEndMs - dayMs)} has not been closed for endpoint "${endpoint}".`, {
      hint: newest ? `The last closed day is ${dayName(newest.dayEndMs - dayMs)}.` : "No day has been closed yet.",
    });
  }
  const close = await lastClose(state, endpoint, dayEndMs);
  const days = { endpoint, fromMs: dayEndMs - dayMs, untilMs: dayEndMs };
  return {
    endpoint,
    day: dayName(dayEndMs - dayMs),
    dayEndMs,
    servingVersion: close?.servingVersion,
    counts: close?.dayEndMs === dayEndMs ? close.counts : nothing, // a day without any events is not written down
    tableVersion: close?.tableVersion,
    metrics: await selectDays(state, days),
    drift: await selectDrift(state, days),
  };
}

const nothing: CloseCounts = {
  ...{ predictions: 0, outcomes: 0, labelled: 0, duplicates: 0, withoutPrediction: 0, withoutLabel: 0, unlabelled: 0, late: 0 },
};
