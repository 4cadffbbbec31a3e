/** Copy on write: files that hold rows with the given keys are rewritten without them, the others stay. */
import { rm } from "node:fs/promises";
import { AppError } from "#kit/app-error";
import { quoteName } from "#kit/sql-text";
import { alignExisting, alignNew } from "./align.ts";
import { alreadyWritten, tryCommit } from "./commit.ts";
import type { LakeContext } from "./context.ts";
import { discardDataFile, writeDataFile, type WrittenFile } from "./data-file.ts";
import { pathLiteral } from "./data-path.ts";
import type { Add } from "./delta-log.ts";
import type { AppendOptions, Rows, WriteResult } from "./model.ts";
import { relationOf } from "./relation.ts";
import { columnOf } from "./schema.ts";
import { scratchPath } from "./scratch.ts";
import { newestState } from "./snapshot.ts";
import type { TableState } from "./table-state.ts";
import { changedMeanwhile, refuseRemoval, removals } from "./write.ts";

const attempts = 8;

/** Replaces the rows that share a key with the given ones. A merge that meets another write looks at the table anew, some times. */
export async function merge(lake: LakeContext, table: string, rows: Rows & { key: string[] }, options: AppendOptions = {}): Promise<WriteResult> {
  const before = alreadyWritten(await newestState(lake, table), options);
  if (before !== undefined) return before;
  const source = await stage(lake, table, rows);
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const result = await tryMerge(lake, table, source, rows.key, options);
      if (result !== undefined) return result;
    }
    throw changedMeanwhile(table, `other writes came first ${attempts} times`);
  } finally {
    await rm(source.path, { force: true });
  }
}

interface Source {
  path: string;
  /** The given rows, run once, as SQL. */
  sql: string;
}

/** Runs the query once into a scratch file, and checks its keys. */
async function stage(lake: LakeContext, table: string, { sql, key }: Rows & { key: string[] }): Promise<Source> {
  if (key.length === 0) throw new AppError("invalid_argument", `A merge into \`${table}\` needs the names of its key columns.`);
  const columns = await lake.warehouse.describe(sql);
  for (const name of key) {
    if (columns.some((column) => column.name === name)) continue;
    throw new AppError(
      "invalid_argument",
      `The rows for table \`${table}\` lack the key column \`${name}\` (they have: ${columns.map((column) => column.name).join(", ")}).`,
      {
        hint: "Select it, or name another key.",
      },
    );
  }
  const path = await scratchPath(lake, "merge.parquet");
  // Cast back to the query's own types: Parquet has no unsigned or huge integers as the engine means them.
  const from = `select ${columns.map(({ name, type }) => `cast(${quoteName(name)} as ${type}) as ${quoteName(name)}`).join(", ")} from read_parquet(${pathLiteral(path)})`;
  await lake.warehouse.writeParquet(sql, path);
  try {
    await checkKeys(lake, table, key, from);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return { path, sql: from };
}

async function checkKeys(lake: LakeContext, table: string, key: string[], from: string): Promise<void> {
  const names = key.map(quoteName).join(", ");
  const bad = await lake.warehouse.rows(
    `select ${names}, count(*) as "rows in the key" from (${from}) group by ${names} having count(*) > 1 or ${key.map((name) => `${quoteName(name)} is null`).join(" or ")} limit 1`,
  );
  if (bad[0] === undefined) return;
  const shown = key.map((name) => `${name} = ${JSON.stringify(bad[0]![name])}`).join(", ");
  throw new AppError(
    "invalid_argument",
    `The rows for table \`${table}\` cannot be merged: the key ${shown} is ${bad[0]["rows in the key"] === 1 ? "null" : "not unique"}.`,
    {
      hint: "Select one row a key, for example with `qualify row_number() over (partition by … order by …) = 1`.",
    },
  );
}

/** One try on the newest state; undefined where another writer came first. */
async function tryMerge(lake: LakeContext, table: string, source: Source, key: string[], options: AppendOptions): Promise<WriteResult | undefined> {
  const base = await newestState(lake, table);
  const before = alreadyWritten(base, options);
  if (before !== undefined) return before;
  if (base !== undefined) refuseRemoval(base);
  const columns = await lake.warehouse.describe(source.sql);
  const aligned =
    base === undefined ? alignNew(table, source.sql, columns) : alignExisting(table, base.fields, source.sql, columns, options.addColumns === true);
  const touched = base === undefined ? [] : await filesWithKeys(lake, base, source, key);
  const files: WrittenFile[] = [];
  let unneeded = true; // not while a commit that names the files stands, or may stand
  try {
    let kept = 0;
    if (base !== undefined && touched.length > 0) {
      const sql = `select * from ${await relationOf(lake, base, touched)} t where not exists (select 1 from (${source.sql}) s where ${sameKey(key)})`;
      const rest = await writeDataFile(lake, table, { sql, sources: base.fields.map((field) => ({ field, type: columnOf(table, field).type })) });
      files.push(rest);
      kept = rest.rows;
    }
    const given = await writeDataFile(lake, table, aligned.rows);
    files.push(given);
    if (given.rows === 0 && base !== undefined && options.transaction === undefined) return { version: base.version, rows: 0, skipped: false };
    const adds = files.flatMap(({ add }) => (add === undefined ? [] : [{ add }]));
    const metrics = { numOutputRows: given.rows, numCopiedRows: kept, numFiles: adds.length, numRemovedFiles: touched.length };
    const actions = [...removals(lake, touched), ...adds];
    unneeded = false;
    const version = await tryCommit(lake, table, { operation: "MERGE", base, fields: aligned.fields, actions, metrics }, options);
    unneeded = version === undefined;
    return version === undefined ? undefined : { version, rows: given.rows, skipped: false };
  } finally {
    if (unneeded) for (const file of files) await discardDataFile(lake, table, file);
  }
}

function sameKey(key: string[]): string {
  return key.map((name) => `t.${quoteName(name)} = s.${quoteName(name)}`).join(" and ");
}

/** The files that hold a row with one of the keys. */
async function filesWithKeys(lake: LakeContext, base: TableState, source: Source, key: string[]): Promise<Add[]> {
  const files = [...base.files.values()];
  if (files.length === 0) return [];
  const keys = key.map(quoteName).join(", ");
  const selects = await Promise.all(
    files.map(async (add, index) => `select ${index} as "file index", ${keys} from ${await relationOf(lake, base, [add])}`),
  );
  const rows = await lake.warehouse.rows(
    `select distinct "file index" as i from (${selects.join(" union all ")}) t where exists (select 1 from (${source.sql}) s where ${sameKey(key)}) order by i`,
  );
  return rows.map(({ i }) => files[Number(i)]!);
}
