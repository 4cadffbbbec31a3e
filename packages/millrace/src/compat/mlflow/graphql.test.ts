import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";
import { answerQuestion } from "./graphql-execute.ts";
import { newSchema } from "./graphql-schema.ts";

let place: MlflowPlace;
let experiment: string;
let runs: string[];
beforeAll(async () => {
  place = await openMlflowPlace();
  experiment = (await post("experiments/create", { name: "asked about" })).experiment_id;
  runs = [];
  for (const name of ["first", "second", "third"])
    runs.push((await post("runs/create", { experiment_id: experiment, run_name: name, start_time: 1000 + runs.length })).run.info.run_id);
  await post("registered-models/create", { name: "model" });
  for (const run_id of [runs[0], runs[0], runs[2]])
    await post("model-versions/create", { name: "model", source: `mlflow-artifacts:/${experiment}/${run_id}/artifacts/m`, run_id });
});
afterAll(() => place.close());

type Answer = any; // oxlint-disable-line typescript/no-explicit-any -- what a server says

async function send(path: string, body: unknown): Promise<{ status: number; body: Answer }> {
  const response = await fetch(place.address + path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
  return { status: response.status, body: await response.json() };
}
const post = async (path: string, body: unknown) => (await send(`/api/2.0/mlflow/${path}`, body)).body;
const ask = async (query: string, variables?: object) => (await send("/graphql", { query, variables })).body;

describe("questions", () => {
  it("find a run with its experiment and the versions made from it", async () => {
    const query = `query ($data: MlflowGetRunInput!) @component(name: "page") {
      mlflowGetRun(input: $data) { apiError { code } run { info { runId endTime } experiment { name tags { key } } modelVersions { version status } } }
    }`;
    expect(await ask(query, { data: { runId: runs[0] } })).toEqual({
      data: {
        mlflowGetRun: {
          apiError: null,
          run: {
            info: { runId: runs[0], endTime: "0" }, // what nobody set is zero
            experiment: { name: "asked about", tags: [] },
            modelVersions: [
              { version: "2", status: "READY" },
              { version: "1", status: "READY" },
            ],
          },
        },
      },
      errors: null,
    });
  });

  it("find the versions of each run of a page", async () => {
    const { data } = await ask(`{ mlflowSearchRuns(input: { experimentIds: "${experiment}", orderBy: "start_time" }) {
      runs { info { runName } modelVersions { version } experiment { experimentId } } } }`);
    expect(data.mlflowSearchRuns.runs.map((run: Answer) => [run.info.runName, run.modelVersions.map((each: Answer) => each.version)])).toEqual([
      ["first", ["2", "1"]],
      ["second", []],
      ["third", ["3"]],
    ]);
    expect(new Set(data.mlflowSearchRuns.runs.map((run: Answer) => run.experiment.experimentId))).toEqual(new Set([experiment]));
  });

  it("tell a long list whole and in its order", async () => {
    const run_id = runs[1];
    const steps = Array.from({ length: 450 }, (_, step) => step);
    await post("runs/log-batch", { run_id, metrics: steps.map((step) => ({ key: "loss", value: step / 2, timestamp: step, step })) });
    const { data } = await ask(
      `{ mlflowGetMetricHistoryBulkInterval(input: { runIds: ["${run_id}"], metricKey: "loss" }) { metrics { step value } } }`,
    );
    expect(data.mlflowGetMetricHistoryBulkInterval.metrics).toEqual(steps.map((step) => ({ step: String(step), value: step / 2 })));
  });

  it("tell a part of a chart, and NaN as nothing", async () => {
    const run_id = runs[1];
    await post("runs/log-batch", { run_id, metrics: ["1", "NaN", "3"].map((value, step) => ({ key: "part", value, timestamp: step, step })) });
    const { data, errors } = await ask(`{ mlflowGetMetricHistoryBulkInterval(
      input: { runIds: ["${run_id}"], metricKey: "part", startStep: 1, endStep: 2 }) { metrics { step value } } }`);
    expect(errors).toBeNull();
    expect(data.mlflowGetMetricHistoryBulkInterval.metrics).toEqual([
      { step: "1", value: null },
      { step: "2", value: 3 },
    ]);
  });

  it("come in an address too", async () => {
    const query = new URLSearchParams({ query: "query ($s: String) { test(inputString: $s) { output } }", variables: '{"s":"hello"}' });
    const response = await fetch(`${place.address}/graphql?${query.toString()}`);
    expect(await response.json()).toEqual({ data: { test: { output: "hello" } }, errors: null });
    const broken = await fetch(`${place.address}/graphql?query={test{output}}&variables=x`);
    expect(broken.status).toBe(400);
  });

  it("answer what they find beside what they do not find", async () => {
    const { data, errors } = await ask(
      `{ mlflowGetExperiment(input: { experimentId: "987654" }) { experiment { name } } test(inputString: "x") { output } }`,
    );
    expect(data).toEqual({ mlflowGetExperiment: null, test: { output: "x" } });
    expect(errors).toEqual(["No Experiment with id=987654 exists"]);
  });

  it.each([
    ["without a query", {}, /required parameter 'query'/],
    ["whose query is no text", { query: 5 }, /'query'/],
    ["whose variables are no object", { query: "{ __typename }", variables: [1] }, /'variables'/],
  ])("are refused %s", async (_, body, message) => {
    expect(await send("/graphql", body)).toMatchObject({
      ...{ status: 400, body: { error_code: "INVALID_PARAMETER_VALUE", message: expect.stringMatching(message) } },
    });
  });

  it("are refused as anything but JSON, which a page of another site may post", async () => {
    const response = await fetch(`${place.address}/graphql`, { method: "POST", body: '{"query":"{ __typename }"}' });
    expect(response.status).toBe(400);
    const foreign = await fetch(`${place.address}/graphql?query={__typename}`, { headers: { origin: "https://elsewhere.example" } });
    expect(foreign.status).toBe(403);
  });
});

describe("a document that asks for too much is refused", () => {
  const times = (count: number, text: (i: number) => string) => Array.from({ length: count }, (_, i) => text(i)).join(" ");
  const echo = 'test(inputString: "x") { output }';
  const cases: [string, string, RegExp][] = [
    ["root fields", `{ ${times(11, () => echo)} }`, /at most 10 root fields, got 11/],
    ["root fields over several operations", `query A { ${times(6, () => echo)} } query B { ${times(6, () => echo)} }`, /got 12 root fields/],
    ["root fields in a fragment", `{ ...F } fragment F on Query { ${times(11, () => echo)} }`, /got 11 root fields/],
    ["aliases", `{ test(inputString: "x") { ${times(11, (i) => `a${i}: output`)} } }`, /at most 10 aliases, got 11/],
    [
      "aliases in fragments",
      `{ ...A ... { ${times(5, (i) => `b${i}: ${echo}`)} } } fragment A on Query { ${times(5, (i) => `a${i}: ${echo}`)} ...B }
      fragment B on Query { c: __typename }`,
      /got 11/,
    ],
    ["depth", `{ ${"a { ".repeat(10)} b ${"}".repeat(10)} }`, /maximum depth of 10/],
    ["a fragment in itself", "{ ...A } fragment A on Query { a { ...A } }", /maximum depth of 10/],
    ["fields", `{ test { ${times(1_001, () => "output")} } }`, /selections of 1000/],
    ["fields of a fragment that is not used", `{ ${echo} } fragment F on Test { ${times(1_000, () => "output")} }`, /selections of 1000/],
    [
      "fields by fragments in fragments",
      `{ ...F9 } ${times(10, (i) => `fragment F${i} on Query { ${i === 0 ? echo : times(9, (a) => `a${a} { ...F${i - 1} }`)} }`)}`,
      /depth of 10|selections of 1000/,
    ],
    ["definitions", `{ ${echo} } ${times(100, (i) => `fragment F${i} on Test { output }`)}`, /definitions of 100/],
    ["words", `{ test(inputString: [${times(10_000, () => "1")}]) { output } }`, /10000 tokens/],
    ["letters", `{ test(inputString: "${"x".repeat(100_000)}") { output } }`, /100000 characters/],
    ["brackets", `{ test(inputString: ${"[".repeat(5_000)}`, /100 brackets/],
    ["the schema in itself", "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }", /introspection depth/],
  ];
  it.each(cases)("%s", async (_, query, message) => {
    expect(await send("/graphql", { query })).toEqual({ status: 200, body: { data: null, errors: [expect.stringMatching(message)] } });
  });

  it("and what is just allowed is answered", async () => {
    const { errors } = await ask(`{ ${times(10, (i) => `a${i}: ${echo}`)} }`);
    expect(errors).toBeNull();
    expect((await ask(`{ test(inputString: "x") { ${"... { ".repeat(90)} output ${"}".repeat(90)} } }`)).errors).toBeNull();
  });
});

it("every field that tells data asks of its caller what the REST route does", async () => {
  const schema = newSchema();
  const context = { actor: { name: "guest", permissions: new Set(["models:write"]) }, requestId: "r", signal: new AbortController().signal };
  const kinds = [["query", schema.getQueryType()!] as const, ["mutation", schema.getMutationType()!] as const];
  const asked = kinds.flatMap(([kind, type]) => Object.keys(type.getFields()).map((field) => ({ kind, field })));
  const found = asked.filter(({ field }) => field.startsWith("mlflow"));
  expect(found).toHaveLength(8);
  for (const { kind, field } of found) {
    const query = `${kind} { ${field}(input: { ${field.includes("Interval") ? 'runIds: "r"' : ""} }) { __typename } }`;
    const answer = await answerQuestion({ query, variables: {}, operation: undefined }, { services: place, context });
    expect(answer).toEqual({ data: { [field]: null }, errors: ['"guest" lacks the permission project:read.'] });
  }
});

it("what fails in the server is no answer", async () => {
  const closed = await openMlflowPlace();
  await closed.close();
  const context = { actor: { name: "reader", permissions: new Set(["project:read"]) }, requestId: "r", signal: new AbortController().signal };
  const query = `{ mlflowGetRun(input: { runId: "${"0".repeat(32)}" }) { run { info { runId } } } }`;
  await expect(answerQuestion({ query, variables: {}, operation: undefined }, { services: closed, context })).rejects.toMatchObject({ status: 500 });
});
