import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AppError } from "#kit/app-error";
import { decodeOnnx } from "#kit/onnx-decode";
import { encodeOnnx } from "#kit/onnx-encode";
import { byteTensor, floatTensor, onnxTypes, type OnnxAttribute } from "#kit/onnx";
import { adapter as onnxruntime } from "./onnxruntime.ts";
import { adapter } from "./tree-ensemble.ts";

/** Small models of other libraries, converted to ONNX, with onnxruntime's results; `madeWith` names the versions. */
interface Fixture {
  name: string;
  onnx: string;
  width: number;
  rows: (number | null)[];
  expected: number[];
}
const fixtures: { models: Fixture[] } = JSON.parse(readFileSync(new URL("./tree-ensemble.fixtures.json", import.meta.url), "utf8"));
const trees = fixtures.models.filter(({ name }) => name !== "linear model");
const linear = fixtures.models.find(({ name }) => name === "linear model");

describe("the scorer of tree ensembles", () => {
  test.each(trees)("gives onnxruntime's results for a $name", async ({ onnx, rows, width, expected }) => {
    const model = await adapter.load(Buffer.from(onnx, "base64"));
    expect(model.width).toBe(width);
    const features = Float32Array.from(rows, (value) => value ?? NaN);
    const out = new Float32Array(expected.length);
    await model.score(features, expected.length, out);
    expectClose(out, expected);
  });

  test("any ensemble of version 5, with every comparison, sets and missing values, gives onnxruntime's results", async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryEnsemble(), fc.array(arbitraryRow(), { minLength: 1, maxLength: 8 }), async (bytes, rows) => {
        const features = Float32Array.from(rows.flat());
        const ours = new Float32Array(rows.length);
        const theirs = new Float32Array(rows.length);
        await (await adapter.load(bytes)).score(features, rows.length, ours);
        const reference = await onnxruntime.load(bytes);
        await reference.score(features, rows.length, theirs);
        await reference.close();
        expectClose(ours, theirs);
      }),
      { numRuns: 150 },
    );
  });

  test("scoring synchronously, row by row or all at once gives the very same numbers", async () => {
    const [{ onnx, rows, width, expected }] = [trees[0] as Fixture]; // there are fixtures
    const model = await adapter.load(Buffer.from(onnx, "base64"));
    const features = Float32Array.from(rows, (value) => value ?? NaN);
    const together = new Float32Array(expected.length);
    model.scoreSync?.(features, expected.length, together);
    const alone = expected.map((_, i) => {
      const out = new Float32Array(1);
      model.scoreSync?.(features.subarray(i * width, (i + 1) * width), 1, out);
      return out[0];
    });
    expect(alone).toEqual([...together]);
  });

  test("a model without trees is left to onnxruntime, which scores it", async () => {
    const bytes = Buffer.from(linear?.onnx ?? "", "base64");
    expect(adapter.accepts(bytes)).toBe(false);
    expect(onnxruntime.accepts(bytes)).toBe(true);
    const model = await onnxruntime.load(bytes);
    const out = new Float32Array(linear?.expected.length ?? 0);
    await model.score(Float32Array.from(linear?.rows ?? [], Number), out.length, out);
    await model.close();
    expectClose(out, linear?.expected ?? []);
  });

  test("damaged models are refused with one clear error and never hang", async () => {
    const bytes = Buffer.from(trees.at(-1)?.onnx ?? "", "base64");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), async (changes) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of changes) damaged[at] = value;
        try {
          const model = await adapter.load(damaged);
          await model.score(new Float32Array(model.width), 1, new Float32Array(1));
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          expect(["corrupt_data", "unsupported"]).toContain((error as AppError).code); // checked on the line above
        }
      }),
      { numRuns: 500 },
    );
  });

  test("nodes that form a circle are refused", async () => {
    const model = decodeOnnx(ensembleBytes([{ ...leafNode, left: 0, leftIsLeaf: 0, right: 0 }]));
    await expect(adapter.load(encodeOnnx(model))).rejects.toMatchObject({ code: "corrupt_data", message: expect.stringContaining("two parents") });
  });

  test("too few values are refused by name", async () => {
    const model = await adapter.load(ensembleBytes([leafNode]));
    expect(() => model.scoreSync?.(new Float32Array(5), 2, new Float32Array(2))).toThrow(/takes 3 columns: 2 rows need 6 values/);
  });

  test("values in another file are refused by both engines", async () => {
    const model = decodeOnnx(ensembleBytes([leafNode]));
    model.graph.initializers.forEach((tensor) => (tensor.externalLocation = "weights.bin"));
    const changed = encodeOnnx(model);
    await expect(adapter.load(changed)).rejects.toMatchObject({ code: "unsupported" });
    await expect(onnxruntime.load(changed)).rejects.toMatchObject({ code: "unsupported" });
  });
});

interface TestNode {
  feature: number;
  mode: number;
  split: number;
  members: number[];
  missing: number;
  left: number;
  right: number;
  leftIsLeaf: number;
  rightIsLeaf: number;
}
const leafNode: TestNode = { feature: 0, mode: 0, split: 0.5, members: [], missing: 0, left: 0, right: 1, leftIsLeaf: 1, rightIsLeaf: 1 };

/** A tree as a chain of nodes: each has a leaf on one side and the next node on the other. */
function arbitraryEnsemble(): fc.Arbitrary<Uint8Array> {
  const node = fc.record({
    feature: fc.nat(2),
    mode: fc.nat(5),
    split: fc.constantFrom(-1, -0.5, 0, 0.5, 1, 2, 3),
    members: fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 6 }),
    missing: fc.nat(1),
    onLeft: fc.boolean(),
  });
  return fc.array(node, { minLength: 1, maxLength: 8 }).map((chain) => {
    let leaf = 0;
    const nodes = chain.map(({ onLeft, ...drawn }, i): TestNode => {
      const rest = drawn.feature === 2 ? { ...drawn, mode: 6 } : drawn;
      const last = i === chain.length - 1;
      const toLeaf = (): [number, number] => [leaf++, 1];
      const next: [number, number] = last ? toLeaf() : [i + 1, 0];
      const other = toLeaf();
      const [[left, leftIsLeaf], [right, rightIsLeaf]] = onLeft ? [next, other] : [other, next];
      return { ...rest, left, leftIsLeaf, right, rightIsLeaf };
    });
    return ensembleBytes(nodes);
  });
}

/** Two numbers and a category. Sets are asked for whole numbers only: onnxruntime 1.30 cuts off what is behind the point, against the standard. */
function arbitraryRow(): fc.Arbitrary<[number, number, number]> {
  const number = fc.oneof(fc.constantFrom(-1, -0.5, 0, 0.5, 1, 2, 3, NaN), fc.float({ noNaN: true, min: -5, max: 5 }));
  const category = fc.oneof(fc.constantFrom(-1, NaN, 70_000), fc.nat(45));
  return fc.tuple(number, number, category);
}

function ensembleBytes(nodes: TestNode[]): Uint8Array {
  const ints = (pick: (node: TestNode) => number): OnnxAttribute => ({ type: "ints", value: nodes.map(pick) });
  const leaves = nodes.reduce((sum, node) => sum + node.leftIsLeaf + node.rightIsLeaf, 0);
  const members = nodes.flatMap((node) => (node.mode === 6 ? [...node.members, NaN] : []));
  const attributes = new Map<string, OnnxAttribute>([
    ["aggregate_function", { type: "int", value: 1 }],
    ["leaf_targetids", { type: "ints", value: Array.from({ length: leaves }, () => 0) }],
    [
      "leaf_weights",
      {
        type: "tensor",
        value: floatTensor(
          "w",
          Float32Array.from({ length: leaves }, (_, i) => i * 0.75 - 1),
        ),
      },
    ],
    ...(members.length > 0
      ? [["membership_values", { type: "tensor", value: floatTensor("m", Float32Array.from(members)) }] satisfies [string, OnnxAttribute]]
      : []),
    ["n_targets", { type: "int", value: 1 }],
    ["nodes_falseleafs", ints((node) => node.rightIsLeaf)],
    ["nodes_falsenodeids", ints((node) => node.right)],
    ["nodes_featureids", ints((node) => node.feature)],
    ["nodes_missing_value_tracks_true", ints((node) => (node.mode === 6 ? 0 : node.missing))],
    [
      "nodes_modes",
      {
        type: "tensor",
        value: byteTensor(
          "modes",
          Uint8Array.from(nodes, (node) => node.mode),
        ),
      },
    ],
    [
      "nodes_splits",
      {
        type: "tensor",
        value: floatTensor(
          "splits",
          Float32Array.from(nodes, (node) => node.split),
        ),
      },
    ],
    ["nodes_trueleafs", ints((node) => node.leftIsLeaf)],
    ["nodes_truenodeids", ints((node) => node.left)],
    ["post_transform", { type: "int", value: 0 }],
    ["tree_roots", { type: "ints", value: [0] }],
  ]);
  return encodeOnnx({
    irVersion: 10,
    producerName: "test",
    opsets: [
      { domain: "", version: 21 },
      { domain: "ai.onnx.ml", version: 5 },
    ],
    graph: {
      name: "g",
      nodes: [
        { opType: "TreeEnsemble", domain: "ai.onnx.ml", name: "t", inputs: ["x"], outputs: ["sum"], attributes },
        { opType: "Add", domain: "", name: "a", inputs: ["sum", "base"], outputs: ["value"], attributes: new Map() },
      ],
      initializers: [floatTensor("base", Float32Array.of(0.25))],
      inputs: [{ name: "x", elementType: onnxTypes.float, shape: ["rows", 3] }],
      outputs: [{ name: "value", elementType: onnxTypes.float, shape: ["rows", 1] }],
    },
    metadata: {},
  });
}

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < found.length; i++) expect(Math.abs((found[i] ?? NaN) - (expected[i] ?? NaN)), `row ${i}`).toBeLessThan(2e-6);
}
