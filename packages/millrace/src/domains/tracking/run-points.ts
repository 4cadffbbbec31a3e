import { mergeColumns, type MetricColumns } from "./metric-columns.ts";
import { pointsOf } from "./metric-history.ts";
import type { TrackingServices } from "./model.ts";
import { metricState, segmentsOf, tailOf } from "./store.ts";

/**
 * All points of a run, metric by metric, each distinct point once, in the order of history. For who wants all of them: a metric's
 * history asked for alone reads what other metrics logged beside it. Throws `not_found`.
 */
export async function* runPoints({ state }: TrackingServices, run: string): AsyncGenerator<{ key: string; points: MetricColumns }> {
  const { keys } = await metricState(state, run);
  const tail = await tailOf(state, run); // before the segments, as a history is read
  for (const [metric, key] of keys.entries()) {
    const recent = tail.map((part) => pointsOf(part, metric)).filter((part) => part.count > 0);
    yield { key, points: mergeColumns([...(await segmentsOf(state, run, metric)), ...recent]) };
  }
}
