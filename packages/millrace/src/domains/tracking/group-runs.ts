import { z } from "zod";
import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { chooseRuns, runChoiceSchema } from "./choose-runs.ts";
import type { TrackingServices } from "./model.ts";
import { parseMetricGoals, parseRunFields } from "./order-text.ts";
import type { RunColumns } from "./run-columns.ts";
import { fieldText, kindAndKey, type RunField } from "./run-fields.ts";

export const runGroupingSchema = runChoiceSchema.extend({
  /** Such as `params.kind, experiment`. */
  by: z.string().min(1).max(2_000),
  /** Such as `metrics.auc, metrics.loss min`: the best is the greatest unless told. */
  metrics: z.string().max(10_000).default(""),
  limit: z.int().min(1).max(10_000).default(100),
});

export interface GroupMetric {
  /** Runs of the group with a number for it; NaN is none. */
  runs: number;
  min: number | undefined;
  max: number | undefined;
  mean: number | undefined;
  best: { run: string; value: number } | undefined;
}

export interface RunGroup {
  /** By field as the query language writes it; null where its runs have none. */
  keys: Record<string, string | number | null>;
  runs: number;
  /** By field too. */
  metrics: Record<string, GroupMetric>;
}

/** Groups runs: the largest groups first, then by their keys. `groups` counts all, also those past the limit. */
export async function groupRuns(
  services: TrackingServices,
  grouping: z.input<typeof runGroupingSchema>,
): Promise<{ rows: RunGroup[]; groups: number; matching: number; hints: string[] }> {
  const { by, metrics, limit, ...choice } = parseArgument(runGroupingSchema, "grouping", grouping);
  const fields = parseRunFields(by);
  const goals = parseMetricGoals(metrics);
  if (fields.length === 0 || fields.some((field) => "metric" in field || "input" in field))
    throw new AppError("invalid_argument", `Runs cannot be grouped by "${by}".`, {
      hint: "Group by params.…, tags.… and attributes, such as experiment, folder or status.",
    });
  const { columns, slots, hints } = await chooseRuns(services, choice, fields);
  const groups = [...slotsByKey(columns, slots, fields).values()].sort((a, b) => b.slots.length - a.slots.length || compareKeys(a.keys, b.keys));
  const names = fields.map(fieldText);
  const rows = groups.slice(0, limit).map(({ keys, slots: members }) => ({
    keys: Object.fromEntries(names.map((name, i) => [name, keys[i]!])),
    runs: members.length,
    metrics: Object.fromEntries(goals.map(({ metric, goal }) => [fieldText({ metric }), summarise(columns, members, metric, goal)])),
  }));
  return { rows, groups: groups.length, matching: slots.length, hints };
}

type Key = string | number | null;

function slotsByKey(columns: RunColumns, slots: Int32Array, fields: RunField[]): Map<string, { keys: Key[]; slots: number[] }> {
  const readers = fields.map((field): ((slot: number) => Key) => {
    const column = columns.column(...kindAndKey(field));
    if (column === undefined) return () => null;
    if (column.kind === "number") return (slot) => (column.has(slot) ? column.at(slot) : null);
    return (slot) => column.levels[column.code(slot)] ?? null;
  });
  const groups = new Map<string, { keys: Key[]; slots: number[] }>();
  for (const slot of slots) {
    const keys = readers.map((read) => read(slot));
    const id = JSON.stringify(keys);
    const group = groups.get(id);
    if (group === undefined) groups.set(id, { keys, slots: [slot] });
    else group.slots.push(slot);
  }
  return groups;
}

function summarise(columns: RunColumns, slots: number[], metric: string, goal: "min" | "max"): GroupMetric {
  const column = columns.column("metric", metric);
  const none: GroupMetric = { runs: 0, min: undefined, max: undefined, mean: undefined, best: undefined };
  if (column?.kind !== "number") return none;
  let [runs, sum, min, max, best] = [0, 0, Infinity, -Infinity, -1];
  for (const slot of slots) {
    const value = column.at(slot);
    if (!column.has(slot) || Number.isNaN(value)) continue;
    runs++;
    sum += value;
    min = Math.min(min, value);
    max = Math.max(max, value);
    if (best < 0 || (goal === "max" ? value > column.at(best) : value < column.at(best))) best = slot;
  }
  return runs === 0 ? none : { runs, min, max, mean: sum / runs, best: { run: columns.id(best), value: column.at(best) } };
}

function compareKeys(a: Key[], b: Key[]): number {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (x === y) continue;
    if (x === null || y === null) return x === null ? 1 : -1;
    return x < y ? -1 : 1;
  }
  return 0;
}
