import type { Database } from "#ports/database";
import type { NumberColumn, RunColumns, TextColumn } from "./run-columns.ts";
import type { RunField } from "./run-fields.ts";
import { conditionsOf, type RunFilter } from "./run-filter.ts";
import { freshColumns } from "./run-index.ts";
import { type ExperimentName, experimentNames } from "./search-store.ts";

/** The columns as a filter and other named fields need them: up to date, with inputs, notes and names of experiments where those are asked for. */
export async function searchedColumns(state: Database, filter: RunFilter, fields: RunField[] = []): Promise<RunColumns> {
  const asked = [...conditionsOf(filter), ...fields];
  const context = asksForContext(asked);
  const experiments = asked.some((each) => "text" in each || ("attribute" in each && ["experimentName", "folder"].includes(each.attribute)));
  return withDerived(await freshColumns(state, { context }), experiments ? await experimentNames(state) : []);
}

/** Whether inputs or notes are needed, which are read at the first search that asks for them. */
export function asksForContext(asked: (RunField | { text: string })[]): boolean {
  return asked.some((each) => "text" in each || "input" in each || ("attribute" in each && each.attribute === "note"));
}

/** The columns, and those that follow from others: an experiment's name and folder, and how long a run took. */
export function withDerived(columns: RunColumns, experiments: ExperimentName[]): RunColumns {
  const names = new Map(experiments.map(({ id, name }) => [id, name]));
  return {
    get size() {
      return columns.size;
    },
    id: (slot) => columns.id(slot),
    slotOf: (id) => columns.slotOf(id),
    revision: (id) => columns.revision(id),
    put: (row) => columns.put(row),
    remove: (id) => columns.remove(id),
    putContext: (row) => columns.putContext(row),
    keys: (kind) => columns.keys(kind),
    column(kind, key) {
      if (kind === "attribute" && key === "experimentName") return mapped(columns, (id) => names.get(id));
      if (kind === "attribute" && key === "folder") return mapped(columns, (id) => folderOf(names.get(id) ?? ""));
      if (kind === "attribute" && key === "durationMs") return duration(columns);
      return columns.column(kind, key);
    },
  };
}

/** Names with `/` are in folders; undefined for those that are in none. */
export function folderOf(name: string): string | undefined {
  const cut = name.lastIndexOf("/");
  return cut < 0 ? undefined : name.slice(0, cut);
}

function mapped(columns: RunColumns, map: (experiment: string) => string | undefined): TextColumn | undefined {
  const ids = columns.column("attribute", "experiment");
  if (ids?.kind !== "text") return undefined;
  const levels = ids.levels.map(map);
  return {
    kind: "text",
    ...{ count: ids.count, decimal: false },
    levels: levels.map((level) => level ?? ""),
    code(slot) {
      const code = ids.code(slot);
      return levels[code] === undefined ? -1 : code;
    },
    set: () => undefined,
  };
}

/** None while a run goes on. */
function duration(columns: RunColumns): NumberColumn | undefined {
  const started = columns.column("attribute", "startedMs");
  const ended = columns.column("attribute", "endedMs");
  if (started?.kind !== "number" || ended?.kind !== "number") return undefined;
  return {
    kind: "number",
    count: ended.count,
    has: (slot) => ended.has(slot),
    at: (slot) => ended.at(slot) - started.at(slot),
    set: () => undefined,
  };
}
