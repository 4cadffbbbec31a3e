import { stableJson } from "#kit/hash";
import { parseArgument } from "#kit/parse-argument";
import { z } from "zod";
import { getRun } from "./get-run.ts";
import type { RunDetail, TrackingServices } from "./model.ts";

export const comparisonSchema = z.object({
  runs: z
    .array(z.string())
    .max(100)
    .refine((runs) => new Set(runs).size > 1, "must be two different runs at least"),
  /** Also what is the same in all of them. */
  all: z.boolean().default(false),
});

/** One thing runs know, with what each of them has, in the order of `runs`; null where it has none. */
export interface ComparedField<Value> {
  key: string;
  values: (Value | null)[];
  differs: boolean;
}

export interface RunComparison {
  runs: { id: string; name: string; experiment: string; status: RunDetail["status"]; startedMs: number; endedMs: number | undefined }[];
  metrics: (ComparedField<number> & { min: number | undefined; max: number | undefined })[];
  params: ComparedField<string>[];
  tags: ComparedField<string>[];
  /** By name and use; the value is the version or digest of the data. */
  inputs: ComparedField<string>[];
  /** Commit, branch, entry and the like. */
  source: ComparedField<string>[];
  /** Versions, packages and the machine. */
  environment: ComparedField<string>[];
}

/** What differs between runs. Throws `not_found` for a run that is none. */
export async function compareRuns(services: TrackingServices, comparison: z.input<typeof comparisonSchema>): Promise<RunComparison> {
  const { runs: ids, all } = parseArgument(comparisonSchema, "comparison", comparison);
  const runs: RunDetail[] = [];
  for (const id of new Set(ids)) runs.push(await getRun(services, id));
  const fields = <Value>(read: (run: RunDetail) => [string, Value][]) => comparedFields(runs.map(read), all);
  return {
    runs: runs.map(({ id, name, experiment, status, startedMs, endedMs }) => ({ id, name, experiment, status, startedMs, endedMs })),
    metrics: fields((run) => Object.entries(run.metrics).map(([key, { value }]): [string, number] => [key, value])).map(withRange),
    params: fields(({ params }) => Object.entries(params)),
    tags: fields(({ tags }) => Object.entries(tags)),
    inputs: fields(inputTexts),
    source: fields(({ source }) => leaves(source)),
    environment: fields(({ environment }) => leaves(environment)),
  };
}

function comparedFields<Value>(records: [string, Value][][], all: boolean): ComparedField<Value>[] {
  const maps = records.map((entries) => new Map(entries));
  const keys = [...new Set(maps.flatMap((map) => [...map.keys()]))].sort();
  const compared = keys.map((key) => {
    const values = maps.map((map) => map.get(key) ?? null);
    return { key, values, differs: values.some((value) => value !== values[0] && !Object.is(value, values[0])) };
  });
  return all ? compared : compared.filter(({ differs }) => differs);
}

function withRange(field: ComparedField<number>) {
  const numbers = field.values.filter((value): value is number => value !== null && !Number.isNaN(value));
  return { ...field, min: numbers.length > 0 ? Math.min(...numbers) : undefined, max: numbers.length > 0 ? Math.max(...numbers) : undefined };
}

function inputTexts({ inputs }: RunDetail): [string, string][] {
  const texts = new Map<string, string[]>();
  for (const { name, use, version, digest, table } of inputs) {
    const key = use === undefined ? name : `${name} (${use})`;
    const known = [table !== undefined && table !== name ? table : undefined, version === undefined ? undefined : `v${version}`, digest];
    texts.set(key, [...(texts.get(key) ?? []), known.filter((part) => part !== undefined).join(" ") || "some"]);
  }
  return [...texts].map(([key, values]) => [key, values.sort().join(", ")]);
}

/** Values of a JSON object with the paths to them; lists are values. */
function leaves(value: object, path = ""): [string, string][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]): [string, string][] => {
    if (inner === null || inner === undefined) return [];
    if (typeof inner === "object" && !Array.isArray(inner)) return leaves(inner, `${path}${key}.`);
    return [[path + key, typeof inner === "string" ? inner : stableJson(inner)]];
  });
}
