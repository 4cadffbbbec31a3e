import { z } from "zod";
import { parseArgument } from "#kit/parse-argument";
import { type ChosenRuns, chooseRuns, runChoiceSchema } from "./choose-runs.ts";
import { type RunStatus, trackingLimits, type TrackingServices } from "./model.ts";
import { parseRunFields, parseRunOrder } from "./order-text.ts";
import type { RunColumns } from "./run-columns.ts";
import type { RunAttribute, RunField } from "./run-fields.ts";
import { runQueryText } from "./run-query-text.ts";
import { pageOf } from "./search-runs.ts";

export const runQuerySchema = runChoiceSchema.extend({
  /** Such as `metrics.auc desc nulls first, params.lr`. Equal ones: newest start first, then by id. */
  order: z.string().max(10_000).default(""),
  /** Metrics, params and tags that come back, such as `metrics.auc, params.lr`; all where it is left out. */
  select: z.string().max(50_000).optional(),
  limit: z.int().min(1).max(trackingLimits.runsPerPage).default(100),
  /** As the page before gave it, asked with the same order. */
  cursor: z.string().max(100_000).optional(),
});
export type RunQuery = z.input<typeof runQuerySchema>;

/** A run as searches give it: of its metrics, params and tags those that were selected. */
export interface FoundRun {
  id: string;
  name: string;
  /** Its id. */
  experiment: string;
  experimentName: string;
  status: RunStatus;
  actor: string | undefined;
  parent: string | undefined;
  startedMs: number;
  endedMs: number | undefined;
  deletedMs: number | undefined;
  /** Latest values. */
  metrics: Record<string, number>;
  params: Record<string, string>;
  tags: Record<string, string>;
}

export interface FoundPage {
  runs: FoundRun[];
  /** How many runs the query matches, on all pages. */
  matching: number;
  /** How many there are without the query. */
  total: number;
  nextCursor: string | undefined;
  /** The query as it was read, times written out. */
  query: string;
  /** Names in the query that no run has, and what may have been meant. */
  hints: string[];
}

/** Finds runs by a query, page by page; runs that start meanwhile shift nothing. No run is loaded: what comes back is in the columns. */
export async function queryRuns(services: TrackingServices, query: RunQuery): Promise<FoundPage> {
  const { order, select, limit, cursor, ...choice } = parseArgument(runQuerySchema, "search", query);
  const orderBy = parseRunOrder(order);
  const chosen = await chooseRuns(services, choice, orderBy);
  const { slots, nextCursor } = pageOf(chosen.columns, chosen.slots, { orderBy, limit, cursor });
  const read = runReader(chosen, select === undefined ? undefined : parseRunFields(select));
  return { runs: slots.map(read), nextCursor, ...countsOf(chosen) };
}

/** How many runs a query matches, and how many there are. */
export async function countRuns(
  services: TrackingServices,
  choice: z.input<typeof runChoiceSchema>,
): Promise<Omit<FoundPage, "runs" | "nextCursor">> {
  return countsOf(await chooseRuns(services, choice));
}

export function countsOf({ slots, total, filter, hints }: ChosenRuns) {
  return { matching: slots.length, total, query: runQueryText(filter), hints };
}

/** Reads runs from the columns, with the selected metrics, params and tags, or all. */
export function runReader(
  { columns, experiments }: Pick<ChosenRuns, "columns" | "experiments">,
  selected: RunField[] | undefined,
): (slot: number) => FoundRun {
  const names = new Map(experiments.map(({ id, name }) => [id, name]));
  const text = (key: RunAttribute) => textOf(columns, "attribute", key);
  const number = (key: RunAttribute) => numberOf(columns, "attribute", key);
  const attributes = {
    ...{ id: text("id"), name: text("name"), experiment: text("experiment"), status: text("status") },
    parent: text("parent"),
    actor: text("actor"),
  };
  const times = { started: number("startedMs"), ended: number("endedMs"), deleted: number("deletedMs") };
  const keys = (kind: "metric" | "param" | "tag") =>
    selected === undefined
      ? columns.keys(kind)
      : [...new Set(selected.flatMap((field): string[] => (kind in field ? [(field as Record<string, string>)[kind]!] : [])))];
  const metrics = keys("metric").map((key) => [key, numberOf(columns, "metric", key)] as const);
  const params = keys("param").map((key) => [key, textOf(columns, "param", key)] as const);
  const tags = keys("tag").map((key) => [key, textOf(columns, "tag", key)] as const);
  return (slot) => {
    const experiment = attributes.experiment(slot)!; // every run has one
    return {
      ...{ id: attributes.id(slot)!, name: attributes.name(slot)!, experiment, experimentName: names.get(experiment) ?? experiment }, // as above
      status: attributes.status(slot) as RunStatus, // written from one
      ...{ actor: attributes.actor(slot), parent: attributes.parent(slot) },
      ...{ startedMs: times.started(slot)!, endedMs: times.ended(slot), deletedMs: times.deleted(slot) },
      ...{ metrics: valuesAt(metrics, slot), params: valuesAt(params, slot), tags: valuesAt(tags, slot) },
    };
  };
}

function valuesAt<Value>(readers: (readonly [string, (slot: number) => Value | undefined])[], slot: number): Record<string, Value> {
  const entries: [string, Value][] = [];
  for (const [key, read] of readers) {
    const value = read(slot);
    if (value !== undefined) entries.push([key, value]);
  }
  return Object.fromEntries(entries); // not by assignment: a key may be `__proto__`
}

function textOf(columns: RunColumns, kind: "attribute" | "param" | "tag", key: string): (slot: number) => string | undefined {
  const column = columns.column(kind, key);
  return column?.kind === "text" ? (slot) => column.levels[column.code(slot)] : () => undefined;
}

function numberOf(columns: RunColumns, kind: "attribute" | "metric", key: string): (slot: number) => number | undefined {
  const column = columns.column(kind, key);
  return column?.kind === "number" ? (slot) => (column.has(slot) ? column.at(slot) : undefined) : () => undefined;
}
