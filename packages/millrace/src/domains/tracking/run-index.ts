import type { Database } from "#ports/database";
import { lastPurge, purgedSince } from "./purged-runs.ts";
import { newRunColumns, type RunColumns } from "./run-columns.ts";
import { contextsAfter, contextsOf } from "./search-store.ts";
import { revisionsSince, runRows, runRowsAfter } from "./store.ts";

/**
 * The columns that searches filter and order by, kept in memory per database and brought up to date by each search. They are a
 * cache of the runs' rows: the first search reads all of them (about 20 µs a run), later ones the runs that changed. What
 * this process writes, it notes; what other processes write to a shared database, it finds by the time of their change.
 */
interface RunIndex {
  columns: RunColumns;
  changed: Set<string>;
  loaded: boolean;
  /** Whether the columns have inputs and notes: read at the first search that asks for them. */
  contextLoaded: boolean;
  newestMs: number;
  /** The last purge that the columns show. */
  purge: number;
  refreshing: Promise<void>;
}

const indexes = new WeakMap<Database, RunIndex>();
/** So that no piece holds up the event loop, and the rows of one are garbage before V8 moves them to its old memory. */
const runsPerRead = 200;
/** How far other processes' clocks and commits may lag behind what was seen already. */
const lagMs = 60_000;

/** Tells that a run changed, once the change is committed. */
export function noteChange(state: Database, run: string): void {
  indexes.get(state)?.changed.add(run);
}

/** The columns, with every change that was committed before the call; `context` also with inputs and notes. */
export async function freshColumns(state: Database, { context = false } = {}): Promise<RunColumns> {
  let index = indexes.get(state);
  if (index === undefined) {
    index = {
      ...{ columns: newRunColumns(), changed: new Set(), newestMs: 0, purge: 0, refreshing: Promise.resolve() },
      ...{ loaded: false, contextLoaded: false },
    };
    indexes.set(state, index);
  }
  const current = index;
  current.refreshing = current.refreshing.catch(() => undefined).then(() => refresh(state, current, context));
  await current.refreshing;
  return current.columns;
}

async function refresh(state: Database, index: RunIndex, context: boolean): Promise<void> {
  if (!index.loaded) await loadAll(state, index);
  else if (state.capabilities.sharedByProcesses) {
    for (const { run, revision } of await revisionsSince(state, index.newestMs - lagMs))
      if (index.columns.revision(run) !== revision) index.changed.add(run);
    const purged = await purgedSince(state, index.purge);
    if (purged === undefined) {
      index.columns = newRunColumns();
      index.contextLoaded = false;
      await loadAll(state, index);
    } else {
      for (const run of purged.runs) index.changed.add(run);
      index.purge = purged.last;
    }
  }
  if (index.changed.size > 0) await readChanged(state, index);
  if (context && !index.contextLoaded) await loadContexts(state, index);
}

async function readChanged(state: Database, index: RunIndex): Promise<void> {
  const runs = [...index.changed];
  index.changed.clear();
  try {
    const rows = await runRows(state, runs);
    for (const row of rows) put(index, row);
    const standing = new Set(rows.map(({ id }) => id));
    for (const run of runs) if (!standing.has(run)) index.columns.remove(run); // purged
    if (index.contextLoaded) for (const row of await contextsOf(state, runs)) index.columns.putContext(row);
  } catch (error) {
    for (const run of runs) index.changed.add(run);
    throw error;
  }
}

async function loadAll(state: Database, index: RunIndex): Promise<void> {
  index.purge = await lastPurge(state); // before the rows: what is purged while they are read is asked for again
  for (let after = ""; ;) {
    const rows = await runRowsAfter(state, after, runsPerRead);
    for (const row of rows) put(index, row);
    if (rows.length < runsPerRead) break;
    after = rows.at(-1)!.id;
    await new Promise((resolve) => setImmediate(resolve)); // SQLite answers in the same turn; others want theirs
  }
  index.loaded = true;
}

async function loadContexts(state: Database, index: RunIndex): Promise<void> {
  for (let after = ""; ;) {
    const rows = await contextsAfter(state, after, runsPerRead);
    for (const row of rows) index.columns.putContext(row);
    if (rows.length < runsPerRead) break;
    after = rows.at(-1)!.run;
    await new Promise((resolve) => setImmediate(resolve)); // as above
  }
  index.contextLoaded = true;
}

function put(index: RunIndex, row: Parameters<RunColumns["put"]>[0]): void {
  index.columns.put(row);
  index.newestMs = Math.max(index.newestMs, row.changed_ms);
}
