import { type Sql, sql, sqlIn } from "#kit/sql";
import type { Reader } from "#ports/database";
import type { PointBatch } from "./points.ts";

const pointsPerRead = 20_000;

interface PointRow {
  key: string;
  step: number;
  time: number;
  value: number | null;
  is_nan: number | boolean;
  at?: number;
}

/** How many points runs have, and the bounds of their times and steps: MLflow only ever adds points. */
export async function pointStamps(reader: Reader, runs: string[]): Promise<(run: string) => string> {
  const rows = await reader.all<{ run: string; n: number; latest: number; lowest: number; highest: number }>(
    sql`select run_uuid as run, count(*) as n, max(cast("timestamp" as double precision)) as latest,
      min(cast(step as double precision)) as lowest, max(cast(step as double precision)) as highest
      from metrics where run_uuid in ${sqlIn(runs)} group by run_uuid`,
  );
  const stamps = new Map(rows.map((row) => [row.run, `${row.n} ${row.latest} ${row.lowest} ${row.highest}`]));
  return (run) => stamps.get(run) ?? "0";
}

/** A run's points, as many at a time as memory allows whatever the run has. */
export async function* sqlPoints(reader: Reader, dialect: "sqlite" | "postgres", run: string): AsyncGenerator<PointBatch> {
  let after: PointRow | undefined;
  for (;;) {
    const rows: PointRow[] = await reader.all<PointRow>(dialect === "sqlite" ? byPosition(run, after) : byKey(run, after));
    if (rows.length > 0) yield batchOf(rows);
    if (rows.length < pointsPerRead) return;
    after = rows.at(-1);
  }
}

function byPosition(run: string, after: PointRow | undefined): Sql {
  return sql`select rowid as at, key, step, "timestamp" as time, value, is_nan from metrics
    where run_uuid = ${run} and rowid > ${after?.at ?? -1} order by rowid limit ${pointsPerRead}`;
}

function byKey(run: string, after: PointRow | undefined): Sql {
  const rest =
    after === undefined
      ? sql``
      : sql` and (key, "timestamp", step, value, is_nan) > (${after.key}, cast(${after.time} as bigint), cast(${after.step} as bigint),
        cast(${after.value} as double precision), ${after.is_nan ? sql`true` : sql`false`})`;
  return sql`select key, step, "timestamp" as time, value, is_nan from metrics where run_uuid = ${run}${rest}
    order by key, "timestamp", step, value, is_nan limit ${pointsPerRead}`;
}

function batchOf(rows: PointRow[]): PointBatch {
  const indexes = new Map<string, number>();
  const [metrics, steps, times, values] = [
    new Uint32Array(rows.length),
    new Float64Array(rows.length),
    new Float64Array(rows.length),
    new Float64Array(rows.length),
  ];
  for (let i = 0; i < rows.length; i++) {
    const { key, step, time, value, is_nan: isNan } = rows[i]!;
    let index = indexes.get(key);
    if (index === undefined) indexes.set(key, (index = indexes.size));
    metrics[i] = index;
    steps[i] = step;
    times[i] = time;
    values[i] = isNan || value === null ? Number.NaN : value;
  }
  return { keys: [...indexes.keys()], count: rows.length, metrics, steps, times, values };
}
