import { joinFeatures, type BoundView, type FeatureView } from "#domains/features";
import type { Lake } from "#domains/lake";
import { viewsInOrder, type Signature } from "#domains/training";
import { AppError } from "#kit/app-error";
import { quoteName } from "#kit/sql-text";
import type { Database } from "#ports/database";
import type { Warehouse, WarehouseColumn, WarehouseTable } from "#ports/warehouse";
import { featureColumn } from "./joined-table.ts";
import { dayMs, joinedTable } from "./model.ts";
import { lastClose } from "./store.ts";

export interface SkewServices {
  state: Database;
  lake: Lake;
  warehouse: Warehouse;
  /** What a version wants to be asked with. */
  signature(version: number): Promise<Signature>;
  /** The present rows of a SQL model, as SQL for a FROM clause. */
  modelRows(model: string): Promise<{ relation: string }>;
}

export interface SkewRequest {
  endpoint: string;
  /** Most rows to look at; 1,000 when not given. */
  sample?: number;
  /** The version whose predictions are checked; the one that answered last when not given. */
  version?: number;
  /** Predictions of this period; the last three days for which the tables hold all events when not given. */
  fromMs?: number;
  untilMs?: number;
}

export interface FeatureSkew {
  feature: string;
  /** Rows in which both sides have a value, and not the same. */
  different: number;
  /** Rows in which only one side has a value. */
  onlyServed: number;
  onlyOffline: number;
  /** Share of rows that are not the same, bit by bit. */
  share: number;
  largest: number;
}

export interface SkewReport {
  endpoint: string;
  version: number;
  rows: number;
  fromMs: number;
  untilMs: number;
  /** Rows in which any feature differs. */
  skewed: number;
  features: FeatureSkew[];
  /** Up to 20 of the differing values. */
  examples: { prediction: string; feature: string; served: number | null; offline: number | null }[];
}

/** Events reach a table some time after they are known to the stream; newer predictions are not judged. */
const settleMs = dayMs;

/**
 * Computes the features of a sample of served predictions again, by the point-in-time join over the tables, and compares them with
 * what the model saw. Only answers to stream events are looked at: callers over HTTP may bring values of their own. Throws
 * `not_found` when there is nothing to compare, `unsupported` when a view's key was not kept.
 */
export async function checkSkew(services: SkewServices, request: SkewRequest): Promise<SkewReport> {
  const { state, lake } = services;
  const { endpoint, sample = 1_000 } = request;
  const version = request.version ?? (await lastClose(state, endpoint))?.servingVersion;
  const table = joinedTable(endpoint);
  if (version === undefined || !(await lake.exists(table))) throw nothing(endpoint, "no prediction has been joined to its outcome yet");
  const features = viewsInOrder((await services.signature(version)).features);
  if (Object.keys(features).length === 0) throw nothing(endpoint, `version ${version} takes no features of feature views`);
  const until = Math.min(request.untilMs ?? Infinity, (await newestEvent(services, features)) - settleMs);
  if (!Number.isFinite(until)) throw nothing(endpoint, "the tables of its events are empty");
  const period = { fromMs: request.fromMs ?? until - 3 * dayMs, untilMs: until };
  const spine = await servedRows(services, { table, version, sample, features, ...period });
  if (spine.rows === 0) {
    const [from, to] = [period.fromMs, until].map((ms) => new Date(ms).toISOString());
    throw nothing(endpoint, `version ${version} answered nothing between ${from} and ${to}, up to where the tables hold all events`);
  }
  const joined = await joinFeatures({ spine, time: timeColumn, features, events: await eventTables(services, features, spine) });
  return { endpoint, version, rows: spine.rows, ...period, ...compare(spine, joined) };
}

const timeColumn = " time"; // no column of a project begins with a space
const idColumn = " id";
const servedColumn = (name: string) => ` ${name}`;

interface Wanted {
  table: string;
  version: number;
  sample: number;
  features: Readonly<Record<string, BoundView>>;
  fromMs: number;
  untilMs: number;
}

/** A sample that is the same every time: keys by their own names, features as they were served, the time and the id. */
async function servedRows({ lake, warehouse }: SkewServices, wanted: Wanted): Promise<WarehouseTable> {
  const { table, version, sample, features, fromMs, untilMs } = wanted;
  const snapshot = await lake.snapshot(table);
  const known = new Set(snapshot.columns.map(({ name }) => name));
  const keys = [...new Set(Object.values(features).flatMap(({ on }) => on))];
  for (const [alias, { on }] of Object.entries(features)) {
    const lost = on.find((key) => !known.has(featureColumn(key)));
    if (lost === undefined) continue;
    throw new AppError(
      "unsupported",
      `The features of \`${alias}\` cannot be computed again: its key ${lost} is no input of the model, so it was not kept.`,
      {
        hint: `Add ${lost} to the columns of the training set.`,
      },
    );
  }
  const served = [...known].filter((name) => Object.keys(features).some((alias) => name.startsWith(`${alias}__`)));
  const select = [
    `prediction_id as ${quoteName(idColumn)}`,
    `time as ${quoteName(timeColumn)}`,
    ...keys.map((key) => `${quoteName(featureColumn(key))} as ${quoteName(key)}`),
    ...served.map((name) => `${quoteName(name)} as ${quoteName(servedColumn(name))}`),
  ];
  // A category that the model did not know is null here: which one it was is not kept.
  const where = [
    `version = ${Math.trunc(version)} and source = 'stream'`,
    `time >= epoch_ms(${Math.floor(fromMs)}) and time < epoch_ms(${Math.floor(untilMs)})`,
    ...keys.map((key) => `${quoteName(featureColumn(key))} is not null`),
  ];
  const relation = await lake.relation(table, { version: snapshot.version });
  return warehouse.columns(
    `select ${select.join(", ")} from ${relation} where ${where.join(" and ")} order by md5(prediction_id) limit ${Math.max(1, Math.trunc(sample))}`,
  );
}

/** The earliest of the views' newest events: up to here all of them are in the tables. */
async function newestEvent({ warehouse, modelRows }: SkewServices, features: Readonly<Record<string, BoundView>>): Promise<number> {
  let newest = Infinity;
  for (const { view } of Object.values(features)) {
    const { relation } = await modelRows(view.from.name);
    const [row] = await warehouse.rows(`select epoch_ms(max(${quoteName(view.known)})) as newest from ${relation}`);
    newest = Math.min(newest, row?.["newest"] === null || row === undefined ? -Infinity : Number(row["newest"]));
  }
  return newest;
}

/** The events that rows of the sample could have seen, by SQL model. */
async function eventTables(
  { warehouse, modelRows }: SkewServices,
  features: Readonly<Record<string, BoundView>>,
  spine: WarehouseTable,
): Promise<Record<string, WarehouseTable>> {
  const times = numbersOf(spine, timeColumn);
  const [first, last] = [times.reduce((a, b) => Math.min(a, b), Infinity), times.reduce((a, b) => Math.max(a, b), -Infinity)];
  const byModel = Map.groupBy<string, FeatureView>(
    Object.values(features).map(({ view }) => view),
    (view) => view.from.name,
  );
  const tables: Record<string, WarehouseTable> = {};
  for (const [model, views] of byModel) {
    const columns = [...new Set(views.flatMap((view) => Object.keys(view.from.columns)))];
    const reach = views.map((view) => {
      const longest = Math.max(...view.windows.map(({ ms }) => ms));
      return `(${quoteName(view.known)} >= epoch_ms(${Math.floor(first) - longest}) and ${quoteName(view.known)} < epoch_ms(${Math.ceil(last)}))`;
    });
    const { relation } = await modelRows(model);
    tables[model] = await warehouse.columns(`select ${columns.map(quoteName).join(", ")} from ${relation} where ${reach.join(" or ")}`);
  }
  return tables;
}

function compare(spine: WarehouseTable, joined: { names: string[]; columns: Float32Array[] }): Pick<SkewReport, "skewed" | "features" | "examples"> {
  const skewed = new Uint8Array(spine.rows);
  const ids = spine.columns.find(({ name }) => name === idColumn);
  const examples: SkewReport["examples"] = [];
  const features = joined.names.map((feature, at): FeatureSkew => {
    const served = Float32Array.from(numbersOf(spine, servedColumn(feature)));
    const offline = joined.columns[at]!;
    const found = { feature, different: 0, onlyServed: 0, onlyOffline: 0, share: 0, largest: 0 };
    for (let row = 0; row < spine.rows; row++) {
      const [a, b] = [served[row]!, offline[row]!];
      if (Object.is(a, b)) continue;
      skewed[row] = 1;
      if (Number.isNaN(b)) found.onlyServed++;
      else if (Number.isNaN(a)) found.onlyOffline++;
      else {
        found.different++;
        found.largest = Math.max(found.largest, Math.abs(a - b));
      }
      if (examples.length < 20 && ids?.kind === "text")
        examples.push({ prediction: ids.levels[ids.codes[row]!]!, feature, served: Number.isNaN(a) ? null : a, offline: Number.isNaN(b) ? null : b });
    }
    return { ...found, share: (found.different + found.onlyServed + found.onlyOffline) / spine.rows };
  });
  return { skewed: skewed.reduce((sum, one) => sum + one, 0), features, examples };
}

function numbersOf(table: WarehouseTable, name: string): Float64Array {
  const column: WarehouseColumn | undefined = table.columns.find((candidate) => candidate.name === name);
  if (column?.kind === "number") return column.values;
  return new Float64Array(table.rows).fill(Number.NaN); // never served: a feature that the table lacks
}

function nothing(endpoint: string, why: string): AppError {
  return new AppError("not_found", `There is nothing to compare for endpoint "${endpoint}": ${why}.`, {
    hint: "Let the endpoint answer for some days, and build the SQL models.",
  });
}
