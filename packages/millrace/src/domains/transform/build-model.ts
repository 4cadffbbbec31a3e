import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "#kit/app-error";
import { newId } from "#kit/id";
import { quoteName, quoteText } from "#kit/sql-text";
import type { ColumnType } from "#ports/warehouse";
import type { BuildAction } from "./build-decision.ts";
import { buildKey, testKey, type InputVersion, type PreparedModel } from "./build-key.ts";
import { inputVersion, offerRecord, type BuildSession, type Input } from "./build-session.ts";
import { columnLineage, type ColumnLineage } from "./column-lineage.ts";
import { compile, type CompiledSql } from "./compile.ts";
import { modelSqlError } from "./compiled-place.ts";
import { runDataTests, testFailure } from "./data-tests.ts";
import { describeCompiled } from "./describe-models.ts";
import { relationOfRecord, viewDefinition } from "./model-relation.ts";
import { modelSchema, type BuildRecord, type TestResult } from "./model.ts";
import { lineageFacts, transactionApp } from "./recover-build.ts";

export interface BuiltModel {
  record: BuildRecord;
  /** Rows written; undefined for views. */
  rows: number | undefined;
  /** All rows were made anew, although new ones alone were asked for, because the columns changed. */
  rebuilt: boolean;
}

/** Builds one model whose inputs stand in the session's catalog. A failed test or any other error leaves what stood before. */
export async function buildModel(
  session: BuildSession,
  prepared: PreparedModel,
  action: Exclude<BuildAction, "test" | "skip">,
  before: BuildRecord | undefined,
  inputs: Input[],
  testInputs: InputVersion[],
): Promise<BuiltModel> {
  const { graph, catalog, warehouse } = session;
  const { model } = prepared;
  const names = [...new Set(inputs.flatMap((input) => input.columns.map((column) => column.name)))];
  const compileFor = (isIncremental: boolean) =>
    compile(graph, model.template, { name: model.name, database: catalog.database, isIncremental, fullRefresh: !isIncremental }).compiled;

  let compiled = compileFor(action === "incremental");
  let incremental = action === "incremental" && before !== undefined;
  if (incremental) await offerRecord(session, before!); // `this`
  let columns = await describeCompiled(warehouse, compiled, names, catalog.database);
  const rebuilt = incremental && model.config.full_refresh !== false && !sameColumns(columns, before!.columns);
  if (rebuilt) {
    incremental = false;
    compiled = compileFor(false);
    columns = await describeCompiled(warehouse, compiled, names, catalog.database);
  }
  const lineage = await lineageOf(session, prepared, columns, inputs);
  const draft = { prepared, before, inputs, testInputs, columns, lineage, compiled };
  try {
    if (model.config.materialized === "view" || model.config.materialized === "ephemeral") return { ...(await buildView(session, draft)), rebuilt };
    return { ...(await buildTable(session, draft, incremental)), rebuilt };
  } catch (error) {
    if (before !== undefined) await offerRecord(session, before); // readers of the name must not meet rows that did not pass
    throw modelSqlError(compiled, error, { columns: names, database: catalog.database });
  }
}

interface Draft {
  prepared: PreparedModel;
  before: BuildRecord | undefined;
  inputs: Input[];
  testInputs: InputVersion[];
  columns: ColumnType[];
  lineage: ColumnLineage;
  compiled: CompiledSql;
}

async function buildView(session: BuildSession, draft: Draft): Promise<Omit<BuiltModel, "rebuilt">> {
  const { prepared, before } = draft;
  const views = new Map(draft.inputs.flatMap(({ table, definition }) => (definition === undefined ? [] : [[table, definition] as const])));
  const inputs = draft.inputs.map(inputVersion);
  const definition = await viewDefinition(session.warehouse, { file: prepared.model.file, sql: prepared.compiled.sql, inputs, views });
  const record = recordOf(session, draft, { version: (before?.version ?? 0) + 1, sequence: (before?.sequence ?? 0) + 1, tests: [], definition });
  await offerRecord(session, record);
  record.tests = await testRows(session, prepared, before);
  await session.onLineage(lineageFacts(record));
  await session.buildStore.putFinished(record);
  return { record, rows: undefined };
}

/** Writes a table: rows are made once, tested, and only then committed. */
async function buildTable(session: BuildSession, draft: Draft, incremental: boolean): Promise<Omit<BuiltModel, "rebuilt">> {
  const { prepared, before, columns, compiled } = draft;
  const { model } = prepared;
  const isTested = model.tests.length + prepared.singular.length > 0;
  if (!isTested && !incremental) return commit(session, draft, { sql: onLinesOfItsOwn(compiled.sql), stagedRows: undefined, incremental, tests: [] });
  const path = join(session.scratchFolder, `model-${newId()}.parquet`);
  await mkdir(session.scratchFolder, { recursive: true });
  try {
    const { rows } = await session.warehouse.writeParquet(compiled.sql, path);
    // Cast back: Parquet has no unsigned or huge integers as the engine means them.
    const select = columns.map(({ name, type }) => `cast(${quoteName(name)} as ${type}) as ${quoteName(name)}`).join(", ");
    const sql = `select ${select} from read_parquet(${quoteText(path)}, hive_partitioning = false)`;
    await session.catalog.define(modelSchema, model.name, incremental ? await merged(session, draft, sql) : sql);
    const tests = await testRows(session, prepared, before);
    return await commit(session, draft, { sql, stagedRows: rows, incremental, tests });
  } finally {
    await rm(path, { force: true });
  }
}

/** Whatever is put around the SQL, its lines stay whole: errors point into them, and a comment at the end swallows nothing. */
function onLinesOfItsOwn(sql: string): string {
  return `\n${sql}\n`;
}

/** What the table will hold once the new rows are merged or appended. */
async function merged(session: BuildSession, { prepared, before }: Draft, staged: string): Promise<string> {
  const standing = await relationOfRecord(session, before!); // an incremental build has something to build on
  const key = prepared.model.config.unique_key;
  const kept =
    key.length === 0 || isAppend(prepared)
      ? ""
      : ` where not exists (select 1 from (${staged}) as fresh where ${key.map((name) => `fresh.${quoteName(name)} = standing.${quoteName(name)}`).join(" and ")})`;
  return `select standing.* from ${standing} as standing${kept} union all by name (${staged})`;
}

function isAppend({ model }: PreparedModel): boolean {
  return model.config.unique_key.length === 0 || model.config.incremental_strategy === "append";
}

async function commit(
  session: BuildSession,
  draft: Draft,
  rows: { sql: string; stagedRows: number | undefined; incremental: boolean; tests: TestResult[] },
): Promise<Omit<BuiltModel, "rebuilt">> {
  const { lake, buildStore } = session;
  const { prepared, before } = draft;
  const table = `${modelSchema}.${prepared.model.name}`;
  if (rows.incremental && rows.stagedRows === 0) {
    // nothing new: the version stands, so that nothing that reads it is built again
    const record = recordOf(session, draft, {
      version: before!.version,
      sequence: before!.sequence + 1,
      rowsSequence: before!.rowsSequence,
      tests: rows.tests,
    });
    await buildStore.putFinished(record);
    await offerRecord(session, record);
    return { record, rows: 0 };
  }
  const inLake = (await lake.exists(table)) ? ((await lake.snapshot(table)).transactions[transactionApp] ?? 0) : 0;
  const sequence = Math.max(before?.sequence ?? 0, inLake) + 1;
  const record = recordOf(session, draft, { version: -1, sequence, tests: rows.tests }); // the version is known after the commit
  await buildStore.putPending(record);
  const options = { transaction: { appId: transactionApp, version: sequence }, metadata: { model: prepared.model.name, key: record.key } };
  const written = !rows.incremental
    ? await lake.replace(table, { sql: rows.sql }, options)
    : isAppend(prepared)
      ? await lake.append(table, { sql: rows.sql }, options)
      : await lake.merge(table, { sql: rows.sql, key: prepared.model.config.unique_key }, options);
  record.version = written.version;
  await session.onLineage(lineageFacts(record));
  await buildStore.putFinished(record);
  await offerRecord(session, record);
  return { record, rows: written.rows };
}

function recordOf(
  session: BuildSession,
  { prepared, inputs, testInputs, columns, lineage }: Draft,
  facts: { version: number; sequence: number; rowsSequence?: number; tests: TestResult[]; definition?: string },
): BuildRecord {
  const { model, codeDigest } = prepared;
  const versions = inputs.map(inputVersion);
  return {
    model: model.name,
    sequence: facts.sequence,
    key: buildKey(codeDigest, session.engine, versions),
    codeDigest,
    testKey: testKey(prepared.testsDigest, testInputs),
    materialized: model.config.materialized,
    version: facts.version,
    rowsSequence: facts.rowsSequence ?? facts.sequence,
    columns: columns.map(({ name, type }, i) => ({ name, type, from: lineage.columns[i]?.from ?? [] })),
    unresolved: lineage.unresolved,
    inputs: inputs.flatMap(({ table, version }) => (version === undefined ? [] : [{ table, version }])),
    engine: session.engine,
    ...(facts.definition !== undefined && { definition: facts.definition }),
    tests: facts.tests,
    builtAtMs: session.clock.now(),
  };
}

/** Runs a model's tests on what its name means in the catalog now. Throws `test_failed` where one of severity error fails. */
export async function testRows(session: BuildSession, prepared: PreparedModel, before: BuildRecord | undefined): Promise<TestResult[]> {
  const { model, singular } = prepared;
  const { graph, warehouse, catalog } = session;
  const results = await runDataTests({ graph, warehouse, database: catalog.database, model: model.name, tests: model.tests, singular });
  if (results.some((result) => result.status === "failed")) {
    throw testFailure(model.file, model.name, results, before === undefined ? "nothing was written" : `version ${before.version} stays in place`);
  }
  return results;
}

async function lineageOf(session: BuildSession, prepared: PreparedModel, columns: ColumnType[], inputs: Input[]): Promise<ColumnLineage> {
  const known = new Map(inputs.map((input) => [input.table, input.columns.map((column) => column.name)]));
  const names = columns.map((column) => column.name);
  let tree: unknown;
  try {
    tree = await session.warehouse.syntaxTree(prepared.compiled.sql);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "sql_error") throw error;
    return { columns: names.map((name) => ({ name, from: [] })), unresolved: [`The engine gives no syntax tree of this query (${error.message}).`] };
  }
  return columnLineage({ tree, columnsOf: (table) => known.get(table), names });
}

function sameColumns(now: ColumnType[], then: ColumnType[]): boolean {
  const text = (columns: ColumnType[]) =>
    columns
      .map(({ name, type }) => `${name} ${type}`)
      .toSorted()
      .join("\n");
  return text(now) === text(then);
}
