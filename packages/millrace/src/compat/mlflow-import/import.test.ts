import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { mlflowMigrations } from "#compat/mlflow";
import { aliasHistory, getModel, registryMigrations } from "#domains/registry";
import { deleteTraces, readTrace, tracesMigrations } from "#domains/traces";
import { createExperiment, getRun, listArtifacts, metricHistory, setTags, startRun, trackingMigrations } from "#domains/tracking";
import { fixedClock } from "#kit/clock";
import { type Sql, sql } from "#kit/sql";
import type { Database } from "#ports/database";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import type { HereServices } from "./here.ts";
import { importMlflow, type ImportOptions } from "./import-mlflow.ts";
import { mlflowImportMigrations } from "./migrations.ts";
import { openSqlSource } from "./sql-source.ts";

/** The tables of MLflow 2.22.5 that are read, with what a small team left in them. */
const tables = `alembic_version (version_num varchar)
  experiments (experiment_id integer, name varchar, artifact_location varchar, lifecycle_stage varchar, creation_time bigint, last_update_time bigint)
  experiment_tags (key varchar, value varchar, experiment_id integer)
  runs (run_uuid varchar, name varchar, user_id varchar, status varchar, start_time bigint, end_time bigint, lifecycle_stage varchar, artifact_uri varchar, experiment_id integer, deleted_time bigint)
  params (key varchar, value varchar, run_uuid varchar)
  tags (key varchar, value varchar, run_uuid varchar)
  metrics (key varchar, value double precision, "timestamp" bigint, run_uuid varchar, step bigint, is_nan boolean)
  datasets (dataset_uuid varchar, experiment_id integer, name varchar, digest varchar, dataset_source_type varchar, dataset_source text, dataset_schema text, dataset_profile text)
  inputs (input_uuid varchar, source_type varchar, source_id varchar, destination_type varchar, destination_id varchar)
  input_tags (input_uuid varchar, name varchar, value varchar)
  registered_models (name varchar, creation_time bigint, last_updated_time bigint, description varchar)
  registered_model_tags (key varchar, value varchar, name varchar)
  registered_model_aliases (alias varchar, version integer, name varchar)
  model_versions (name varchar, version integer, creation_time bigint, last_updated_time bigint, description varchar, user_id varchar, current_stage varchar, source varchar, run_id varchar, status varchar, run_link varchar, storage_location varchar)
  model_version_tags (key varchar, value varchar, name varchar, version integer)
  trace_info (request_id varchar, experiment_id integer, timestamp_ms bigint, execution_time_ms bigint, status varchar)
  trace_tags (key varchar, value varchar, request_id varchar)
  trace_request_metadata (key varchar, value varchar, request_id varchar)`.split("\n");

let folder: string;
let there: Database;
let here: HereServices;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-import-"));
  there = await openTestState([{ id: "mlflow", statements: tables.map((table) => `create table ${table.trim()}`) }]);
  await fill(
    sql`insert into alembic_version values ('0584bdc529eb')`,
    sql`insert into experiments values (0, 'Default', ${join(folder, "0")}, 'active', 1000, 2000), (7, 'prices', ${join(folder, "7")}, 'deleted', 1000, 3000)`,
    sql`insert into experiment_tags values ('team', 'a', 0)`,
    run("r1", 0),
    run("r2", 7),
    sql`insert into params values ('rate', '0.1', 'r1')`,
    sql`insert into tags values ('mlflow.runName', 'first', 'r1'), ('mlflow.parentRunId', 'r2', 'r1')`,
    point("r1", "loss", 0, 0.5),
    point("r1", "loss", 1, Number.NaN),
    point("r1", "loss", -3, Number.MAX_VALUE),
    sql`insert into datasets values ('d1', 0, 'sales', 'abc', 'code', '{}', null, 'x')`,
    sql`insert into inputs values ('i1', 'DATASET', 'd1', 'RUN', 'r1')`,
    sql`insert into input_tags values ('i1', 'mlflow.data.context', 'train'), ('i1', 'week', '7')`,
    sql`insert into registered_models values ('price', 1000, 2000, 'of houses')`,
    sql`insert into model_versions values ('price', 1, 1000, 1500, null, 'ann', 'Production', ${join(folder, "0/r1/artifacts/model")}, 'r1', 'READY', null, null),
      ('price', 2, 1100, 1500, null, null, 'Deleted_Internal', 'x', null, 'READY', null, null)`,
    sql`insert into registered_model_aliases values ('champion', 1, 'price')`,
  );
  await write("0/r1/artifacts/model/MLmodel", "flavors: {}\n");
  await write("0/r1/artifacts/notes/a b.txt", "hello");
  const state = await openTestState([
    ...trackingMigrations,
    ...tracesMigrations,
    ...registryMigrations,
    ...mlflowMigrations,
    ...mlflowImportMigrations,
  ]);
  const clock = fixedClock(50_000);
  here = { tracking: { state, blobs: await openLocalBlobs({ folder: join(folder, "blobs") }), clock }, registry: { state, clock } };
});
afterEach(async () => {
  await there.close();
  await here.tracking.state.close();
  await rm(folder, { recursive: true, force: true });
});

function run(id: string, experiment: number): Sql {
  return sql`insert into runs values (${id}, ${`run ${id}`}, 'ann', 'FINISHED', 1000, 2000, 'active', ${join(folder, `${experiment}/${id}/artifacts`)}, ${experiment}, null)`;
}

function point(of: string, key: string, step: number, value: number): Sql {
  const isNan = Number.isNaN(value) ? sql`true` : sql`false`;
  return sql`insert into metrics values (${key}, ${Number.isNaN(value) ? 0 : value}, 1500, ${of}, ${step}, ${isNan})`;
}

async function fill(...statements: Sql[]): Promise<void> {
  await there.write(async (transaction) => {
    for (const statement of statements) await transaction.run(statement);
  });
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(join(folder, path, ".."), { recursive: true });
  await writeFile(join(folder, path), content);
}

async function importAll(options: Partial<ImportOptions> = {}) {
  const { dialect } = there.capabilities;
  const source = await openSqlSource({
    ...{ reader: there, dialect, origin: "test", folder, artifacts: undefined, skipped: () => undefined, close: async () => undefined },
  });
  return importMlflow({
    ...{ here, source, clock: here.tracking.clock, scratchFolder: join(folder, "scratch"), artifacts: true, dryRun: false, recheck: false },
    ...{ signal: new AbortController().signal, progress: () => undefined },
    ...options,
  });
}

describe("an import from MLflow", () => {
  it("keeps what there was", async () => {
    const report = await importAll();
    expect(report.problems).toEqual([]);
    expect(report.verified).toEqual({ experiments: 2, runs: 2, points: 3, files: 2, models: 1 });
    expect(await getRun(here.tracking, "r1")).toMatchObject({
      ...{ experiment: "0", name: "run r1", parent: "r2", actor: "ann", status: "finished", startedMs: 1000, endedMs: 2000, params: { rate: "0.1" } },
      inputs: [{ name: "sales", digest: "abc", use: "train", facts: { sourceType: "code", tags: { week: "7" } } }],
    });
    const { points } = await metricHistory(here.tracking, { run: "r1", key: "loss" });
    expect(points.map(({ step, value }) => [step, value])).toEqual([
      [-3, Number.MAX_VALUE],
      [0, 0.5],
      [1, Number.NaN],
    ]);
    expect((await listArtifacts(here.tracking, { run: "r1" })).map(({ path }) => path)).toEqual(["model", "notes"]);
    expect(await getModel(here.registry, "price")).toMatchObject({ createdMs: 1000, updatedMs: 2000, latest: 1, aliases: { champion: 1 } });
    expect(await aliasHistory(here.registry, { model: "price", alias: "champion" })).toMatchObject([{ actor: "mlflow import" }]);
  });

  it("changes nothing the second time, and takes in what is new the third", async () => {
    await importAll();
    const second = await importAll();
    for (const counts of Object.values(second.kinds))
      expect(counts).toEqual({ found: counts.found, new: 0, updated: 0, unchanged: counts.found, left: 0 });
    await fill(
      point("r2", "late", 9, 1),
      run("r3", 7),
      sql`update registered_models set description = 'of flats', last_updated_time = 9000`,
      sql`update registered_model_aliases set alias = 'other'`,
    );
    await write("0/r1/artifacts/more.txt", "more");
    const third = await importAll();
    expect(third.problems).toEqual([]);
    expect(third.kinds).toMatchObject({ runs: { new: 1, updated: 1, unchanged: 1 }, models: { updated: 1 }, files: { new: 1, unchanged: 2 } });
    expect(await getModel(here.registry, "price")).toMatchObject({ description: "of flats", aliases: { other: 1 } });
  });

  it("goes on where it was stopped", async () => {
    await fill(...Array.from({ length: 250 }, (_, i) => run(`s${i}`, 7)));
    const stop = new AbortController();
    let seen = 0;
    const stopped = importAll({
      signal: stop.signal,
      progress: () => void (++seen === 3 && stop.abort()),
    });
    await expect(stopped).rejects.toThrow();
    const report = await importAll();
    expect(report.problems).toEqual([]);
    expect(report.kinds.runs.unchanged).toBeGreaterThan(0);
    expect(report.verified).toMatchObject({ runs: 252, models: 1 });
  });

  it("takes over a run that a killed import left half-done", async () => {
    await fill(...Array.from({ length: 30 }, (_, i) => point("r2", "long", i, i)));
    await importAll();
    const { state } = here.tracking;
    await state.run(sql`update mlflow_import set digest = null where id = 'r2'`); // as it stands before the run is whole
    await setTags(here.tracking, { run: "r2", tags: { half: "done" } });
    expect((await importAll()).problems).toEqual([]);
    expect((await getRun(here.tracking, "r2")).tags).toEqual({});
  });

  it("moves more points than are read at once", async () => {
    await fill(
      ...Array.from({ length: 45 }, (_, i) => {
        const values = Array.from({ length: 1_000 }, (_unused, j) => `('many', ${j}.25, ${1_000 + j}, 'r2', ${i * 1_000 + j}, false)`);
        return { text: `insert into metrics values ${values.join(", ")}`, params: [] };
      }),
    );
    expect(await importAll()).toMatchObject({ problems: [], points: 45_003, verified: { points: 45_003 } });
  });

  it("tells conflicts, and overwrites nothing", async () => {
    await createExperiment(here.tracking, { id: "12", name: "prices" });
    await createExperiment(here.tracking, { id: "0", name: "Default" });
    await startRun(here.tracking, { id: "r1", experiment: "0", params: { rate: "0.7" } });
    const report = await importAll();
    expect(report.problems.map(({ problem, kind, id }) => [problem, kind, id])).toEqual([
      ["conflict", "experiments", "0"],
      ["conflict", "experiments", "7"],
      ["conflict", "runs", "r1"],
    ]);
    expect((await getRun(here.tracking, "r1")).params).toEqual({ rate: "0.7" });
    expect((await importAll()).problems).toHaveLength(3);
  });

  it("leaves alone what was changed here since, and tells a conflict where both sides changed", async () => {
    await importAll();
    await setTags(here.tracking, { run: "r1", tags: { here: "new" } });
    expect(await importAll()).toMatchObject({ problems: [], changedHere: 1 });
    expect((await getRun(here.tracking, "r1")).tags).toMatchObject({ here: "new" });
    await fill(point("r1", "loss", 99, 1));
    expect((await importAll()).problems).toMatchObject([{ problem: "conflict", kind: "runs", id: "r1" }]);
  });

  it("tells one by one what cannot be kept, and takes the rest", async () => {
    await fill(
      sql`insert into registered_models values ('a@b', 1, 1, null)`,
      sql`insert into registered_model_aliases values ('1', 1, 'price'), ('gone', 8, 'price')`,
      sql`insert into metrics values ('far', 1, 1500, 'r2', cast('9007199254740993' as bigint), false)`,
      sql`insert into trace_info values ('t1', 0, 1000, 5, 'OK')`,
      sql`insert into trace_tags values ('mlflow.artifactLocation', 's3://bucket/0/traces/t1/artifacts', 't1')`,
    );
    const report = await importAll();
    expect(report.problems.map(({ problem, kind, id }) => `${problem} ${kind} ${id}`).sort()).toEqual([
      "refused aliases price@1",
      "refused aliases price@gone",
      "refused models a@b",
      "refused runs r2",
      "refused traces t1",
    ]);
    expect(report.leftOut).toEqual([]);
    expect(report.verified).toMatchObject({ runs: 1, models: 1 });
  });

  it("writes nothing in a dry run, and counts the same", async () => {
    const dry = await importAll({ dryRun: true });
    await expect(getRun(here.tracking, "r1")).rejects.toMatchObject({ code: "not_found" });
    const { kinds } = await importAll();
    expect(dry.kinds).toEqual(kinds);
  });

  it("leaves files where they are when asked to, with their location", async () => {
    await importAll({ artifacts: false });
    expect(await listArtifacts(here.tracking, { run: "r1" })).toEqual([]);
    const { state } = here.tracking;
    expect(await state.get(sql`select location from mlflow_experiment where experiment = '0'`)).toEqual({ location: join(folder, "0") });
    expect((await importAll()).problems).toEqual([]);
    expect(await listArtifacts(here.tracking, { run: "r1" })).toHaveLength(2);
  });

  it("takes one experiment alone", async () => {
    expect((await importAll({ experiments: ["prices"] })).kinds).toMatchObject({ experiments: { new: 1 }, runs: { new: 1 }, models: { found: 0 } });
    await expect(importAll({ experiments: ["none"] })).rejects.toMatchObject({ code: "not_found" });
  });

  it("takes traces whose spans are in a file, as they were before MLflow 3.4, with all digits of their numbers", async () => {
    const id = "8505dfd82db04ddabcf8e72058aa0a46";
    const span = (name: string, spanId: string, parent: string) =>
      `{"name": "${name}", "context": {"span_id": "${spanId}", "trace_id": "3b9ab96118fdbee4919127d6885df8f8"}, "parent_id": ${parent},
        "start_time": 1795208273551253690, "end_time": 1795208273570010881, "status_code": "OK", "status_message": "",
        "attributes": {"mlflow.traceRequestId": "\\"${id}\\"", "whole": "1152921504606846977", "double": "1.0", "list": "[1, null]"},
        "events": [{"name": "seen", "timestamp": 1795208273569519702, "attributes": {"by": "ann"}}]}`;
    const spans = [span("answer", "24d7f81e0fedbb8b", "null"), span("inner", "7ce56a3f50f34178", '"24d7f81e0fedbb8b"')];
    await write(`0/traces/${id}/artifacts/traces.json`, `{"spans": [${spans.join(", ")}], "request": "{}", "response": null}`);
    await fill(
      sql`insert into trace_info values (${id}, 0, 1500, 46, 'OK'), ('waiting', 7, 1600, null, 'IN_PROGRESS')`,
      sql`insert into trace_tags values ('mlflow.artifactLocation', ${join(folder, `0/traces/${id}/artifacts`)}, ${id}), ('team', 'a', ${id})`,
      sql`insert into trace_request_metadata values ('mlflow.traceInputs', '{}', ${id})`,
    );
    const report = await importAll();
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ verified: { traces: 2, files: 3 }, kinds: { traces: { new: 2 } } });
    const { trace, spans: found } = await readTrace(here.tracking, id);
    expect(trace).toMatchObject({ startedMs: 1500, durationMs: 46, status: "ok", tags: { team: "a" }, metadata: { "mlflow.traceInputs": "{}" } });
    expect(found.map(({ name, parent }) => [name, parent])).toEqual([
      ["answer", undefined],
      ["inner", "24d7f81e0fedbb8b"],
    ]);
    expect(found[0]).toMatchObject({
      startNs: 1_795_208_273_551_253_690n,
      attributes: { whole: 1_152_921_504_606_846_977n, double: 1, list: [1n, null] },
    });
    expect((await importAll()).kinds.traces).toMatchObject({ unchanged: 2, new: 0, updated: 0 });
    await deleteTraces(here.tracking, { experiment: "0", ids: [id] });
    expect((await importAll()).changedHere).toBe(1);
    expect((await importAll({ recheck: true })).kinds.traces).toMatchObject({ new: 1, unchanged: 1 });
  });

  it("refuses a schema that is not known", async () => {
    await fill(sql`update alembic_version set version_num = 'ffffffffffff'`);
    await expect(importAll()).rejects.toMatchObject({ code: "unsupported" });
  });
});
