/**
 * Durable steps per second of the run ledger: `node bench/ledger/run.ts`. Prints a table and writes bench/results/ledger.json.
 * Each step is a function that does nothing; being claimed and being finished are each committed before the flow goes on. On
 * SQLite in the temporary folder (set TMPDIR to measure another disk) and, where MILLRACE_BENCH_POSTGRES holds a URL, on
 * PostgreSQL too. Baseline in the same run: bare commits of one row, one after the other.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { openPostgres } from "#adapters/database/postgres";
import { openSqlite } from "#adapters/database/sqlite";
import { flow, openLedger, pipelinesMigrations, runFlow } from "#domains/pipelines";
import { newId } from "#kit/id";
import { sql, sqlText } from "#kit/sql";
import type { Database } from "#ports/database";

interface Row {
  engine: string;
  what: string;
  steps: number;
  stepsPerSecond: number;
  msPerStep: number;
}

const rows: Row[] = [];
const folder = await mkdtemp(join(tmpdir(), "millrace-ledger-"));
try {
  const sqlite = openSqlite({ path: join(folder, "state.db") });
  await measure("SQLite", sqlite, 1);
  await sqlite.close();
  const url = process.env["MILLRACE_BENCH_POSTGRES"];
  if (url) {
    const schema = `bench_${newId().toLowerCase()}`;
    const postgres = await openPostgres({ url, schema });
    await measure("PostgreSQL", postgres, 4);
    await postgres.run(sqlText(`drop schema ${schema} cascade`));
    await postgres.close();
  }
} finally {
  await rm(folder, { recursive: true });
}

console.table(rows.map(({ stepsPerSecond, msPerStep, ...row }) => ({ ...row, "steps/s": stepsPerSecond, "ms/step": msPerStep })));
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), node: process.version };
const conditions = `steps that do nothing, two durable commits each; ${process.env["MILLRACE_BENCH_NOTE"] ?? "machine not otherwise described"}`;
const results = new URL("../results/", import.meta.url);
await mkdir(results, { recursive: true });
await writeFile(new URL("ledger.json", results), JSON.stringify({ date: new Date().toISOString(), machine, conditions, rows }, undefined, 2) + "\n");

/** @param divisor makes a slower engine do less */
async function measure(engine: string, database: Database, divisor: number): Promise<void> {
  await database.migrate([...pipelinesMigrations, { id: "bench", statements: ["create table bare (id bigint primary key)"] }]);
  const ledger = openLedger({ database });
  const row = (what: string, steps: number, seconds: number) =>
    void rows.push({ engine, what, steps, stepsPerSecond: Math.round(steps / seconds), msPerStep: Math.round((seconds / steps) * 100_000) / 100 });

  const chain = flow("chain", { length: 0, from: 0 }, async (step, { length, from }) => {
    for (let i = 0; i < length; i++) await step.run("nothing", { i: from + i }, async ({ i }) => i);
  });
  const wide = flow("wide", { length: 0, lanes: 0, from: 0 }, async (step, { length, lanes, from }) => {
    let next = 0;
    const lane = async () => {
      while (next < length) await step.run("nothing", { i: from + next++ }, async ({ i }) => i);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  });
  const timed = async (what: string, steps: number, work: () => Promise<unknown>) => {
    const started = performance.now();
    await work();
    row(what, steps, (performance.now() - started) / 1_000);
  };

  await runFlow({ ledger, flow: wide, params: { length: 2_000 / divisor, lanes: 256, from: -1e6 }, parallel: 256 }); // warm-up
  await timed("one chain", 1_000 / divisor, () => runFlow({ ledger, flow: chain, params: { length: 1_000 / divisor, from: 0 } }));
  const lanes = { length: 20_000 / divisor, lanes: 256, from: 1e6 };
  await timed("256 at a time", lanes.length, () => runFlow({ ledger, flow: wide, params: lanes, parallel: 256 }));
  await timed("256 at a time, all cached", lanes.length, () => runFlow({ ledger, flow: wide, params: lanes, parallel: 256 }));
  await timed("baseline: bare commits, one after the other", 2_000 / divisor, async () => {
    for (let i = 0; i < 2_000 / divisor; i++) await database.run(sql`insert into bare (id) values (${i})`);
  });
}
