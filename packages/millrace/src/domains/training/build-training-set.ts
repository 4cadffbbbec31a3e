import { rm } from "node:fs/promises";
import { join } from "node:path";
import { buildTrainingSet as joinTrainingSet } from "#domains/features";
import type { Lake } from "#domains/lake";
import { AppError } from "#kit/app-error";
import { quoteName } from "#kit/sql-text";
import type { BlobStore } from "#ports/blob-store";
import type { FeatureColumn } from "#ports/trainer";
import type { WarehouseTable } from "#ports/warehouse";
import { writeColumnFile, type ColumnArray, type Columns } from "./column-file.ts";
import { viewsInOrder, type PinnedTable, type TrainingSet, type TrainingSetRequest } from "./model.ts";
import { fileColumns, type TrainingTables } from "./training-table.ts";

export interface TrainingSetServices {
  lake: Lake;
  blobs: BlobStore;
  tables: TrainingTables;
  threads: number;
}

export interface BuildOptions {
  scratch: () => Promise<string>;
  signal: AbortSignal;
  onProgress: (text: string) => void;
}

/** Joins examples with their features as of each example's own time and stores the result, sorted by time. Equal requests give equal bytes. */
export async function buildTrainingSet(services: TrainingSetServices, request: TrainingSetRequest, options: BuildOptions): Promise<TrainingSet> {
  options.onProgress("reading the tables");
  const loaded = await loadEvents(services.lake, request);
  const spine = await loadExamples(services.lake, request);
  options.onProgress("joining features");
  const { id, label, time, known, columns } = request;
  const features = viewsInOrder(request.features);
  const beforeMs = request.before === undefined ? undefined : parseDate(request.before);
  const joined = await joinTrainingSet({
    spine,
    events: Object.fromEntries(Object.entries(request.events).map(([model, { table }]) => [model, loaded.get(table)!])),
    ...{ id, label, time, columns, features },
    ...(known !== undefined && { labelKnown: known }),
    ...(beforeMs !== undefined && { beforeMs }),
    ...(request.rows !== undefined && { sample: { rows: request.rows, seed: request.seed } }),
    threads: services.threads,
    signal: options.signal,
  });
  if (joined.id?.kind !== "number")
    throw new AppError("invalid_definition", `Column ${id} cannot name the examples: it holds text.`, { hint: "Choose a column of whole numbers." });

  options.onProgress("writing");
  const inputs = joined.features.map((feature) =>
    feature.kind === "number"
      ? { kind: "number" as const, name: feature.name }
      : { kind: "category" as const, name: feature.name, levels: feature.levels.toSorted() },
  );
  const file: Columns = new Map<string, ColumnArray>([
    [fileColumns.id, joined.id.values],
    [fileColumns.time, joined.time],
    [fileColumns.label, shared(joined.label)],
    ...joined.features.map((feature) => [feature.name, feature.kind === "number" ? shared(feature.values) : sortLevels(feature)] as const),
  ]);
  return {
    kind: "training_set",
    blob: await store(services, joined.rows, file, await options.scratch()),
    request,
    rows: joined.rows,
    signature: { inputs, columns, features, time, id, label, task: "binary" },
    tables: pinned(request),
    firstMs: joined.time[0]!,
    lastMs: joined.time[joined.rows - 1]!,
  };
}

/** The events of each table once, with the columns that some view needs. */
async function loadEvents(lake: Lake, { features, events }: TrainingSetRequest): Promise<Map<string, WarehouseTable>> {
  const wanted = new Map<string, { version: number; columns: Set<string> }>();
  for (const { view } of Object.values(features)) {
    const source = events[view.from.name];
    if (!source)
      throw new AppError(
        "invalid_definition",
        `Feature view \`${view.name}\` takes its events from \`${view.from.name}\`, which is not a model of this project.`,
      );
    const entry = wanted.get(source.table) ?? { version: source.version, columns: new Set<string>() };
    for (const column of Object.keys(view.from.columns)) entry.columns.add(column);
    wanted.set(source.table, entry);
  }
  const loaded = new Map<string, WarehouseTable>();
  for (const [table, { version, columns }] of wanted) loaded.set(table, await lake.columns(table, { select: [...columns], at: { version } }));
  return loaded;
}

/**
 * The rows that may become examples. Where far more are eligible than wanted, the engine thins them out by a hash of their ids to
 * a little more than is wanted, so that the rest need not be held in memory; the exact choice is made afterwards.
 */
async function loadExamples(lake: Lake, request: TrainingSetRequest): Promise<WarehouseTable> {
  const { examples, id, time, label, known, before, rows, columns, features, seed } = request;
  const at = { version: examples.version };
  const type = (await lake.snapshot(examples.table, at)).columns.find((column) => column.name === id)?.type;
  if (type !== undefined && !/INT/.test(type)) {
    throw new AppError("invalid_definition", `Column ${id} cannot name the examples: it is ${type}.`, { hint: "Choose a column of whole numbers." });
  }
  const limit =
    before === undefined
      ? []
      : [time, ...(known === undefined ? [] : [known])].map((column) => `${quoteName(column)} < make_timestamp(${parseDate(before) * 1_000})`);
  const conditions = [`${quoteName(time)} is not null`, `${quoteName(label)} is not null`, ...limit];
  if (rows !== undefined) {
    const eligible = (await lake.columns(examples.table, { select: [id], where: conditions.join(" and "), at })).rows;
    const share = (rows * 1.02) / eligible;
    if (share < 1)
      conditions.push(`(cast(${quoteName(id)} as hugeint) * 2654435761 + ${Math.trunc(seed)} * 40503) & 4294967295 < ${Math.ceil(share * 2 ** 32)}`);
  }
  const select = [
    ...new Set([id, time, label, ...(known === undefined ? [] : [known]), ...columns, ...Object.values(features).flatMap((bound) => bound.on)]),
  ];
  return lake.columns(examples.table, { select, where: conditions.join(" and "), at });
}

async function store({ blobs, tables }: TrainingSetServices, rows: number, columns: Columns, scratch: string): Promise<string> {
  const path = join(scratch, "training-set.columns");
  const digest = await writeColumnFile(path, rows, columns);
  const blob = `training-sets/${digest}.columns`;
  await blobs.putFile(blob, path, { ifAbsent: true });
  await rm(path, { force: true });
  tables.keep(blob, columns);
  return blob;
}

/** Codes into the sorted levels, so that a category's code does not depend on the order in which the table was read. */
function sortLevels({ codes, levels }: FeatureColumn & { kind: "category" }): Int32Array {
  const sorted = new Map(levels.toSorted().map((level, code) => [level, code]));
  const into = levels.map((level) => sorted.get(level)!);
  const out = new Int32Array(new SharedArrayBuffer(4 * codes.length));
  for (let i = 0; i < codes.length; i++) out[i] = codes[i]! < 0 ? -1 : into[codes[i]!]!;
  return out;
}

function shared(values: Float32Array): Float32Array {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const out = new Float32Array(new SharedArrayBuffer(values.byteLength));
  out.set(values);
  return out;
}

function pinned({ examples, events }: TrainingSetRequest): PinnedTable[] {
  const byName = new Map([examples, ...Object.values(events)].map((each) => [each.table, each]));
  return [...byName.values()].map(({ table, version }) => ({ table, version }));
}

function parseDate(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new AppError("invalid_argument", `\`before\` is "${text}", which is not a date.`, { hint: "Write it as 2001-06-01." });
  return ms;
}
