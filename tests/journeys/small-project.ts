/**
 * A small project for the tests of journeys, kills and bad input: 6,000 deliveries of six weeks, made by arithmetic, of which the
 * first month is history and the rest is played back; from the sixth week on the ways are longer, so that the model learns again.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openDuckdb } from "#adapters/warehouse/duckdb";

const files: Record<string, string> = {
  "package.json": JSON.stringify({ name: "small", private: true, type: "module", imports: { "#models": "./models/handles.ts" } }),
  "millrace.config.ts": `import { defineConfig } from "millrace";

export default defineConfig({ name: "small", resources: { threads: 2, sqlMemoryMb: 200 } });
`,
  "sources.ts": `import { deliveries as rows } from "#models";
import { replay, source, topic } from "millrace";

export const deliveries = source("deliveries", {
  files: "data/deliveries.parquet",
  batch: { by: "left_at", every: "week", until: "2024-02-01" },
});
export const depots = source("depots", { files: "data/depots.csv" });
export const departures = topic("departures", {
  of: rows,
  key: "delivery_id",
  time: "left_at",
  columns: ["delivery_id", "depot", "distance", "hour", "left_at"],
});
export const arrivals = topic("arrivals", { of: rows, key: "delivery_id", time: "arrived_at", keep: true });
export const february = replay("february", { of: { ...rows, name: "history" }, rest: deliveries, to: [departures, arrivals] });
`,
  "features.ts": `import { deliveries } from "#models";
import { count, entity, featureView, mean } from "millrace";

export const delivered = featureView("delivered", {
  from: deliveries,
  entity: entity("depot"),
  on: "depot",
  time: "left_at",
  known: "arrived_at",
  windows: ["3h", "2d"],
  features: { late_rate: mean("late"), deliveries: count({ windows: ["3h"] }) },
});
`,
  "train.ts": `import { deliveries } from "#models";
import { auc, flow, gate, logLoss, search, trees } from "millrace";
import { delivered } from "./features.ts";

const ready = gate("ready", [auc.atLeast(0.6), logLoss.notWorseThan("champion", { by: 0.5 })]);

export const lateDelivery = flow("late-delivery", { until: "2024-02-01", trials: 2 }, async (step, { until, trials }) => {
  const rows = await step.trainingSet(deliveries, {
    label: "late",
    id: "delivery_id",
    time: "left_at",
    known: "arrived_at",
    before: until,
    columns: ["depot", "distance", "hour"],
    features: { depot_now: delivered.at("depot") },
  });
  const { train, valid, test } = await step.splitByTime(rows, { valid: "4d", test: "6d" });
  const best =
    trials > 0
      ? await step.tune(trees, search({ leaves: [4, 12], learningRate: [0.05, 0.3] }), { train, trials, folds: 2, fixed: { trees: 15 } })
      : await step.paramsOf("late-delivery@champion");
  const model = await step.fit(trees, { ...best.params, trees: 25 }, { train, valid });
  return step.register("late-delivery", model, { test, gate: ready });
});
`,
  "serve.ts": `import { deliveries } from "#models";
import { drift, endpoint } from "millrace";
import { arrivals, departures } from "./sources.ts";
import { lateDelivery } from "./train.ts";

export default endpoint("late-delivery", {
  model: "late-delivery@champion",
  stream: { in: departures, out: "late-delivery-predictions" },
  batch: { late_january: { of: deliveries, where: "left_at >= timestamp '2024-01-25' and left_at < timestamp '2024-02-01'" } },
  outcomes: { from: arrivals, label: "late" },
  retrain: {
    with: lateDelivery,
    params: { trials: 0 },
    when: [drift.psi.above(0.5, { features: ["distance"], over: "2d" })],
    atMostEvery: "7d",
  },
});
`,
  "models/history.sql": `{{ config(materialized='view') }}
select
  d.delivery_id, d.depot, d.distance, cast(hour(d.left_at) as integer) as hour, d.left_at, d.arrived_at, d.minutes, d.minutes > p.promised as late
from {{ source('raw', 'deliveries') }} d
join {{ source('raw', 'depots') }} p on p.depot = d.depot
`,
  "models/deliveries.sql": `{{ config(
    materialized='incremental',
    unique_key='delivery_id',
    tests={'delivery_id': ['not_null', 'unique'], 'depot': ['not_null'], 'minutes': ['not_null']},
) }}
with known as (
  select * from {{ ref('history') }}
  union all by name
  select * from {{ source('raw', 'arrivals') }}
)
select * from known
{% if is_incremental() %}
where arrived_at >= (select max(arrived_at) from {{ this }})
{% endif %}
order by arrived_at, delivery_id
`,
  "models/handles.ts": `export const deliveries = {
  kind: "model",
  name: "deliveries",
  columns: {
    delivery_id: "BIGINT",
    depot: "VARCHAR",
    distance: "INTEGER",
    hour: "INTEGER",
    left_at: "TIMESTAMP",
    arrived_at: "TIMESTAMP",
    minutes: "INTEGER",
    late: "BOOLEAN",
  },
} as const;

export const history = { ...deliveries, name: "history" } as const;
`,
  "data/depots.csv": "depot,promised\nnorth,60\neast,55\nsouth,70\nwest,65\n",
};

/** Deliveries 0 … n − 1, one every ten minutes from 2024 on; longer ways from the 5th of February on; late by distance, hour and chance. */
const deliveriesSql = (n: number) => `select
    i as delivery_id,
    ['north', 'east', 'south', 'west'][1 + cast(hash(i) % 4 as integer)] as depot,
    distance,
    left_at,
    left_at + to_minutes(minutes) as arrived_at,
    cast(minutes as integer) as minutes
  from (
    select *, 20 + distance * 2 + (case when hour(left_at) between 16 and 18 then 15 else 0 end) + cast(hash(i, 3) % 20 as integer) as minutes
    from (
      select
        i,
        timestamp '2024-01-01' + to_minutes(cast(i * 10 as bigint)) as left_at,
        cast(1 + hash(i, 2) % 20 + (case when i >= ${35 * 144} then 8 else 0 end) as integer) as distance
      from range(${n}) t(i)
    )
  )`;

export interface SmallProject {
  folder: string;
  remove(): Promise<void>;
}

/** Writes the project into a folder of its own; `changes` replaces files by their paths, `rows` says how many deliveries there are. */
export async function makeSmallProject(changes: Record<string, string> = {}, rows = 6_000): Promise<SmallProject> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-small-"));
  for (const [path, text] of Object.entries({ ...files, ...changes })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  await writeDeliveries(join(folder, "data/deliveries.parquet"), rows);
  return { folder, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }) };
}

/** Writes the first `n` deliveries as Parquet. */
async function writeDeliveries(path: string, n: number): Promise<void> {
  const warehouse = await openDuckdb({ threads: 1, memoryLimitMb: 100, temporaryFolder: join(tmpdir(), `millrace-small-${process.pid}`) });
  await warehouse.writeParquet(deliveriesSql(n), path);
  await warehouse.close();
}
