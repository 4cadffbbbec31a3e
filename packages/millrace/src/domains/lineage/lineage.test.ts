import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fixedClock } from "#kit/clock";
import type { Database } from "#ports/database";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import {
  downstream,
  lineageMigrations,
  type LineageGraph,
  type LineageServices,
  recordEndpoint,
  recordFeatureView,
  recordModelVersion,
  recordTable,
  recordTrainingSet,
  renameModelVersions,
  upstream,
} from "./index.ts";

let state: Database;
let services: LineageServices;
beforeEach(async () => {
  state = await openTestState(lineageMigrations);
  services = { state, clock: fixedClock(1_000) };
});
afterEach(() => state.close());

const names = (graph: LineageGraph) => graph.nodes.map((node) => `${node.kind}:${node.name}`);
const from = (table: string, column: string, kind: "value" | "filter" = "value") => ({ table, column, kind });

async function recordFlights(version: number, late: ReturnType<typeof from>[] = [from("raw.flights", "delay")]) {
  await recordTable(services, {
    table: "raw.flights",
    version,
    producer: { kind: "source", name: "flights" },
    columns: [
      { name: "delay", type: "BIGINT" },
      { name: "cancelled", type: "BOOLEAN" },
    ],
  });
  await recordTable(services, {
    table: "marts.flights",
    version,
    producer: { kind: "model", name: "marts.flights" },
    columns: [{ name: "late", type: "BOOLEAN", from: [...late, from("raw.flights", "cancelled", "filter")] }],
    inputs: [{ table: "raw.flights", version }],
  });
}

async function recordLifeCycle() {
  await recordFlights(1);
  await recordFeatureView(services, {
    view: "departed",
    entity: "airport",
    table: "marts.flights",
    features: [{ name: "late_rate_1h", from: [from("marts.flights", "late")] }],
  });
  await recordTrainingSet(services, {
    id: "set-1",
    tables: [{ table: "marts.flights", version: 1 }],
    features: [{ view: "departed", feature: "late_rate_1h" }],
    columns: [{ table: "marts.flights", column: "late" }],
  });
  await recordModelVersion(services, { model: "late-arrival", version: 1, runId: "run-1", inputs: [{ trainingSet: "set-1" }] });
  await recordEndpoint(services, { endpoint: "late-arrival", models: [{ model: "late-arrival", version: 1 }], views: ["departed"] });
}

describe("lineage", () => {
  it("follows a source column through features and training to the endpoint that answers with it", async () => {
    await recordLifeCycle();
    const graph = await downstream(services, "raw.flights.delay");
    expect(names(graph)).toEqual([
      "column:raw.flights.delay",
      "column:marts.flights.late",
      "feature:departed.late_rate_1h",
      "training-set:set-1",
      "run:run-1",
      "model-version:late-arrival@1",
      "endpoint:late-arrival",
    ]);
    expect(graph.nodes.at(-1)!.path).toEqual(["raw.flights.delay", "marts.flights.late", "set-1", "run-1", "late-arrival@1", "late-arrival"]);
    expect(graph.edges).toContainEqual({
      from: { kind: "column", name: "raw.flights.delay" },
      to: { kind: "column", name: "marts.flights.late" },
      kind: "value",
    });
    expect(graph.nodes[1]!.facts).toEqual({ table: "marts.flights", column: "late", type: "BOOLEAN" });
  });

  it("finds everything behind a model version: tables, their versions, columns and SQL models", async () => {
    await recordLifeCycle();
    const found = names(await upstream(services, "late-arrival@1"));
    expect(found).toContain("table-version:raw.flights@1");
    expect(found).toContain("column:raw.flights.cancelled");
    expect(found).toContain("sql-model:marts.flights");
    expect(found).toContain("source:flights");
    expect(found).toContain("feature-view-version:departed@1");
    expect(found).not.toContain("endpoint:late-arrival");
  });

  it("tells columns that only filter from those that flow", async () => {
    await recordLifeCycle();
    const graph = await upstream(services, "marts.flights.late", { depth: 1 });
    expect(graph.edges.map((edge) => [edge.from.name, edge.kind]).sort()).toEqual([
      ["raw.flights.cancelled", "filter"],
      ["raw.flights.delay", "value"],
    ]);
  });

  it("stops at the depth and the number of nodes asked for", async () => {
    await recordLifeCycle();
    expect(names(await downstream(services, "raw.flights.delay", { depth: 1 }))).toHaveLength(2);
    const cut = await downstream(services, "raw.flights.delay", { limit: 3 });
    expect(cut).toMatchObject({ truncated: true });
    expect(cut.nodes).toHaveLength(3);
  });

  it("returns only the kinds asked for, and walks through the others", async () => {
    await recordLifeCycle();
    const graph = await downstream(services, "raw.flights.delay", { kinds: ["endpoint"] });
    expect(names(graph)).toEqual(["column:raw.flights.delay", "endpoint:late-arrival"]);
  });

  it("takes a name that several kinds share for all of them, and a kind before it for one", async () => {
    await recordLifeCycle();
    expect((await upstream(services, "marts.flights")).roots).toEqual([
      { kind: "sql-model", name: "marts.flights" },
      { kind: "table", name: "marts.flights" },
    ]);
    expect((await upstream(services, "table:marts.flights")).roots).toEqual([{ kind: "table", name: "marts.flights" }]);
  });

  it("names what an unknown name may have meant", async () => {
    await recordLifeCycle();
    await expect(downstream(services, "raw.flihgts.delay")).rejects.toMatchObject({ code: "not_found", hint: 'Did you mean "raw.flights.delay"?' });
    await expect(downstream(services, "flights.delay")).rejects.toMatchObject({ details: { similar: ["raw.flights.delay"] } });
    await expect(downstream(services, "endpoint:late-arival")).rejects.toThrow('Lineage knows no endpoint "late-arival".');
    await expect(downstream(services, "something else entirely")).rejects.toMatchObject({ details: { similar: [] } });
  });

  it("asks the past: a changed definition leaves the earlier one to earlier versions", async () => {
    await recordLifeCycle();
    await recordFlights(2, [from("raw.flights", "arrival_delay")]);
    const origins = async (version?: number) =>
      names(await upstream(services, "marts.flights.late", { depth: 1, ...(version !== undefined && { version }) }));
    expect(await origins()).toContain("column:raw.flights.arrival_delay");
    expect(await origins()).not.toContain("column:raw.flights.delay");
    expect(await origins(1)).toContain("column:raw.flights.delay");
    expect(await origins(1)).not.toContain("column:raw.flights.arrival_delay");
    await expect(origins(9)).rejects.toMatchObject({ code: "not_found" });
  });

  it("shows behind a model version the definitions it was made with, not today's", async () => {
    await recordLifeCycle();
    await recordFlights(2, [from("raw.flights", "arrival_delay")]);
    const changed = await recordFeatureView(services, {
      view: "departed",
      entity: "airport",
      table: "marts.flights",
      features: [{ name: "late_rate_1h", from: [from("marts.flights", "very_late")] }],
    });
    expect(changed).toEqual({ version: 2 });
    const found = names(await upstream(services, "late-arrival@1"));
    expect(found).toContain("column:raw.flights.delay");
    expect(found).not.toContain("column:raw.flights.arrival_delay");
    expect(found).not.toContain("column:marts.flights.very_late");
  });

  it("changes nothing when a step that was retried records the same again, or an older version arrives late", async () => {
    await recordLifeCycle();
    await recordFlights(2, [from("raw.flights", "arrival_delay")]);
    const dump = () => state.all(sqlAll("lineage_edge"));
    const before = await dump();
    await recordFlights(2, [from("raw.flights", "arrival_delay")]);
    await recordFlights(1);
    await recordEndpoint(services, { endpoint: "late-arrival", models: [{ model: "late-arrival", version: 1 }], views: ["departed"] });
    expect(await dump()).toEqual(before);
  });

  it("moves an endpoint's edges when another version answers there", async () => {
    await recordLifeCycle();
    await recordModelVersion(services, { model: "late-arrival", version: 2, runId: "run-2", inputs: [{ table: "marts.flights", version: 1 }] });
    await recordEndpoint(services, { endpoint: "late-arrival", models: [{ model: "late-arrival", version: 2 }] });
    expect(names(await downstream(services, "late-arrival@1"))).toEqual(["model-version:late-arrival@1"]);
    expect(names(await downstream(services, "late-arrival@2"))).toContain("endpoint:late-arrival");
  });

  it("records a table that a run wrote, such as batch scores", async () => {
    await recordLifeCycle();
    await recordTable(services, {
      table: "scores.may",
      version: 1,
      producer: { kind: "run", name: "run-9" },
      columns: [{ name: "probability", type: "DOUBLE" }],
      inputs: [{ table: "marts.flights", version: 1 }],
    });
    expect(names(await upstream(services, "scores.may@1", { depth: 1 }))).toEqual([
      "table-version:scores.may@1",
      "run:run-9",
      "table-version:marts.flights@1",
    ]);
    expect(names(await downstream(services, "table:marts.flights", { depth: 1 }))).toContain("table:scores.may");
  });

  it("walks a wide graph of ten thousand nodes and a cycle without visiting anything twice", async () => {
    const columns = (of: string) =>
      Array.from({ length: 1_000 }, (_, i) => ({
        name: `c${i}`,
        type: "DOUBLE",
        from: [from(of, `c${i >> 1}`), from(of, `c${(i * 7) % 1_000}`)],
      }));
    for (let layer = 0; layer < 10; layer++) {
      await recordTable(services, {
        table: `t${layer}`,
        version: 1,
        producer: { kind: "model", name: `m${layer}` },
        columns: columns(`t${(layer + 9) % 10}`),
        inputs: [{ table: `t${(layer + 9) % 10}`, version: 1 }],
      });
    }
    const graph = await downstream(services, "t0.c0");
    expect(graph.nodes).toHaveLength(10_000);
    expect(new Set(names(graph)).size).toBe(10_000);
    expect(graph.truncated).toBe(false);
  });

  it("refuses a record with a bad field, naming it", async () => {
    await expect(recordTable(services, { table: "a@b", version: 1, producer: { kind: "model", name: "x" }, columns: [] })).rejects.toMatchObject({
      code: "invalid_argument",
      details: { path: ["table"] },
    });
    await expect(recordTrainingSet(services, { id: "s", tables: [], features: [{ view: "gone", feature: "f" }] })).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

function sqlAll(table: string) {
  return { text: `select owner, from_node, to_node, kind, since_version, until_version from ${table} order by id`, params: [] };
}

describe("a model that gets another name", () => {
  it("keeps what its versions were made from and where they went, and nobody else's", async () => {
    const table = { table: "marts.flights", version: 1 };
    for (const [model, version] of [
      ["late", 1],
      ["late", 2],
      ["late-2", 1],
      ["x late", 2],
    ] as const)
      await recordModelVersion(services, { model, version, runId: `run-${model}-${version}`, inputs: [table] });
    const models = [
      { model: "late", version: 2 },
      { model: "x late", version: 2 },
    ];
    await recordEndpoint(services, { endpoint: "desk", models });
    await state.write((transaction) => renameModelVersions(transaction, { model: "late", newName: 'delays 50% "new"' }));

    const name = 'delays 50% "new"@2';
    expect(names(await upstream(services, `model-version:${name}`))).toEqual([
      `model-version:${name}`,
      "run:run-late-2",
      "table:marts.flights",
      "table-version:marts.flights@1",
    ]);
    const after = await downstream(services, `model-version:${name}`);
    expect(after.nodes).toMatchObject([
      { facts: { model: 'delays 50% "new"', version: 2, runId: "run-late-2" } },
      { facts: { serving: `${name} x late@2` } },
    ]);
    expect(names(await upstream(services, "endpoint:desk", { kinds: ["model-version"] })).slice(1)).toEqual([
      `model-version:${name}`,
      "model-version:x late@2",
    ]);
    expect(
      names(await downstream(services, "table:marts.flights", { kinds: ["model-version"] }))
        .slice(1)
        .sort(),
    ).toEqual(['model-version:delays 50% "new"@1', `model-version:${name}`, "model-version:late-2@1", "model-version:x late@2"]);
    await expect(upstream(services, "model-version:late@2")).rejects.toMatchObject({ code: "not_found" });

    // What is said of it by its new name is no change; and it may get the old one back.
    await recordModelVersion(services, { model: 'delays 50% "new"', version: 2, runId: "run-late-2", inputs: [table] });
    await state.write((transaction) => renameModelVersions(transaction, { model: 'delays 50% "new"', newName: "late" }));
    expect(names(await upstream(services, "model-version:late@2", { kinds: ["run"] })).slice(1)).toEqual(["run:run-late-2"]);
    expect((await recordEndpoint(services, { endpoint: "desk", models })).version).toBe(1);
  });

  it("takes the place of what was said before of another that had the name", async () => {
    await recordModelVersion(services, { model: "late", version: 1, runId: "of-late" });
    await recordModelVersion(services, { model: "delays", version: 1, runId: "of-delays" });
    await state.write((transaction) => renameModelVersions(transaction, { model: "late", newName: "delays" }));
    expect(names(await upstream(services, "model-version:delays@1", { kinds: ["run"] })).slice(1)).toEqual(["run:of-late"]);
  });
});
