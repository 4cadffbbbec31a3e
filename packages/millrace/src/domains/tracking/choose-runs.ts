import { z } from "zod";
import { AppError } from "#kit/app-error";
import { closestName } from "#kit/close-names";
import { parseArgument } from "#kit/parse-argument";
import type { TrackingServices } from "./model.ts";
import type { RunColumns } from "./run-columns.ts";
import { fieldText, kindAndKey, type RunField } from "./run-fields.ts";
import { conditionsOf, matchingRuns, type RunFilter } from "./run-filter.ts";
import { freshColumns } from "./run-index.ts";
import { parseRunQuery } from "./run-query.ts";
import { slotsOf } from "./search-runs.ts";
import { type ExperimentName, experimentNames } from "./search-store.ts";
import { asksForContext, withDerived } from "./searched-columns.ts";

export const runChoiceSchema = z.object({
  /** In the query language. */
  query: z.string().default(""),
  /** Ids or names; a name that ends in `/` is a folder with all below it. */
  experiments: z.array(z.string().min(1)).max(1_000).optional(),
  /** `deleted`: runs that are deleted, or whose experiment is. */
  view: z.enum(["active", "deleted", "all"]).default("active"),
});
export type RunChoice = z.input<typeof runChoiceSchema>;

export interface ChosenRuns {
  columns: RunColumns;
  slots: Int32Array;
  /** How many runs there are in these experiments and this view, whatever the query. */
  total: number;
  /** What the query says. */
  filter: RunFilter;
  experiments: ExperimentName[];
  /** Names in the query that no run has, and what may have been meant. */
  hints: string[];
}

/**
 * Finds the runs that a query and the other bounds choose, without loading any. Throws `invalid_argument` for a query that cannot be
 * read, `not_found` for an experiment that is none.
 *
 * @param fields what is read of these runs besides, for orders and groups
 */
export async function chooseRuns({ state, clock }: TrackingServices, choice: RunChoice, fields: RunField[] = []): Promise<ChosenRuns> {
  const { query, experiments: named, view } = parseArgument(runChoiceSchema, "choice of runs", choice);
  const filter = await readQuery(state, query, clock.now());
  const experiments = await experimentNames(state);
  const context = asksForContext([...conditionsOf(filter), ...fields]);
  const columns = withDerived(await freshColumns(state, { context }), experiments);
  const within = boundsOf(experiments, named, view);
  const base = matchingRuns(columns, within);
  const matching = matchingRuns(columns, filter);
  let total = 0;
  for (let slot = 0; slot < base.length; slot++) {
    total += base[slot]!;
    matching[slot]! &= base[slot]!;
  }
  return { columns, slots: slotsOf(matching), total, filter, experiments, hints: hintsFor(columns, experiments, filter) };
}

/** Reads the query; one that cannot be read once more, with the fields that runs have, to tell which was meant. */
async function readQuery(state: TrackingServices["state"], query: string, nowMs: number): Promise<RunFilter> {
  try {
    return parseRunQuery(query, { nowMs });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const columns = await freshColumns(state);
    return parseRunQuery(query, { nowMs, knownFields: () => knownFields(columns) });
  }
}

function boundsOf(experiments: ExperimentName[], named: string[] | undefined, view: "active" | "deleted" | "all"): RunFilter {
  const gone = experiments.filter(({ deleted_ms }) => deleted_ms !== null).map(({ id }) => id);
  const ofDeleted: RunFilter[] = gone.length === 0 ? [] : [{ attribute: "experiment", op: "in", value: gone }];
  const deleted: RunFilter = { or: [{ attribute: "deletedMs", op: "exists" }, ...ofDeleted] };
  return {
    and: [
      ...(view === "all" ? [] : [view === "deleted" ? deleted : { not: deleted }]),
      ...(named === undefined
        ? []
        : [{ attribute: "experiment" as const, op: "in" as const, value: named.flatMap((each) => idsOf(experiments, each)) }]),
    ],
  };
}

function idsOf(experiments: ExperimentName[], named: string): string[] {
  const found = named.endsWith("/")
    ? experiments.filter(({ name }) => name.startsWith(named))
    : experiments
        .filter(({ id }) => id === named)
        .concat(experiments.filter(({ name }) => name === named))
        .slice(0, 1);
  if (found.length > 0) return found.map(({ id }) => id);
  throw experimentNotFound(named, experiments);
}

/** The error of an experiment that is none, with the name that may have been meant. */
export function experimentNotFound(named: string, experiments: ExperimentName[]): AppError {
  const names = experiments.map(({ name }) => name);
  const close = closestName(named, named.endsWith("/") ? foldersOf(names) : names);
  return new AppError("not_found", `There is no experiment${named.endsWith("/") ? " in the folder" : ""} "${named}".`, {
    hint: close === undefined ? "millrace experiments list" : `Did you mean "${close}"?`,
  });
}

function foldersOf(names: string[]): Set<string> {
  return new Set(names.flatMap((name) => [...name.matchAll(/\//g)].map(({ index }) => name.slice(0, index + 1))));
}

function* knownFields(columns: RunColumns): Iterable<string> {
  for (const metric of columns.keys("metric")) yield fieldText({ metric });
  for (const param of columns.keys("param")) yield fieldText({ param });
  for (const tag of columns.keys("tag")) yield fieldText({ tag });
}

function hintsFor(columns: RunColumns, experiments: ExperimentName[], filter: RunFilter): string[] {
  const hints = new Set<string>();
  for (const condition of conditionsOf(filter)) {
    if ("text" in condition) continue;
    const [kind, key] = kindAndKey(condition);
    const names = experiments.map(({ name }) => name);
    if (key === "experimentName" && condition.op === "=" && !names.includes(String(condition.value)))
      hints.add(`There is no experiment "${String(condition.value)}"${suggestion(closestName(String(condition.value), names), '"')}`);
    if (kind === "attribute" || kind === "input" || (columns.column(kind, key)?.count ?? 0) > 0) continue;
    const other = [{ metric: key }, { param: key }, { tag: key }].find((field) => (columns.column(...kindAndKey(field))?.count ?? 0) > 0);
    const close = closestName(key, columns.keys(kind));
    const meant = other ? fieldText(other) : close === undefined ? undefined : fieldText({ [kind]: close } as RunField); // of the same kind
    hints.add(`No run has ${fieldText(condition)}${suggestion(meant)}`);
    if (hints.size === 5) break;
  }
  return [...hints];
}

function suggestion(meant: string | undefined, quote = ""): string {
  return meant === undefined ? "" : `; did you mean ${quote}${meant}${quote}?`;
}
