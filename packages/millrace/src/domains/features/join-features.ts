import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { AppError } from "#kit/app-error";
import { digestOf } from "#kit/hash";
import { workerFile } from "#kit/worker-file";
import type { WarehouseColumn, WarehouseTable } from "#ports/warehouse";
import type { KeyColumn } from "./entity-codes.ts";
import { inSlices, sliceRows } from "./in-slices.ts";
import { joinView, type ViewJob } from "./join-view.ts";
import { aliasSchema, isNumeric, type BoundView, type FeatureView } from "./model.ts";
import { featureNames, windowLayout } from "./window-layout.ts";

export interface JoinRequest {
  /** The rows that ask, in any order. */
  spine: WarehouseTable;
  /** The spine's column with the moment each row asks at (epoch ms). */
  time: string;
  /** The views to join, by alias. */
  features: Readonly<Record<string, BoundView>>;
  /** Events by the name of their SQL model (`view.from.name`), with at least the columns that the views use. */
  events: Readonly<Record<string, WarehouseTable>>;
  /** How many views may be joined at the same time. Default: one a core. */
  threads?: number;
  signal?: AbortSignal;
}

export interface JoinedFeatures {
  /** Full names, `<alias>__<feature>_<window>`. */
  names: string[];
  /** One column a name, a value a row of the spine, NaN for missing. All columns of an alias share one buffer. */
  columns: Float32Array[];
}

/**
 * The point-in-time join: every row of the spine with its features as of its own time, seeing the events with
 * t − window ≤ known < t and no other. Rows in = rows out, in the same order. Long joins run in worker threads, one view each, on
 * shared memory; the calling thread stays responsive. Throws `invalid_argument` for a missing table or column.
 */
export async function joinFeatures(request: JoinRequest): Promise<JoinedFeatures> {
  const { spine, features, events } = request;
  const prepare = preparation(request.signal);
  const outputs: { alias: string; view: FeatureView; out: Float32Array }[] = [];
  const jobs = new Map<string, ViewJob>();
  let work = 0;
  for (const [alias, { view, on }] of Object.entries(features)) {
    checkAlias(alias);
    const table = events[view.from.name];
    if (table === undefined) {
      throw new AppError(
        "invalid_argument",
        `Feature view \`${view.name}\` takes its events from \`${view.from.name}\`, which is not among the given tables.`,
      );
    }
    // Bound to several columns, a view is still loaded once.
    const digest = digestOf(view);
    let job = jobs.get(digest);
    if (job === undefined) {
      jobs.set(digest, (job = await eventsJob(view, table, prepare)));
      work += table.rows;
    }
    const out = new Float32Array(new SharedArrayBuffer(4 * spine.rows * windowLayout(view).slots.length));
    const keys: KeyColumn[] = [];
    for (let i = 0; i < on.length; i++)
      keys.push(await askKey(view, columnOf(spine, on[i]!, "spine"), columnOf(table, view.on[i]!, view.from.name), on[i]!, prepare));
    job.asks.push({ rows: spine.rows, keys, time: await prepare.share(numbersOf(spine, request.time, "spine")), out });
    outputs.push({ alias, view, out });
    work += spine.rows;
  }
  if (work <= smallWork) for (const job of jobs.values()) joinView(job);
  else await joinInThreads([...jobs.values()], request.threads ?? availableParallelism(), request.signal);
  return {
    names: outputs.flatMap(({ alias, view }) => featureNames(view, alias)),
    columns: outputs.flatMap(({ view, out }) => windowLayout(view).slots.map((_, slot) => out.subarray(slot * spine.rows, (slot + 1) * spine.rows))),
  };
}

/** Below this many events and asking rows a join takes less than starting a thread, a few milliseconds. */
const smallWork = 20_000;

/** A number column of a table. Throws `invalid_argument` when there is none of that name and kind. */
export function numbersOf(table: WarehouseTable, name: string, tableName: string): Float64Array {
  const column = columnOf(table, name, tableName);
  if (column.kind === "number") return column.values;
  throw new AppError("invalid_argument", `Column \`${name}\` of \`${tableName}\` holds text where numbers are needed.`);
}

export function checkAlias(alias: string): void {
  if (aliasSchema.safeParse(alias).success) return;
  throw new AppError("invalid_definition", `"${alias}" cannot be the alias of a feature view.`, {
    hint: "Use lower-case words joined by single underscores, such as `from_origin`.",
  });
}

/** A column of a table by name. Throws `invalid_argument` when there is none. */
export function columnOf(table: WarehouseTable, name: string, tableName: string): WarehouseColumn {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column !== undefined) return column;
  throw new AppError("invalid_argument", `\`${tableName}\` has no column \`${name}\`.`, {
    hint: `It has: ${table.columns.map((candidate) => candidate.name).join(", ")}.`,
  });
}

async function eventsJob(view: FeatureView, table: WarehouseTable, prepare: Preparation): Promise<ViewJob> {
  const { name } = view.from;
  const keys: KeyColumn[] = [];
  for (const column of view.on) keys.push(await keyColumn(view, columnOf(table, column, name), prepare));
  const measures: Float64Array[] = [];
  for (const measure of windowLayout(view).measures) measures.push(await prepare.share(numbersOf(table, measure.column, name)));
  return { view, events: { rows: table.rows, keys, known: await prepare.share(numbersOf(table, view.known, name)), measures }, asks: [] };
}

async function keyColumn(view: FeatureView, column: WarehouseColumn, prepare: Preparation): Promise<KeyColumn> {
  const numeric = isNumeric(view.from.columns[column.name] ?? "");
  if (numeric !== (column.kind === "number")) {
    throw new AppError(
      "invalid_argument",
      `Key column \`${column.name}\` of feature view \`${view.name}\` is declared ${view.from.columns[column.name]} but holds ${column.kind === "number" ? "numbers" : "text"}.`,
      {
        hint: "Build the SQL models again, so that their handles are up to date.",
      },
    );
  }
  return column.kind === "number"
    ? { kind: "number", values: await prepare.share(column.values) }
    : { kind: "text", codes: await prepare.share(column.codes), levels: column.levels.length };
}

async function askKey(view: FeatureView, asking: WarehouseColumn, events: WarehouseColumn, name: string, prepare: Preparation): Promise<KeyColumn> {
  if (asking.kind === "number" && events.kind === "number") return { kind: "number", values: await prepare.share(asking.values) };
  if (asking.kind !== "text" || events.kind !== "text") {
    throw new AppError(
      "invalid_argument",
      `Column \`${name}\` holds ${asking.kind === "text" ? "text" : "numbers"}, but the key of feature view \`${view.name}\` does not.`,
      {
        hint: "Bind the view to a column of the same kind.",
      },
    );
  }
  const codes = await prepare.share(asking.codes);
  if (asking.levels === events.levels) return { kind: "text", codes, levels: asking.levels.length };
  return { kind: "text", codes, levels: asking.levels.length, into: await prepare.translate(asking.levels, events.levels) };
}

interface Preparation {
  /** The array in shared memory; copied at most once. */
  share<T extends Float64Array | Int32Array>(array: T): Promise<T>;
  /** By code of `from`: the code of the same text in `to`, or -1. */
  translate(from: string[], to: string[]): Promise<Int32Array>;
}

const sliceTexts = 20_000;

/** Copies and look-ups in slices, so that the event loop goes on between them. */
function preparation(signal: AbortSignal | undefined): Preparation {
  const shared = new Map<Float64Array | Int32Array, Float64Array | Int32Array>();
  return {
    async share<T extends Float64Array | Int32Array>(array: T): Promise<T> {
      if (array.buffer instanceof SharedArrayBuffer) return array;
      let copy = shared.get(array);
      if (copy === undefined) {
        const buffer = new SharedArrayBuffer(array.byteLength);
        const target = array instanceof Float64Array ? new Float64Array(buffer) : new Int32Array(buffer);
        await inSlices(array.length, sliceRows, signal, (from, to) => target.set(array.subarray(from, to), from));
        shared.set(array, (copy = target));
      }
      return copy as T; // made above with the same element type
    },
    async translate(from, to) {
      const codes = new Map<string, number>();
      await inSlices(to.length, sliceTexts, signal, (first, end) => {
        for (let code = first; code < end; code++) codes.set(to[code]!, code);
      });
      const into = new Int32Array(new SharedArrayBuffer(4 * from.length));
      await inSlices(from.length, sliceTexts, signal, (first, end) => {
        for (let code = first; code < end; code++) into[code] = codes.get(from[code]!) ?? -1;
      });
      return into;
    },
  };
}

async function joinInThreads(jobs: ViewJob[], threads: number, signal: AbortSignal | undefined): Promise<void> {
  const queue = jobs.toSorted(
    (a, b) => b.events.rows + b.asks.length * (b.asks[0]?.rows ?? 0) - (a.events.rows + a.asks.length * (a.asks[0]?.rows ?? 0)),
  );
  const workers = Array.from(
    { length: Math.max(1, Math.min(threads, queue.length)) },
    () => new Worker(workerFile(import.meta.url, "join-view-worker")).on("error", () => undefined), // a thread that is being ended may still fail
  );
  try {
    await Promise.all(
      workers.map(async (worker) => {
        for (let job = queue.shift(); job !== undefined; job = queue.shift()) await runJob(worker, job, signal);
      }),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

type WorkerAnswer = { done: true } | { error: ReturnType<AppError["toJSON"]> };

function runJob(worker: Worker, job: ViewJob, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      worker.off("error", failed).off("exit", ended).off("message", answered);
      signal?.removeEventListener("abort", aborted);
      finish();
    };
    const failed = (error: unknown) => settle(() => reject(error));
    const ended = (code: number) => settle(() => reject(new AppError("internal", `The thread that joins features ended with code ${code}.`)));
    const aborted = () => settle(() => reject(signal?.reason));
    const answered = (answer: WorkerAnswer) =>
      settle(() => {
        if ("done" in answer) return resolve();
        const { code, message, hint, details } = answer.error;
        reject(new AppError(code, message, { ...(hint !== undefined && { hint }), ...(details !== undefined && { details }) }));
      });
    if (signal?.aborted) return reject(signal.reason);
    signal?.addEventListener("abort", aborted, { once: true });
    worker.on("error", failed).on("exit", ended).on("message", answered);
    worker.postMessage(job);
  });
}
