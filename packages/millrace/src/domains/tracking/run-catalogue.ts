import { z } from "zod";
import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { breather } from "./breathe.ts";
import { chooseRuns, runChoiceSchema } from "./choose-runs.ts";
import type { TrackingServices } from "./model.ts";
import { parseRunFields } from "./order-text.ts";
import type { NumberColumn, TextColumn } from "./run-columns.ts";
import { fieldText, kindAndKey } from "./run-fields.ts";
import { numberIn } from "./run-filter.ts";

export interface RunColumn {
  /** As the query language writes it, such as metrics.auc. */
  field: string;
  kind: "metric" | "param" | "tag";
  key: string;
  /** How many of the runs have it. */
  runs: number;
  /** Of metrics, and of params and tags whose values are all numbers: NaN left out. */
  min: number | undefined;
  max: number | undefined;
  /** Different values; undefined for metrics. */
  distinct: number | undefined;
}

/** The metrics, params and tags that the chosen runs have: by kind, those of most runs first. */
export async function runColumns(
  services: TrackingServices,
  choice: z.input<typeof runChoiceSchema>,
): Promise<{ columns: RunColumn[]; matching: number }> {
  const { columns, slots } = await chooseRuns(services, choice);
  const found: RunColumn[] = [];
  const breathe = breather();
  for (const kind of ["metric", "param", "tag"] as const) {
    const ofKind: RunColumn[] = [];
    for (const key of columns.keys(kind)) {
      const column = columns.column(kind, key);
      if (column === undefined || column.count === 0) continue;
      const facts = column.kind === "number" ? numberFacts(column, slots) : textFacts(column, slots);
      if (facts.runs > 0) ofKind.push({ field: fieldText({ [kind]: key } as { metric: string }), kind, key, ...facts }); // one of the three
      await breathe(); // there may be thousands of keys
    }
    found.push(...ofKind.sort((a, b) => b.runs - a.runs || (a.key < b.key ? -1 : 1)));
  }
  return { columns: found, matching: slots.length };
}

export const runValuesSchema = runChoiceSchema.extend({
  /** Such as params.kind, status or inputs.name. */
  field: z.string().min(1).max(1_000),
  /** Only values that have this text, in any case. */
  containing: z.string().max(1_000).default(""),
  limit: z.int().min(1).max(10_000).default(50),
});

/** The different values of a text field among the chosen runs, those of most runs first: for completion. `distinct` counts all. */
export async function runValues(
  services: TrackingServices,
  wanted: z.input<typeof runValuesSchema>,
): Promise<{ values: { value: string; runs: number }[]; distinct: number }> {
  const { field: name, containing, limit, ...choice } = parseArgument(runValuesSchema, "question for values", wanted);
  const [field, ...more] = parseRunFields(name);
  if (field === undefined || more.length > 0)
    throw new AppError("invalid_argument", `"${name}" is not one field.`, { hint: "Ask for one at a time." });
  const { columns, slots } = await chooseRuns(services, choice, [field]);
  const column = columns.column(...kindAndKey(field));
  if ("metric" in field || column?.kind === "number")
    throw new AppError("invalid_argument", `The values of ${fieldText(field)} are numbers, not a list to choose from.`, {
      hint: "millrace runs columns tells their range.",
    });
  const counts = new Map<string, number>();
  const text = containing.toLowerCase();
  for (const [level, runs] of column === undefined ? [] : levelCounts(column, slots)) {
    const values = "input" in field ? (JSON.parse(level) as string[]) : [level]; // a column of inputs has lists
    for (const value of values) if (value.toLowerCase().includes(text)) counts.set(value, (counts.get(value) ?? 0) + runs);
  }
  const values = [...counts].map(([value, runs]) => ({ value, runs })).sort((a, b) => b.runs - a.runs || (a.value < b.value ? -1 : 1));
  return { values: values.slice(0, limit), distinct: values.length };
}

type Facts = Pick<RunColumn, "runs" | "min" | "max" | "distinct">;

function numberFacts(column: NumberColumn, slots: Int32Array): Facts {
  let [runs, min, max] = [0, Infinity, -Infinity];
  for (const slot of slots) {
    if (!column.has(slot)) continue;
    runs++;
    const value = column.at(slot);
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { runs, distinct: undefined, ...(min <= max ? { min, max } : { min: undefined, max: undefined }) };
}

function textFacts(column: TextColumn, slots: Int32Array): Facts {
  const levels = levelCounts(column, slots);
  const numbers = levels.map(([level]) => numberIn(level));
  const range =
    numbers.length > 0 && !numbers.some(Number.isNaN)
      ? { min: numbers.reduce((a, b) => Math.min(a, b)), max: numbers.reduce((a, b) => Math.max(a, b)) }
      : undefined;
  return { runs: levels.reduce((sum, [, runs]) => sum + runs, 0), distinct: levels.length, min: range?.min, max: range?.max };
}

function levelCounts(column: TextColumn, slots: Int32Array): [string, number][] {
  const counts = new Uint32Array(column.levels.length);
  for (const slot of slots) {
    const code = column.code(slot);
    if (code >= 0) counts[code]!++;
  }
  return [...counts].flatMap((runs, code) => (runs > 0 ? [[column.levels[code]!, runs] as [string, number]] : []));
}
