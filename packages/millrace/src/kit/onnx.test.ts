import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AppError } from "./app-error.ts";
import { decodeOnnx } from "./onnx-decode.ts";
import { encodeOnnx } from "./onnx-encode.ts";
import { allNodes, byteTensor, externalLocations, floatTensor, onnxTypes, tensorNumbers, type OnnxAttribute, type OnnxModel } from "./onnx.ts";
import { protobufWriter } from "./protobuf.ts";

const graphOf = (attributes: Map<string, OnnxAttribute>): OnnxModel["graph"] => ({
  name: "g",
  nodes: [{ opType: "Op", domain: "ai.onnx.ml", name: "n", inputs: ["x"], outputs: ["y"], attributes }],
  initializers: [floatTensor("w", Float32Array.of(1.5, -2, NaN)), byteTensor("b", Uint8Array.of(1, 2, 255))],
  inputs: [{ name: "x", elementType: onnxTypes.float, shape: ["rows", 3] }],
  outputs: [{ name: "y", elementType: onnxTypes.float, shape: ["rows", 1] }],
});

const model: OnnxModel = {
  irVersion: 10,
  producerName: "test",
  opsets: [{ domain: "ai.onnx.ml", version: 5 }],
  graph: graphOf(
    new Map<string, OnnxAttribute>([
      ["f", { type: "float", value: 0.5 }],
      ["i", { type: "int", value: -3 }],
      ["t", { type: "text", value: "größer" }],
      ["fs", { type: "floats", value: Float32Array.of(1, -0.25) }],
      ["is", { type: "ints", value: [1, -1, 2 ** 40] }],
      ["ts", { type: "texts", value: ["a", "b"] }],
      ["none", { type: "ints", value: [] }],
      ["tensor", { type: "tensor", value: floatTensor("inner", Float32Array.of(4)) }],
      ["graph", { type: "graph", value: graphOf(new Map()) }],
    ]),
  ),
  metadata: { key: "value", __proto__name: "x" },
};

describe("ONNX files", () => {
  test("a model is read back as it was written", () => {
    expect(decodeOnnx(encodeOnnx(model))).toEqual(model);
  });

  test("tensors give their numbers, and nodes of inner graphs are found", () => {
    const { graph } = decodeOnnx(encodeOnnx(model));
    expect(graph.initializers.map((tensor) => [...tensorNumbers(tensor)])).toEqual([
      [1.5, -2, NaN],
      [1, 2, 255],
    ]);
    expect([...allNodes(graph)]).toHaveLength(2);
  });

  test("a tensor kept in another file is reported", () => {
    const graph = { ...model.graph, initializers: [{ ...floatTensor("w", new Float32Array()), externalLocation: "../../etc/passwd" }] };
    const file = encodeOnnx({ ...model, graph });
    expect(externalLocations(decodeOnnx(file).graph)).toEqual(["../../etc/passwd"]);
  });

  test("damaged copies of a model are read or refused with corrupt_data, never anything else", () => {
    const bytes = encodeOnnx(model);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, length) => {
        const damaged = bytes.slice();
        damaged[at] = value;
        for (const candidate of [damaged, bytes.subarray(0, length), damaged.subarray(at)]) expectReadOrCorrupt(candidate);
      }),
      { numRuns: 2000 },
    );
  });

  test("graphs nested without end are refused", () => {
    let graph = protobufWriter();
    for (let i = 0; i < 200; i++) {
      const outer = protobufWriter();
      const inner = graph.finish();
      outer.message(1, (node) => node.message(5, (attribute) => attribute.bytes(6, inner)));
      graph = outer;
    }
    const file = protobufWriter();
    file.bytes(7, graph.finish());
    expect(() => decodeOnnx(file.finish())).toThrow(/nest deeper/);
  });
});

function expectReadOrCorrupt(bytes: Uint8Array): void {
  try {
    const { graph } = decodeOnnx(bytes);
    for (const tensor of graph.initializers) tensorNumbers(tensor);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect(["corrupt_data", "unsupported"]).toContain((error as AppError).code); // checked on the line above
  }
}
