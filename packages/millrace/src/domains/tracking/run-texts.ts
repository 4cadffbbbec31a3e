import type { z } from "zod";
import { textTable } from "#kit/text-table";
import type { foundRunOutput, runDetailOutput } from "./wire-run.ts";
import type { MetricNumber } from "./wire-number.ts";

/** Runs as people want to see them on a terminal. */

interface Found {
  runs: z.output<typeof foundRunOutput>[];
  matching: number;
  total: number;
  query: string;
  hints: string[];
  nextCursor?: string | undefined;
}

const columnsAtMost = 4;

/** A line a run, with some metrics and params, those of the query first: all of them are in the JSON, or chosen with a selection. */
export function foundText({ runs, matching, total, query, hints, nextCursor }: Found): string {
  const keys = (kind: "metrics" | "params") => {
    const all = [...new Set(runs.flatMap((run) => Object.keys(run[kind])))];
    const asked = all.filter((key) => query.includes(`${kind}.${key}`));
    return [...new Set([...asked, ...all])].slice(0, Math.max(columnsAtMost, asked.length));
  };
  const [metrics, params] = [keys("metrics"), keys("params")];
  const rows = runs.map((run) => ({
    ...{ id: run.id, name: run.name, experiment: run.experimentName, status: run.status, startedMs: run.startedMs },
    ...Object.fromEntries(metrics.map((key) => [key, run.metrics[key]])),
    ...Object.fromEntries(params.map((key) => [`params.${key}`, run.params[key]])),
  }));
  const more = nextCursor === undefined ? [] : [`the next ones: --cursor ${nextCursor}`];
  return [textTable(rows), "", `${runs.length} of ${matching} matching, ${total} in all`, ...hints, ...more].join("\n");
}

interface Field {
  key: string;
  values: (MetricNumber | string | null)[];
}
interface Comparison extends Record<"metrics" | "params" | "tags" | "inputs" | "source" | "environment", Field[]> {
  runs: { id: string; name: string }[];
}

/** A column a run, a block a kind of fact. */
export function comparisonText(comparison: Comparison): string {
  const heads = comparison.runs.map(({ id, name }, i) => (comparison.runs.findIndex((run) => run.name === name) === i ? name : id));
  const block = (title: string, fields: Field[]) =>
    fields.length === 0
      ? []
      : ["", textTable(fields.map(({ key, values }) => ({ [title]: key, ...Object.fromEntries(values.map((value, i) => [heads[i]!, value])) })))];
  const { metrics, params, tags, inputs, source, environment } = comparison;
  const blocks = [
    ...[block("metrics", metrics), block("params", params), block("tags", tags)],
    ...[block("inputs", inputs), block("code", source), block("environment", environment)],
  ].flat();
  return [
    textTable(comparison.runs, ["id", "name", "experiment", "status", "startedMs", "endedMs"]),
    ...(blocks.length > 0 ? blocks : ["", "They do not differ."]),
  ].join("\n");
}

/** Everything a run was told, in blocks. */
export function detailText(run: z.output<typeof runDetailOutput>): string {
  const time = (ms: number) => new Date(ms).toISOString().replace("T", " ").slice(0, 19);
  const block = (title: string, entries: [string, unknown][]) => {
    const width = Math.max(...entries.map(([key]) => key.length)) + 2;
    return entries.length === 0 ? [] : ["", title, ...entries.map(([key, value]) => `  ${key.padEnd(width)}${shown(value)}`)];
  };
  const by = run.actor === undefined ? "" : ` by ${run.actor}`;
  const ended = run.endedMs === undefined ? "" : `, ended ${time(run.endedMs)}`;
  return [
    `${run.name} (${run.id}), ${run.status}${run.deletedMs === undefined ? "" : ", deleted"}`,
    `experiment ${run.experiment}, started ${time(run.startedMs)}${by}${ended}`,
    ...(run.note === "" ? [] : ["", run.note.replaceAll(/[^\P{Cc}\n]/gu, " ")]),
    ...block(
      "metrics",
      Object.entries(run.metrics).map(([key, { value, step }]) => [key, step === 0 ? value : `${shown(value)} at step ${step}`]),
    ),
    ...block("params", Object.entries(run.params)),
    ...block("tags", Object.entries(run.tags)),
    ...block(
      "inputs",
      run.inputs.map(({ name, ...rest }) => [name, rest]),
    ),
    ...block(
      "outputs",
      run.outputs.map(({ name, ...rest }) => [name, rest]),
    ),
    ...block("code", Object.entries(run.source)),
    ...block("environment", Object.entries(run.environment)),
  ].join("\n");
}

function shown(value: unknown): string {
  if (typeof value === "number") return String(Number(value.toPrecision(6)));
  return (typeof value === "string" ? value : JSON.stringify(value)).replaceAll(/\p{Cc}/gu, " "); // a value must not move the cursor
}
