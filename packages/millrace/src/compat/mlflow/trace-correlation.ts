import { countTraces } from "#domains/traces";
import { endpoint, type Handler } from "./endpoint.ts";
import { missing, needText, text, texts } from "./request.ts";
import { readTraceFilter } from "./trace-filter.ts";

/** How far two filters find the same traces, of those that a base filter finds: normalised pointwise mutual information. */
const correlate: Handler = async ({ tracking }, fields) => {
  if (fields["experiment_ids"] === undefined || fields["experiment_ids"] === null) throw missing("experiment_ids");
  const experiments = texts(fields, "experiment_ids");
  const base = text(fields, "base_filter");
  const [first, second] = ["filter_string1", "filter_string2"].map((name) => {
    const filter = needText(fields, name);
    return readTraceFilter(base ? `${base} and ${filter}` : filter);
  }) as [ReturnType<typeof readTraceFilter>, ReturnType<typeof readTraceFilter>]; // as many as there are names
  const count = (conditions: typeof first) => countTraces(tracking, { experiments, conditions });
  const total = await count(readTraceFilter(base));
  const [either, other, joint] = [await count(first), await count(second), await count([...first, ...second])];
  const found = correlation({ total, first: either, second: other, joint });
  return {
    ...(found.exact !== undefined && { npmi: found.exact }),
    ...(found.smoothed !== undefined && { npmi_smoothed: found.smoothed }),
    filter1_count: either,
    filter2_count: other,
    joint_count: joint,
    total_count: total,
  };
};

export const correlationRoutes = endpoint("POST", "traces/calculate-filter-correlation", "project:read", correlate, "3.0");

export interface Counts {
  total: number;
  first: number;
  second: number;
  joint: number;
}

/** From -1 (never together) over 0 (independent) to 1 (always together); undefined where one of the two never happens. */
export function correlation({ total, first, second, joint }: Counts): { exact: number | undefined; smoothed: number | undefined } {
  const cells = { both: joint, first: first - joint, second: second - joint, neither: total - first - second + joint };
  if (first === 0 || second === 0 || Math.min(...Object.values(cells)) < 0) return { exact: undefined, smoothed: undefined };
  return { exact: joint === 0 ? -1 : npmi(cells, 0), smoothed: npmi(cells, jeffreysPrior) };
}
/** Added to each cell, so that few observations do not look like certainty. */
const jeffreysPrior = 0.5;

function npmi(cells: { both: number; first: number; second: number; neither: number }, added: number): number {
  if (cells.first === 0 && cells.second === 0 && cells.neither === 0) return 1;
  const both = cells.both + added;
  const [first, second] = [both + cells.first + added, both + cells.second + added];
  const all = first + cells.second + added + cells.neither + added;
  const information = Math.log(both) + Math.log(all) - (Math.log(first) + Math.log(second));
  return Math.max(-1, Math.min(1, information / -(Math.log(both) - Math.log(all))));
}
