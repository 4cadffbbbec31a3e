/**
 * The process that the lake's crash test kills: writes steps into a table, each once, and says after each how far it is.
 * Arguments: folder of the lake, number of steps.
 */
import { join } from "node:path";
import { openLocalBlobs } from "../../packages/millrace/src/adapters/blob-store/local.ts";
import { openDuckdb } from "../../packages/millrace/src/adapters/warehouse/duckdb.ts";
import { systemClock } from "../../packages/millrace/src/kit/clock.ts";
import { silentLog } from "../../packages/millrace/src/kit/log.ts";
import { openLake } from "../../packages/millrace/src/domains/lake/index.ts";

const [folder = "", steps = "0"] = process.argv.slice(2);
const warehouse = await openDuckdb({ threads: 1, memoryLimitMb: 100, temporaryFolder: join(folder, "spill") });
const blobs = await openLocalBlobs({ folder: join(folder, "tables") });
const lake = openLake({ blobs, warehouse, clock: systemClock, log: silentLog, scratchFolder: join(folder, "scratch") });
for (let step = 0; step < Number(steps); step++) {
  const once = { transaction: { appId: "steps", version: step }, metadata: { step } };
  const row = (k: number) => `select ${k} as k, 'step ${step}' as v`;
  if (step % 7 === 6) await lake.replace("raw.t", { sql: row(step) }, once);
  else if (step % 3 === 2) await lake.merge("raw.t", { sql: `${row(step - 1)} union all ${row(step)}`, key: ["k"] }, once);
  else await lake.append("raw.t", { sql: row(step) }, once);
  process.stdout.write(`${step}\n`);
}
await warehouse.close();
