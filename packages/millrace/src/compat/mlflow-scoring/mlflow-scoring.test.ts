import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEndpointDesk, type EndpointDesk } from "#domains/serving";
import { late, makeServingFolder, openServingCopy, topics, type ServingProject } from "../../../../../tests/processes/serving-project.ts";
import { serveRoutes } from "../../../../../tests/processes/serve-routes.ts";
import { parseCsv } from "./csv.ts";
import { mlflowScoringRoutes } from "./index.ts";

let template: string;
let project: ServingProject;
const desks: EndpointDesk[] = [];
const servers: Awaited<ReturnType<typeof serveRoutes>>[] = [];
let expected: number[];

async function serve(...names: string[]): Promise<string> {
  const serving = createEndpointDesk(project, {
    endpoints: names.map((name) => ({ ...late, name, stream: { ...late.stream!, out: `${name}-answers` } })),
    topics,
  });
  const server = await serveRoutes(mlflowScoringRoutes, { serving });
  desks.push(serving);
  servers.push(server);
  return server.address;
}

let address: string;
beforeAll(async () => {
  template = await makeServingFolder(4_000);
  project = await openServingCopy(template);
  address = await serve("late");
  expected = (await (await desks[0]!.open("late")).predict(rows, { record: false })).predictions.map(({ score }) => score);
});
afterAll(async () => {
  for (const server of servers) await server.close();
  for (const desk of desks) await desk.close();
  await project.close();
  await rm(template, { recursive: true });
});

const rows = [
  { origin: "SFO", destination: "JFK", distance: 2586, hour: 9 },
  { origin: "LAX", destination: "SFO", distance: null, hour: 18 },
];
const post = async (body: unknown, contentType = "application/json", path = "/invocations", to = address) => {
  const response = await fetch(to + path, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": contentType },
  });
  const text = await response.text();
  return {
    status: response.status,
    body: response.headers.get("content-type")!.startsWith("application/json") ? (JSON.parse(text) as unknown) : text,
  };
};

describe("MLflow's scoring protocol", () => {
  test("says that it is up", async () => {
    const ping = await fetch(`${address}/ping`);
    expect([ping.status, await ping.text()]).toEqual([200, "\n"]);
  });

  const columns = ["origin", "destination", "distance", "hour"];
  test.each([
    ["dataframe_split", { dataframe_split: { columns, index: [0, 1], data: rows.map((row) => Object.values(row)) } }],
    ["dataframe_records", { dataframe_records: rows }],
    ["instances", { instances: rows }],
    ["inputs by column", { inputs: { origin: ["SFO", "LAX"], destination: ["JFK", "SFO"], distance: [2586, null], hour: [[9], [18]] } }],
    ["inputs with params", { inputs: rows, params: { anything: 1 } }],
  ])("takes %s", async (_what, body) => {
    expect(await post(body)).toEqual({ status: 200, body: { predictions: expected } });
    expect(await post(body, "application/json; charset=utf-8")).toMatchObject({ status: 200 });
  });

  test("takes CSV", async () => {
    const csv = 'destination,origin,hour,distance\r\nJFK,SFO,9,2586\r\n"SFO","LAX",18,\r\n';
    expect(await post(csv, "text/csv")).toEqual({ status: 200, body: { predictions: expected } });
  });

  test.each([
    ["a bare list", rows, "The body is a list."],
    ["no JSON", "{", "The body is not JSON"],
    ["no rows", { params: {} }, "The body has no rows."],
    ["two kinds of rows", { instances: rows, inputs: rows }, "The body has both instances and inputs."],
    ["an unknown key", { instances: rows, signature_name: "x" }, "The body has the unknown key signature_name."],
    ["rows without names", { instances: [[1, 2]] }, "`instances` is not a list of objects."],
    ["a bad split", { dataframe_split: { columns, data: [[1]] } }, "Row 0 of `dataframe_split` does not have 4 values."],
    [
      "columns of other lengths",
      { inputs: { origin: ["SFO"], destination: ["JFK", "LAX"] } },
      "Column destination of `inputs` has 2 values, but origin has 1.",
    ],
    ["a wrong value", { instances: [{ ...rows[0], hour: "nine" }] }, 'Field hour is "nine", but the model takes a number there.'],
    ["an unknown column", { instances: [{ ...rows[0], houre: 9 }] }, "did you mean hour?"],
  ])("refuses %s", async (_what, body, message) => {
    expect(await post(body)).toEqual({ status: 400, body: { error_code: "BAD_REQUEST", message: expect.stringContaining(message) } });
  });

  test("refuses CSV that is damaged", async () => {
    expect(await post("", "text/csv")).toMatchObject({ status: 400, body: { message: expect.stringContaining("The CSV is empty.") } });
    expect(await post("origin,destination\nSFO\n", "text/csv")).toMatchObject({
      status: 400,
      body: { message: "Row 0 of the CSV has 1 fields, but its header has 2." },
    });
    expect(await post("origin,destination,hour\nSFO,LAX,nine\n", "text/csv")).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('Field hour is "nine"') },
    });
  });

  test("takes no other content type", async () => {
    expect(await post("x", "application/x-parquet")).toEqual({
      status: 415,
      body: "This predictor only supports the following content types: text/csv, application/json. Got 'application/x-parquet'.",
    });
    expect(await post({ instances: rows }, "application/json; charset=latin-1")).toMatchObject({ status: 415 });
    expect(await post({ instances: rows }, "application/json; format=pandas-split")).toMatchObject({ status: 415 });
  });

  test("asks which endpoint is meant where there are several", async () => {
    const several = await serve("early", "later");
    expect(await post({ instances: rows }, "application/json", "/invocations", several)).toEqual({
      status: 400,
      body: {
        error_code: "BAD_REQUEST",
        message: "The project has several endpoints: early, later. Post to one of them: /endpoints/early/invocations.",
      },
    });
    expect(await post({ instances: rows }, "application/json", "/endpoints/later/invocations", several)).toMatchObject({
      status: 200,
      body: { predictions: expected },
    });
    expect(await post({ instances: rows }, "application/json", "/endpoints/latter/invocations", several)).toMatchObject({
      status: 404,
      body: { error_code: "RESOURCE_DOES_NOT_EXIST", message: expect.stringContaining("did you mean later?") },
    });
  });
});

describe("CSV", () => {
  test("is read as RFC 4180 has it", () => {
    expect(parseCsv('a,b\n"1,2","say ""hi"""\n')).toEqual([
      ["a", "b"],
      ["1,2", 'say "hi"'],
    ]);
    expect(parseCsv('\uFEFFa\r\n"x\r\ny"')).toEqual([["a"], ["x\r\ny"]]);
    expect(parseCsv("a,b\n1,")).toEqual([
      ["a", "b"],
      ["1", ""],
    ]);
    expect(parseCsv("")).toEqual([]);
    expect(() => parseCsv('a\n"b')).toThrow("Line 2 of the CSV has a quote that does not end.");
    expect(() => parseCsv('a\n"b"c')).toThrow("Line 2 of the CSV has text behind a closing quote.");
  });
});
