import { expect, it } from "vitest";
import { floatTensor, onnxTypes, type OnnxModel } from "#kit/onnx";
import { decodeOnnx } from "#kit/onnx-decode";
import { encodeOnnx } from "#kit/onnx-encode";
import { runtime } from "./onnxruntime.ts";

function modelOf({ opType = "Add", domain = "" } = {}): Uint8Array {
  const value = (name: string) => ({ name, elementType: onnxTypes.float, shape: ["rows", 2] });
  const model: OnnxModel = {
    ...{ irVersion: 9, producerName: "test", opsets: [{ domain, version: 17 }], metadata: {} },
    graph: {
      ...{ name: "g", initializers: [], inputs: [value("x"), value("y")], outputs: [value("z")] },
      nodes: [{ opType, domain, name: "n", inputs: ["x", "y"], outputs: ["z"], attributes: new Map() }],
    },
  };
  return encodeOnnx(model);
}

const load = (bytes: Uint8Array, more: [string, Uint8Array][] = []) =>
  runtime.load({ main: "model.onnx", files: new Map([["model.onnx", bytes], ...more]) });
const matrix = (...data: number[]) => ({ type: "float32" as const, shape: [data.length / 2, 2], data: Float32Array.from(data) });

it("runs a model of several inputs, and answers many questions at once in their order", async () => {
  const model = await load(modelOf());
  expect(model).toMatchObject({
    engine: "onnxruntime",
    inputs: [{ name: "x", type: "float32", shape: [null, 2] }, { name: "y" }],
    outputs: [{ name: "z" }],
  });
  const asked = [1, 2, 3].map((n) => model.run({ x: matrix(n, n), y: matrix(0.5, -1) }));
  expect(await Promise.all(asked)).toEqual([1, 2, 3].map((n) => ({ z: matrix(n + 0.5, n - 1) })));
  await expect(model.run({ x: matrix(1, 2) })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(model.run({ x: { ...matrix(1, 2), shape: [1, 3] }, y: matrix(1, 2) })).rejects.toMatchObject({
    code: expect.stringMatching(/invalid_argument|internal/),
  });
  expect(await model.run({ x: matrix(), y: matrix() })).toEqual({ z: matrix() });
  await model.close();
  await expect(model.run({ x: matrix(1, 1), y: matrix(1, 1) })).rejects.toMatchObject({ code: "unavailable" });
});

it("refuses files that are damaged, and operators of others", async () => {
  await expect(load(new Uint8Array([1, 2, 3]))).rejects.toMatchObject({ code: "corrupt_data" });
  await expect(load(modelOf({ opType: "NoSuchOperator" }))).rejects.toMatchObject({
    code: "corrupt_data",
    message: expect.stringContaining("NoSuchOperator"),
  });
  await expect(load(modelOf({ opType: "Run", domain: "com.evil" }))).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("com.evil"),
  });
  await expect(runtime.load({ main: "gone.onnx", files: new Map() })).rejects.toMatchObject({ code: "corrupt_data" });
});

/** Adds two numbers that are in another file. */
function withValuesIn(location: string): Uint8Array {
  const { graph, ...model } = decodeOnnx(modelOf());
  const inputs = graph.inputs.filter(({ name }) => name === "x");
  return encodeOnnx({
    ...model,
    graph: { ...graph, inputs, initializers: [{ ...floatTensor("y", new Float32Array(2)), externalLocation: location }] },
  });
}

it("reads values of files beside the model, and of no others", async () => {
  const values = new Uint8Array(Float32Array.of(10, 20).buffer);
  const model = await load(withValuesIn("weights.bin"), [["weights.bin", values]]);
  expect(await model.run({ x: matrix(1, 2) })).toEqual({ z: matrix(11, 22) });
  await model.close();
  for (const location of ["weights.bin", "../weights.bin", "/etc/passwd", "a/../../weights.bin"])
    await expect(load(withValuesIn(location), [["../weights.bin", values]])).rejects.toMatchObject({
      ...{ code: "unsupported", message: expect.stringContaining(location) },
    });
});
