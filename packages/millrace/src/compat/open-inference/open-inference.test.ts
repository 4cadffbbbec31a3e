import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEndpointDesk, type EndpointDesk } from "#domains/serving";
import { answers, late, makeServingFolder, openServingCopy, topics, type ServingProject } from "../../../../../tests/processes/serving-project.ts";
import { serveRoutes } from "../../../../../tests/processes/serve-routes.ts";
import { fromBinary, fromJson, textsToBinary } from "./datatypes.ts";
import { openInferenceRoutes } from "./index.ts";

let template: string;
let project: ServingProject;
let serving: EndpointDesk;
let server: Awaited<ReturnType<typeof serveRoutes>>;

beforeAll(async () => {
  template = await makeServingFolder(4_000);
  project = await openServingCopy(template);
  serving = createEndpointDesk(project, { endpoints: [late, { ...late, name: "unborn", model: "late@99" }], topics });
  server = await serveRoutes(openInferenceRoutes, { serving });
});
afterAll(async () => {
  await server.close();
  await serving.close();
  await project.close();
  await rm(template, { recursive: true });
});

const get = async (path: string) => {
  const response = await fetch(server.address + path);
  return { status: response.status, body: await response.json() };
};
const post = async (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) => {
  const response = await fetch(server.address + path, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
};
const infer = async (request: unknown) => {
  const { status, bytes } = await post("/v2/models/late/infer", JSON.stringify(request));
  return { status, body: JSON.parse(bytes.toString()) as Record<string, unknown> };
};

const inputs = [
  { name: "origin", shape: [2], datatype: "BYTES", data: ["SFO", "LAX"] },
  { name: "destination", shape: [2, 1], datatype: "BYTES", data: [["JFK"], ["SFO"]] },
  { name: "distance", shape: [2], datatype: "INT32", data: [2586, 337] },
  { name: "hour", shape: [2], datatype: "FP64", data: [9, 18] },
];
const rows = [
  { origin: "SFO", destination: "JFK", distance: 2586, hour: 9 },
  { origin: "LAX", destination: "SFO", distance: 337, hour: 18 },
];

describe("Open Inference", () => {
  test("says what the server is, with and without a slash", async () => {
    for (const path of ["/v2", "/v2/"])
      expect(await get(path)).toMatchObject({ status: 200, body: { name: "millrace", extensions: ["binary_tensor_data"] } });
    expect(await get("/v2/health/live")).toEqual({ status: 200, body: { live: true } });
    expect(await get("/v2/health/ready")).toEqual({ status: 503, body: { live: true, ready: false } }); // one endpoint has no version to serve
    expect(await get("/v2/models/late/ready")).toEqual({ status: 200, body: { name: "late", ready: true } });
    expect(await get("/v2/models/late/versions/1/ready")).toEqual({ status: 200, body: { name: "late", ready: true } });
    expect(await get("/v2/models/late/versions/7/ready")).toEqual({ status: 503, body: { name: "late", ready: false } });
    expect(await get("/v2/models/unborn/ready")).toEqual({ status: 503, body: { name: "unborn", ready: false } });
  });

  test("describes inputs and outputs", async () => {
    expect(await get("/v2/models/late")).toEqual({
      status: 200,
      body: {
        ...{ name: "late", versions: ["1"], platform: "onnx_onnxv1" },
        inputs: [
          { name: "origin", datatype: "BYTES", shape: [-1] },
          { name: "destination", datatype: "BYTES", shape: [-1] },
          { name: "distance", datatype: "FP64", shape: [-1] },
          { name: "hour", datatype: "FP64", shape: [-1] },
        ],
        outputs: [
          { name: "probability", datatype: "FP32", shape: [-1] },
          { name: "prediction_id", datatype: "BYTES", shape: [-1] },
        ],
      },
    });
  });

  test("answers with the same numbers as the endpoint itself, records them and echoes the id", async () => {
    const expected = (await (await serving.open("late")).predict(rows, { record: false })).predictions.map(({ score }) => score);
    const { status, body } = await infer({ id: "my-request", inputs });
    expect(status).toBe(200);
    expect(body).toEqual({
      ...{ model_name: "late", model_version: "1", id: "my-request" },
      outputs: [
        { name: "probability", datatype: "FP32", shape: [2], data: expected },
        {
          name: "prediction_id",
          datatype: "BYTES",
          shape: [2],
          data: [expect.stringMatching(/^late\.0\.\d+$/), expect.stringMatching(/^late\.0\.\d+$/)],
        },
      ],
    });
    expect((await answers(project)).slice(-2).map(({ score, source }) => ({ score, source }))).toEqual(
      expected.map((score) => ({ score, source: "http" })),
    );
    const only = await infer({ inputs, outputs: [{ name: "probability" }], parameters: { record: false } });
    expect(only.body).toEqual({
      model_name: "late",
      model_version: "1",
      outputs: [{ name: "probability", datatype: "FP32", shape: [2], data: expected }],
    });
  });

  test("takes and gives raw tensors behind the JSON", async () => {
    const texts = textsToBinary(["SFO", "LAX"]);
    const distances = Buffer.from(Int32Array.of(2586, 337).buffer);
    const hours = Buffer.from(Float32Array.of(9, 18).buffer);
    const head = Buffer.from(
      JSON.stringify({
        parameters: { binary_data_output: true },
        inputs: [
          { name: "origin", shape: [2], datatype: "BYTES", parameters: { binary_data_size: texts.length } },
          inputs[1],
          { name: "distance", shape: [2], datatype: "INT32", parameters: { binary_data_size: distances.length } },
          { name: "hour", shape: [2], datatype: "FP32", parameters: { binary_data_size: hours.length } },
        ],
        outputs: [{ name: "probability" }, { name: "prediction_id", parameters: { binary_data: false } }],
      }),
    );
    const { status, headers, bytes } = await post("/v2/models/late/infer", Buffer.concat([head, texts, distances, hours]), {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(head.length),
    });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/octet-stream");
    const length = Number(headers.get("inference-header-content-length"));
    const json = JSON.parse(bytes.toString("utf8", 0, length)) as { outputs: unknown[] };
    expect(json.outputs).toEqual([
      { name: "probability", datatype: "FP32", shape: [2], parameters: { binary_data_size: 8 } },
      { name: "prediction_id", datatype: "BYTES", shape: [2], data: [expect.any(String), expect.any(String)] },
    ]);
    const expected = (await (await serving.open("late")).predict(rows, { record: false })).predictions.map(({ score }) => score);
    expect(fromBinary("FP32", bytes.subarray(length), 2)).toEqual(expected);
  });

  test("takes a feature by its full name in place of the one that is known", async () => {
    const given = await infer({
      inputs: [...inputs, { name: "from_origin__late_rate_1h", shape: [2], datatype: "FP32", data: [1, 0] }],
      parameters: { record: false },
    });
    const plain = await infer({ inputs, parameters: { record: false } });
    expect(given.status).toBe(200);
    expect(given.body).not.toEqual(plain.body);
  });

  const good = { name: "hour", shape: [2], datatype: "FP64", data: [9, 18] };
  test.each([
    ["no JSON", "{", "The body is not JSON"],
    ["a list", "[]", "The body must be a JSON object."],
    ["no inputs", { inputs: [] }, "The request has no inputs."],
    ["inputs that are none", { inputs: 3 }, "The request's inputs are no list."],
    ["an input without a name", { inputs: [{ shape: [1], datatype: "FP64", data: [1] }] }, "Input 0 has no name."],
    ["an unknown datatype", { inputs: [{ ...good, datatype: "FP8" }] }, 'Input hour has the datatype "FP8".'],
    ["no shape", { inputs: [{ ...good, shape: undefined }] }, "Input hour has no shape"],
    ["a matrix", { inputs: [{ ...good, shape: [1, 2] }] }, "Input hour has the shape [1, 2]"],
    ["fewer elements than the shape says", { inputs: [{ ...good, shape: [3] }] }, "Input hour has 2 elements, but its shape says 3."],
    ["an element of another type", { inputs: [{ ...good, data: [9, "late"] }] }, 'Input hour: element 1 is "late", which is no FP64.'],
    ["a number out of range", { inputs: [{ ...good, datatype: "INT8", data: [9, 128] }] }, "Input hour: element 1 is 128, which is no INT8."],
    ["half floats in JSON", { inputs: [{ ...good, datatype: "FP16" }] }, "FP16 has no form in JSON"],
    ["an input twice", { inputs: [good, good] }, "Input hour is there twice."],
    [
      "inputs of other lengths",
      { inputs: [good, { ...good, name: "distance", shape: [1], data: [1] }] },
      "Input distance has 1 rows, but hour has 2.",
    ],
    ["a mistyped input", { inputs: [...inputs, { ...good, name: "distanse" }] }, "did you mean distance?"],
    ["a missing key", { inputs: inputs.slice(1) }, "Field origin is missing: feature view departed is read by it."],
    [
      "a text for a number",
      { inputs: [...inputs.slice(0, 3), { ...good, datatype: "BYTES", data: ["9", "18"] }] },
      'Row 0: Field hour is "9", but the model takes a number there.',
    ],
    ["an unknown output", { inputs, outputs: [{ name: "logits" }] }, "The model has no output logits (it has: probability, prediction_id)."],
    [
      "raw bytes that are not there",
      { inputs: [{ ...good, data: undefined, parameters: { binary_data_size: 16 } }] },
      "Input hour says that it has 16 bytes, but the body ends 0 bytes after",
    ],
  ])("refuses %s", async (_what, request, message) => {
    const { status, bytes } = await post("/v2/models/late/infer", typeof request === "string" ? request : JSON.stringify(request));
    expect(status).toBe(400);
    expect(JSON.parse(bytes.toString())).toEqual({ error: expect.stringContaining(message) });
  });

  test("refuses a damaged raw body", async () => {
    const head = Buffer.from(JSON.stringify({ inputs: [{ name: "hour", shape: [2], datatype: "FP64", parameters: { binary_data_size: 15 } }] }));
    const send = async (bytes: Buffer<ArrayBuffer>, length: string) =>
      JSON.parse((await post("/v2/models/late/infer", bytes, { "inference-header-content-length": length })).bytes.toString()) as unknown;
    expect(await send(Buffer.concat([head, Buffer.alloc(15)]), String(head.length))).toEqual({
      error: "Input hour has 15 bytes, which are not 2 elements of FP64.",
    });
    expect(await send(head, "100000")).toEqual({ error: expect.stringContaining("Inference-Header-Content-Length is") });
    expect(await send(head, "0")).toEqual({ error: expect.stringContaining("A raw body without JSON") });
  });

  test("names models and versions that it does not serve", async () => {
    expect(await get("/v2/models/lates")).toEqual({
      status: 404,
      body: { error: expect.stringContaining('There is no endpoint "lates"; did you mean late?') },
    });
    expect(await get("/v2/models/late/versions/7")).toEqual({ status: 404, body: { error: expect.stringContaining("(it serves 1)") } });
    expect(await get("/v2/models/unborn")).toEqual({ status: 404, body: { error: "There is no late@99." } });
  });
});

describe("elements of tensors", () => {
  test("are read from bytes in every datatype", () => {
    const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    expect(fromBinary("BOOL", Uint8Array.of(0, 1, 2), 3)).toEqual([false, true, true]);
    expect(fromBinary("UINT8", Uint8Array.of(0, 255), 2)).toEqual([0, 255]);
    expect(fromBinary("INT8", Uint8Array.of(0, 255), 2)).toEqual([0, -1]);
    expect(fromBinary("UINT16", bytes(Uint16Array.of(65_535)), 1)).toEqual([65_535]);
    expect(fromBinary("INT16", bytes(Int16Array.of(-2)), 1)).toEqual([-2]);
    expect(fromBinary("UINT32", bytes(Uint32Array.of(4_294_967_295)), 1)).toEqual([4_294_967_295]);
    expect(fromBinary("INT32", bytes(Int32Array.of(-3)), 1)).toEqual([-3]);
    expect(fromBinary("UINT64", bytes(BigUint64Array.of(1n << 52n)), 1)).toEqual([2 ** 52]);
    expect(fromBinary("INT64", bytes(BigInt64Array.of(-5n)), 1)).toEqual([-5]);
    expect(fromBinary("FP16", Uint8Array.of(0, 0x3c, 0, 0xc0, 1, 0, 0, 0x7e, 0, 0x7c), 5)).toEqual([1, -2, 2 ** -24, null, Infinity]);
    expect(fromBinary("FP32", bytes(Float32Array.of(0.5, Number.NaN)), 2)).toEqual([0.5, null]);
    expect(fromBinary("FP64", bytes(Float64Array.of(0.1)), 1)).toEqual([0.1]);
    expect(fromBinary("BYTES", textsToBinary(["é", ""]), 2)).toEqual(["é", ""]);
    expect(fromBinary("BYTES", textsToBinary(["a", "b"]), 1)).toBeUndefined();
    expect(fromBinary("BYTES", textsToBinary(["a"]).subarray(0, 4), 1)).toBeUndefined();
  });

  test("are read from bytes wherever these begin", () => {
    const padded = Buffer.concat([Buffer.alloc(3), Buffer.from(Float64Array.of(0.25).buffer)]);
    expect(fromBinary("FP64", padded.subarray(3), 1)).toEqual([0.25]);
  });

  test("of JSON must fit their datatype", () => {
    expect(fromJson("UINT8", 256)).toBeUndefined();
    expect(fromJson("INT16", -32_768)).toBe(-32_768);
    expect(fromJson("INT32", 1.5)).toBeUndefined();
    expect(fromJson("BOOL", 1)).toBe(true);
    expect(fromJson("BOOL", 2)).toBeUndefined();
    expect(fromJson("FP32", null)).toBeNull();
  });
});
