import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WarehouseTable } from "#ports/warehouse";
import { makeServingFolder, openServingCopy, trainVersion, type ServingProject } from "../../../../../tests/processes/serving-project.ts";
import { loadServedModel, scoreTable, type ServedModel } from "./index.ts";

let template: string;
let project: ServingProject;
let model: ServedModel;

beforeAll(async () => {
  template = await makeServingFolder(4_000, (made) => trainVersion(made, { seed: 9 }).then(() => undefined));
  project = await openServingCopy(template);
  model = await loadServedModel(project, await project.models.resolve("late@1"));
});
afterAll(async () => {
  await project.close();
  await rm(template, { recursive: true });
});

const numbers = (table: WarehouseTable, name: string) => {
  const column = table.columns.find((each) => each.name === name);
  return column?.kind === "number" ? [...column.values] : [];
};
const table = "models.flights";

describe("scoring a table", () => {
  test("writes id, time, score, version and model of every row in one version, whatever the size of its chunks", async () => {
    const progress: number[] = [];
    const whole = await scoreTable(project, { model, table, into: "whole" });
    expect(whole).toEqual({ table: "predictions.whole", version: 0, of: { table, version: 0 }, rows: 2_400, skipped: false });
    await scoreTable(project, { model, table, into: "pieces", rowsPerChunk: 300, onProgress: (done) => progress.push(done) });
    expect(progress.length).toBeGreaterThan(7);
    expect(progress.at(-1)).toBe(2_400);
    const [one, other] = [await project.lake.columns("predictions.whole"), await project.lake.columns("predictions.pieces")];
    expect(other).toEqual(one);
    expect((await project.lake.snapshot("predictions.whole")).columns).toEqual([
      { name: "id", type: "BIGINT" },
      { name: "time", type: "TIMESTAMP" },
      { name: "score", type: "FLOAT" },
      { name: "version", type: "INTEGER" },
      { name: "model", type: "VARCHAR" },
    ]);
    expect(numbers(one, "id")).toEqual(Array.from({ length: 2_400 }, (_, i) => i));
    expect(new Set(numbers(one, "version"))).toEqual(new Set([1]));
  });

  test("is done once for a model and what it can see of the rows, whatever comes later", async () => {
    const request = { model, table, into: "once", where: "origin = 'SFO' -- all of them" };
    const first = await scoreTable(project, request);
    expect(first.rows).toBeGreaterThan(100);
    expect(await scoreTable(project, request)).toEqual({ ...first, rows: 0, skipped: true });
    const other = await loadServedModel(project, await project.models.resolve("late@2"));
    expect(await scoreTable(project, { ...request, model: other })).toMatchObject({ version: 1, rows: first.rows, skipped: false });
    expect(await scoreTable(project, { ...request, where: "origin = 'LAX'" })).toMatchObject({ version: 2, skipped: false });
    const early = { ...request, where: "departed_at < timestamp '2001-05-29'", into: "early" };
    expect(await scoreTable(project, early)).toMatchObject({ of: { table, version: 0 }, skipped: false });
    await project.lake.append(table, {
      sql: `select * from read_parquet('${project.folder}/flights.parquet') where flight_id between 2400 and 2410`,
    });
    expect(await scoreTable(project, early)).toMatchObject({ of: { table, version: 1 }, rows: 0, skipped: true });
    expect(await scoreTable(project, { ...request, version: 0 })).toMatchObject({ skipped: true });
    expect(await scoreTable(project, { ...request, where: "flight_id >= 2400" })).toMatchObject({
      of: { table, version: 1 },
      rows: 11,
      skipped: false,
    });
  });

  test("of no rows makes an empty version", async () => {
    expect(await scoreTable(project, { model, table, into: "none", where: "false" })).toMatchObject({ version: 0, rows: 0, skipped: false });
    expect((await project.lake.columns("predictions.none")).rows).toBe(0);
  });

  test("names what it cannot use", async () => {
    await expect(scoreTable(project, { model, table, into: "Bad Name" })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(scoreTable(project, { model, table: "models.nothing", into: "x" })).rejects.toMatchObject({ code: "not_found" });
    await expect(scoreTable(project, { model, table, into: "x", where: "orgin = 1" })).rejects.toMatchObject({ code: "sql_error" });
    await project.lake.append("models.narrow", { sql: "select 1::BIGINT as flight_id, timestamp '2001-05-30' as departed_at, 'SFO' as origin" });
    await expect(scoreTable(project, { model, table: "models.narrow", into: "x" })).rejects.toMatchObject({
      code: "invalid_argument",
      message: "Model late v1 takes destination, which table `models.narrow` lacks (it has: flight_id, departed_at, origin).",
    });
    expect(await project.lake.exists("predictions.x")).toBe(false);
  });
});
