import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DemoReport } from "#entry/demo-report";
import type { Reproduction } from "#entry/reproduce-version";
import type { FullTrace } from "#entry/trace-prediction";
import { copyExample, type ExampleCopy } from "./example-copy.ts";
import { millrace, millraceJson, startMillrace, type Ended } from "./millrace-process.ts";
import { askLake, readFacts, type ProjectFacts } from "./project-facts.ts";

/** The whole life of the example, once: every test below looks at what it left. */
const patienceMs = 900_000;
const names = { model: "late-arrival", endpoint: "late-arrival" };
const juneDays = 31; // 1 June to 1 July: in UTC the last evening of June is in July
const juneFlights = 502_228;

let example: ExampleCopy;
let ended: Ended;
let report: DemoReport;
let facts: ProjectFacts;

beforeAll(async () => {
  example = await copyExample();
  ended = await millrace(example.folder, ["demo", "--json"]);
  expect(ended, ended.stderr).toMatchObject({ exit: 0 });
  report = JSON.parse(ended.stdout) as DemoReport; // what the command prints
  facts = await readFacts(example.folder, names);
}, patienceMs);
afterAll(() => example?.remove());

describe("the flight-delays demonstration", { timeout: patienceMs }, () => {
  test("prints the report that it leaves beside the project's state", async () => {
    expect(JSON.parse(await readFile(join(example.folder, ".millrace", "report.json"), "utf8"))).toEqual(report);
    expect(report).toMatchObject({ project: "flight-delays", commit: example.commit, cached: false });
    expect(report.stages.map(({ name }) => name)).toEqual(["ingest", "models", "late-arrival", "batch", "replay june"]);
    expect(report.tables).toEqual(Object.entries(facts.tables).map(([table, { version, rows }]) => ({ table, version, rows })));
  });

  test("ingests each of the 22 weeks once, as one version", () => {
    expect(facts.tables["raw.flights"]).toMatchObject({ version: 21, rows: 2_497_772 });
    for (const [table, { version, history }] of Object.entries(facts.tables)) {
      expect({ table, history }).toEqual({ table, history: Array.from({ length: version + 1 }, (_, i) => i) });
    }
  });

  test("builds the SQL models and tests them", async () => {
    expect(Object.keys(facts.tables)).toEqual(expect.arrayContaining(["models.airports", "models.clocks", "models.flights"]));
    expect(report.stages.find(({ name }) => name === "models")!.summary).toMatch(/^4 of 4 built, 12 tests passed$/);
    const [first] = await askLake<{ flights: number; ids: number }>(
      example.folder,
      async (relation) =>
        `select count(*)::integer as flights, count(distinct flight_id)::integer as ids from ${await relation("models.flights", 0)}`,
    );
    expect(first).toEqual({ flights: 2_497_772, ids: 2_497_772 });
  });

  test("promotes a first champion whose AUC on all of June is at least 0.78", () => {
    const [endpoint] = report.endpoints;
    expect(endpoint!.first).toMatchObject({ version: 1, predictions: juneFlights });
    expect(endpoint!.first!.auc).toBeGreaterThan(0.78);
    expect(endpoint!.first!.standardError).toBeLessThan(0.002);
  });

  test("says of every version what the gate found, and why", () => {
    expect(facts.versions.map(({ version }) => version)).toEqual([1, 2]);
    for (const { gate, metrics } of facts.versions) {
      expect(gate).toMatchObject({ verdict: "passed" });
      expect(String(gate!["summary"])).toMatch(/^ready: 7 of 7 passed/);
      const results = gate!["results"] as { status: string; reason: string }[]; // the gate's report
      expect(results).toHaveLength(7);
      for (const { status, reason } of results) expect({ status, said: reason.length > 10 }).toEqual({ status: "passed", said: true });
      expect(metrics["auc"]).toBeGreaterThan(0.76);
    }
    expect(report.endpoints[0]!.serving).toMatchObject({ version: 2, gate: "ready: 7 of 7 passed" });
  });

  test("scores each flight of May once", async () => {
    const [row] = await askLake<{ scored: number; may: number; joined: number; versions: number }>(
      example.folder,
      async (relation) => `with may as (
          select flight_id from ${await relation("models.flights", 0)} where departed_at >= timestamp '2001-05-01' and departed_at < timestamp '2001-06-01'
        ), scored as (select * from ${await relation("predictions.may")})
        select
          (select count(*) from scored)::integer as scored,
          (select count(*) from may)::integer as may,
          (select count(*) from may join scored on scored.id = may.flight_id)::integer as joined,
          (select count(distinct version) from scored)::integer as versions`,
    );
    expect(row).toEqual({ scored: 518_675, may: 518_675, joined: 518_675, versions: 1 });
  });

  test("answers every departure of June once, and asks over HTTP twice", () => {
    const { departures, arrivals } = facts.topics;
    expect({ departures, arrivals }).toEqual({
      departures: { records: juneFlights, keys: juneFlights },
      arrivals: { records: juneFlights, keys: juneFlights },
    });
    expect(facts.answers).toMatchObject({ answers: juneFlights, keys: juneFlights, asked: 2 });
    expect(facts.topics["late-arrival-predictions-rejected"]).toEqual({ records: 0, keys: 0 });
    expect(report.question!.score).toBeGreaterThan(0);
  });

  test("knows the live AUC of every day, from all of the day's outcomes", () => {
    const serving = report.endpoints[0]!.days.filter(({ role }) => role === "serving");
    expect(serving.map(({ day }) => day)).toEqual(
      Array.from({ length: juneDays }, (_, i) => new Date(Date.UTC(2001, 5, 1 + i)).toISOString().slice(0, 10)),
    );
    for (const { day, auc } of serving) expect({ day, usable: auc! > 0.7 && auc! < 0.9 }).toEqual({ day, usable: true });
    expect(serving.reduce((sum, { labelled }) => sum + labelled, 0)).toBe(juneFlights);
    expect(report.endpoints[0]!.days).toEqual(facts.days);
  });

  test("finds the drift and learns again once, and the new version answers from the next day on", () => {
    expect(report.endpoints[0]!.drift).toHaveLength(juneDays);
    const [decision, ...others] = facts.decisions;
    expect(others).toEqual([]);
    expect(decision).toMatchObject({
      state: "done",
      version: 1,
      error: null,
      outcome: { promoted: true, version: 2, previous: 1, verdict: "passed" },
    });
    expect(decision!.reasons[0]!.reason).toMatch(/drifted: the PSI of \w+ is 0\.\d+, above 0\.2/);
    expect(report.endpoints[0]!.retrainings).toMatchObject([{ at: new Date(decision!.atMs).toISOString(), runId: decision!.runId }]);
    expect(facts.runs.map(({ status, cause }) => [status, cause !== null])).toEqual([
      ["succeeded", true],
      ["succeeded", false],
    ]);
    const before = facts.days.filter(({ role, day }) => role === "serving" && Date.parse(day) < decision!.atMs);
    expect(facts.answers.byVersion).toEqual({
      1: before.reduce((sum, { predictions }) => sum + predictions, 0),
      2: juneFlights - before.reduce((sum, { predictions }) => sum + predictions, 0),
    });
    expect(facts.champions.map(({ version, previous }) => [version, previous])).toEqual([
      [1, undefined],
      [2, 1],
    ]);
  });

  test("traces a prediction of June to its version, run, commit, parameters, values, tables and columns", async () => {
    const trace = await millraceJson<FullTrace>(example.folder, ["trace", "late-arrival.0.123456"]);
    expect(trace).toMatchObject({
      endpoint: "late-arrival",
      source: "stream",
      verified: { score: trace.score, equal: true },
      model: { name: "late-arrival", version: 1, digest: facts.versions[0]!.digest, gate: expect.stringMatching(/^ready: 7 of 7/) as string },
      run: { id: facts.versions[0]!.runId, commit: example.commit, dirty: false, params: { until: "2001-06-01", trees: "100" } },
      data: [{ table: "models.flights", version: 0 }],
      sqlModels: ["airports", "clocks", "flights", "history"],
    });
    const features = trace.inputs.filter((input) => input.from === "feature");
    expect(features).toHaveLength(14);
    for (const { name, knownMs, sources } of features) {
      const early = knownMs === null || knownMs < Date.parse(trace.time);
      expect({ name, early, from: sources?.some((column) => column.startsWith("raw.flights.")) }).toEqual({ name, early: true, from: true });
    }
    expect(trace.inputs.filter((input) => input.from === "row").map(({ name }) => name)).toEqual([
      "origin",
      "destination",
      "distance",
      "hour",
      "weekday",
    ]);
  });

  test("shows everything made from a column, down to the endpoint", async () => {
    const { exit, stdout } = await millrace(example.folder, ["lineage", "raw.flights.delay"]);
    expect(exit).toBe(0);
    for (const made of [
      "column models.flights.late",
      "feature departed.late_rate_1h",
      "feature on_route.late_rate_7d",
      "model-version late-arrival@1",
      "model-version late-arrival@2",
      "endpoint late-arrival",
    ])
      expect(stdout).toContain(made);
  });

  test("runs again from the cache, and adds nothing but its questions", async () => {
    const again = await millraceJson<DemoReport>(example.folder, ["demo"]);
    expect(again.cached).toBe(true);
    expect(again.stages.map(({ name, cached }) => [name, cached])).toEqual(report.stages.map(({ name }) => [name, true]));
    expect(again.tables).toEqual(report.tables);
    expect(again.endpoints).toEqual(report.endpoints);
    const { answers, topics, runs, ...rest } = await readFacts(example.folder, names);
    const { answers: hadAnswers, topics: hadTopics, runs: hadRuns, ...had } = facts;
    expect(rest).toEqual(had);
    expect(answers).toEqual({ ...hadAnswers, asked: 4 });
    expect({ ...topics, "late-arrival-predictions": null }).toEqual({ ...hadTopics, "late-arrival-predictions": null });
    expect(runs.filter((run) => !hadRuns.some(({ id }) => id === run.id)).map(({ status, flow }) => [status, flow])).toEqual([
      ["succeeded", "late-arrival"], // all of its steps from the cache
    ]);
  });

  test("makes the first version again, equal to the byte", async () => {
    expect(await millraceJson<Reproduction>(example.folder, ["reproduce", "late-arrival@1"])).toMatchObject({
      equal: true,
      trainingSet: { equal: true },
      file: { equal: true },
    });
  });

  test("goes on serving with --serve, answers over HTTP, and stops when it is told to", async () => {
    const running = startMillrace(example.folder, ["demo", "--serve"], { env: { MILLRACE_PORT: "0" } });
    const [, address] = await running.says(/Serving at (http:\S+)\./);
    const health = await fetch(`${address}/api/health`);
    expect([health.status, await health.json()]).toEqual([200, expect.objectContaining({ status: "ok", project: "flight-delays" })]);

    const { row } = report.question!;
    const ask = async (path: string, body: unknown) => {
      const response = await fetch(`${address}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      expect(response.status, path).toBe(200);
      return response.json() as Promise<unknown>;
    };
    const predictions = (await ask("/api/endpoints/late-arrival/predictions", { rows: [row] })) as { predictions: { id: string; score: number }[] };
    const { id, score } = predictions.predictions[0]!;
    expect(score).toBeCloseTo(report.question!.score, 6);
    const inferred = (await ask("/v2/models/late-arrival/infer", {
      inputs: Object.entries(row).map(([name, value]) => ({
        name,
        shape: [1],
        datatype: typeof value === "number" ? "INT64" : "BYTES",
        data: [value],
      })),
    })) as { outputs: { data: number[] }[] };
    expect(inferred.outputs[0]!.data[0]).toBeCloseTo(score, 6);
    expect(await (await fetch(`${address}/api/predictions/${id}/trace`)).json()).toMatchObject({ id, source: "http", verified: { equal: true } });

    running.child.kill("SIGTERM");
    const { exit, signal } = await running.ended;
    expect({ exit, signal }).toEqual({ exit: 0, signal: null });
    await expect(fetch(`${address}/health`)).rejects.toThrow();
  });
});
