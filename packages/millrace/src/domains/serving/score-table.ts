// Budget: 500,000 rows of 26 features in 10 s of one core, at most 250,000 rows' features in memory.
import { joinFeatures, type BoundView } from "#domains/features";
import type { Lake } from "#domains/lake";
import { scoreColumns, viewsInOrder } from "#domains/training";
import { AppError } from "#kit/app-error";
import { sha256 } from "#kit/hash";
import { quoteName } from "#kit/sql-text";
import type { FeatureColumn } from "#ports/trainer";
import type { Warehouse, WarehouseColumn, WarehouseTable } from "#ports/warehouse";
import type { ServedModel } from "./served-model.ts";
import type { ModelRows } from "./services.ts";

export interface ScoreTableServices {
  lake: Lake;
  warehouse: Warehouse;
  /** The newest build of a SQL model. */
  modelRows(model: string): Promise<ModelRows>;
}

export interface ScoreTableRequest {
  model: ServedModel;
  /** Table of the lake with a row per question, such as `models.flights`; at its newest version unless another is given. */
  table: string;
  version?: number;
  /** SQL condition on the table's columns: only these rows. */
  where?: string;
  /** The scores go to the table `predictions.<into>`. */
  into: string;
  /** Rows whose features are in memory at a time. */
  rowsPerChunk?: number;
  threads?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, rows: number) => void;
}

export interface ScoredTable {
  table: string;
  version: number;
  /** The version of the table that was scored. */
  of: { table: string; version: number };
  /** Rows written by this call; 0 where they were there already. */
  rows: number;
  skipped: boolean;
}

/**
 * Scores a table, each row as of its own time with what was known then, and appends id, time, score, version and model to
 * `predictions.<into>` as one table version: all of it or nothing, and once for a model and what it can see of the rows, however
 * often it is called and whatever later rows the table has got since. The numbers are those that the stream gives for the same rows.
 */
export async function scoreTable(services: ScoreTableServices, request: ScoreTableRequest): Promise<ScoredTable> {
  const { lake, warehouse } = services;
  const { model, table, where, into, signal } = request;
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(into))
    throw new AppError("invalid_argument", `"${into}" cannot name a table of predictions.`, {
      hint: "Use lower-case letters, digits and underscores.",
    });
  const snapshot = await lake.snapshot(table, request.version === undefined ? undefined : { version: request.version });
  const target = `predictions.${into}`;
  const of = { table, version: snapshot.version };
  checkColumns(table, model, new Set(snapshot.columns.map(({ name }) => name)));
  const relation = await lake.relation(table, { version: snapshot.version });
  const { time } = model.signature;
  const filter = `${quoteName(time)} is not null${where === undefined ? "" : ` and (${where}\n)`}`;
  const rows = `select * from ${relation} where ${filter}`;
  const events = await eventRelations(services, model);
  const content = await contentDigest(warehouse, model, rows, events);
  const appId = `score/${sha256(JSON.stringify([model.digest, table, where ?? null, content])).slice(0, 32)}`;
  if (await lake.exists(target)) {
    const { version, transactions } = await lake.snapshot(target);
    if (transactions[appId] !== undefined) return { table: target, version, of, rows: 0, skipped: true };
  }
  const chunks = await planChunks(warehouse, relation, time, filter, request.rowsPerChunk ?? 250_000);
  const total = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
  const results = createResults(total);
  for (const chunk of chunks) {
    await scoreChunk(warehouse, request, rows, events, chunk, results);
    request.onProgress?.(results.rows, total);
    signal?.throwIfAborted();
  }
  const written = await lake.appendColumns(target, results.table(model), {
    types: {
      id: snapshot.columns.find(({ name }) => name === model.signature.id)!.type,
      time: "TIMESTAMP",
      score: "FLOAT",
      version: "INTEGER",
      model: "VARCHAR",
    },
    transaction: { appId, version: 0 },
    metadata: { model: `${model.name}@${model.version}`, digest: model.digest, of, where: where ?? null },
  });
  return { table: target, version: written.version, of, rows: written.rows, skipped: written.skipped };
}

function checkColumns(table: string, { name, version, signature }: ServedModel, present: ReadonlySet<string>): void {
  const needed = [signature.id, signature.time, ...signature.columns, ...Object.values(signature.features).flatMap(({ on }) => on)];
  const lacking = needed.find((column) => !present.has(column));
  if (lacking === undefined) return;
  throw new AppError(
    "invalid_argument",
    `Model ${name} v${version} takes ${lacking}, which table \`${table}\` lacks (it has: ${[...present].join(", ")}).`,
    {
      hint: `Score a table with the columns ${[...new Set(needed)].join(", ")}.`,
      details: { column: lacking },
    },
  );
}

interface Chunk {
  fromMs: number;
  toMs: number;
  rows: number;
}

/** Cuts the rows by their time, hour by hour, into ranges of about so many rows. */
async function planChunks(warehouse: Warehouse, relation: string, time: string, filter: string, most: number): Promise<Chunk[]> {
  const hours = await warehouse.columns(
    `select epoch_ms(date_trunc('hour', ${quoteName(time)})) as hour, count(*) as rows from ${relation} where ${filter} group by 1 order by 1`,
  );
  const [hour, count] = hours.columns.map((column) => (column.kind === "number" ? column.values : new Float64Array()));
  const chunks: Chunk[] = [];
  for (let i = 0; i < hours.rows; i++) {
    const last = chunks.at(-1);
    if (last && last.rows + count![i]! <= most) {
      last.toMs = hour![i]! + hourMs;
      last.rows += count![i]!;
    } else chunks.push({ fromMs: hour![i]!, toMs: hour![i]! + hourMs, rows: count![i]! });
  }
  return chunks;
}

const hourMs = 3_600_000;

/** The models that features take their events from, each at one version for all chunks. */
async function eventRelations({ modelRows }: ScoreTableServices, { signature }: ServedModel): Promise<Map<string, string>> {
  const relations = new Map<string, string>();
  for (const { view } of Object.values(signature.features)) {
    const { name } = view.from;
    if (!relations.has(name)) relations.set(name, (await modelRows(name)).relation);
  }
  return relations;
}

/** A digest of the rows to score and of the events that their features may see. */
async function contentDigest(
  warehouse: Warehouse,
  { signature }: ServedModel,
  rows: string,
  relations: ReadonlyMap<string, string>,
): Promise<string> {
  const { id, time, columns, features } = signature;
  const asked = [id, time, ...columns, ...Object.values(features).flatMap(({ on }) => on)];
  const seen = new Map([["rows", contentSql(rows, asked)]]);
  for (const { view } of Object.values(features)) {
    const events = `select * from ${relations.get(view.from.name)!} where ${quoteName(view.known)} < (select max(${quoteName(time)}) from (${rows}))`;
    seen.set(`${view.from.name} ${view.known}`, contentSql(events, Object.keys(view.from.columns)));
  }
  const digests: unknown[] = [];
  for (const [name, sql] of seen) digests.push([name, await warehouse.rows(sql)]);
  return sha256(JSON.stringify(digests));
}

function contentSql(rows: string, columns: string[]): string {
  const hash = `hash(${[...new Set(columns)].toSorted().map(quoteName).join(", ")})`;
  return `select count(*) as n, cast(bit_xor(${hash}) as varchar) as x, cast(sum(${hash} >> 32) as varchar) as s from (${rows})`;
}

async function scoreChunk(
  warehouse: Warehouse,
  { model, threads, signal }: ScoreTableRequest,
  rowsSql: string,
  relations: ReadonlyMap<string, string>,
  chunk: Chunk,
  results: Results,
): Promise<void> {
  const { signature } = model;
  const { id, time, columns } = signature;
  const features = viewsInOrder(signature.features);
  const wanted = new Set([id, time, ...columns, ...Object.values(features).flatMap(({ on }) => on)]);
  const spine = await warehouse.columns(
    `select ${[...wanted].map(quoteName).join(", ")} from (${rowsSql}) where ${quoteName(time)} >= ${at(chunk.fromMs)} and ${quoteName(time)} < ${at(chunk.toMs)}
     order by ${quoteName(time)}, ${quoteName(id)}`,
  );
  const joined = await joinFeatures({
    ...{ spine, time, features },
    events: await loadEvents(warehouse, relations, features, chunk),
    ...(threads !== undefined && { threads }),
    ...(signal && { signal }),
  });
  const inputs: FeatureColumn[] = [
    ...columns.map((name) => featureColumn(column(spine, name))),
    ...joined.names.map((name, i): FeatureColumn => ({ name, kind: "number", values: joined.columns[i]! })),
  ];
  const scores = await scoreColumns(model.model, signature, inputs, spine.rows, signal);
  results.add(column(spine, id), column(spine, time), scores);
}

/** The events that rows of a chunk may see: known before its end, and not longer before its beginning than the longest window. */
async function loadEvents(
  warehouse: Warehouse,
  relations: ReadonlyMap<string, string>,
  features: Record<string, BoundView>,
  { fromMs, toMs }: Chunk,
): Promise<Record<string, WarehouseTable>> {
  const byModel = new Map<string, { columns: Set<string>; conditions: Set<string> }>();
  for (const { view } of Object.values(features)) {
    const entry = byModel.get(view.from.name) ?? { columns: new Set<string>(), conditions: new Set<string>() };
    for (const name of Object.keys(view.from.columns)) entry.columns.add(name);
    const longestMs = Math.max(...view.windows.map((window) => window.ms));
    const known = quoteName(view.known);
    entry.conditions.add(`(${known} >= ${at(fromMs - longestMs)} and ${known} < ${at(toMs)})`);
    byModel.set(view.from.name, entry);
  }
  const tables: Record<string, WarehouseTable> = {};
  for (const [model, { columns, conditions }] of byModel) {
    tables[model] = await warehouse.columns(
      `select ${[...columns].map(quoteName).join(", ")} from ${relations.get(model)!} where ${[...conditions].join(" or ")}`,
    );
  }
  return tables;
}

interface Results {
  rows: number;
  add(ids: WarehouseColumn, times: WarehouseColumn, scores: Float32Array): void;
  table(model: ServedModel): WarehouseTable;
}

/** The scores so far, 20 bytes a row. */
function createResults(total: number): Results {
  const time = new Float64Array(total);
  const score = new Float64Array(total);
  const numbers = new Float64Array(total);
  const codes = new Int32Array(total);
  const levels: string[] = [];
  const known = new Map<string, number>();
  let isText = false;
  const results: Results = {
    rows: 0,
    add(ids, times, scores) {
      const from = results.rows;
      isText = ids.kind === "text";
      if (ids.kind === "number") numbers.set(ids.values, from);
      else {
        const into = ids.levels.map((level) => {
          let code = known.get(level);
          if (code === undefined) known.set(level, (code = levels.push(level) - 1));
          return code;
        });
        ids.codes.forEach((code, i) => (codes[from + i] = code < 0 ? -1 : into[code]!));
      }
      if (times.kind === "number") time.set(times.values, from);
      score.set(scores, from);
      results.rows += scores.length;
    },
    table: ({ name, version }) => ({
      rows: total,
      columns: [
        isText ? { name: "id", kind: "text", codes, levels } : { name: "id", kind: "number", values: numbers },
        { name: "time", kind: "number", values: time },
        { name: "score", kind: "number", values: score },
        { name: "version", kind: "number", values: new Float64Array(total).fill(version) },
        { name: "model", kind: "text", codes: new Int32Array(total), levels: [name] },
      ],
    }),
  };
  return results;
}

function featureColumn(from: WarehouseColumn): FeatureColumn {
  return from.kind === "number"
    ? { name: from.name, kind: "number", values: new Float32Array(from.values) }
    : { name: from.name, kind: "category", codes: from.codes, levels: from.levels };
}

function column(table: WarehouseTable, name: string): WarehouseColumn {
  return table.columns.find((candidate) => candidate.name === name)!; // selected above
}

function at(ms: number): string {
  return `make_timestamp(${ms * 1000})`;
}
