/**
 * Writes a forest as ONNX: `TreeEnsemble` of ai.onnx.ml 5 (set membership for categories), plus the starting score, plus a sigmoid for
 * probabilities. The names, kinds and levels of the columns are in the file's metadata under `millrace.features`.
 */
import { encodeOnnx } from "#kit/onnx-encode";
import { byteTensor, floatTensor, onnxTypes, type OnnxAttribute, type OnnxNode } from "#kit/onnx";
import type { Forest, Tree, TreeNode } from "./trees-model.ts";

export interface OnnxColumn {
  name: string;
  kind: "number" | "category";
  levels?: string[];
}

const branchLessOrEqual = 0;
const branchMember = 6;

/** Returns the file's bytes: input `features` float32 [rows, columns], output `probability` or `value` float32 [rows, 1]. */
export function forestToOnnx(forest: Forest, columns: OnnxColumn[], objective: "binary" | "regression"): Uint8Array {
  const output = objective === "binary" ? "probability" : "value";
  const nodes: OnnxNode[] = [
    { opType: "TreeEnsemble", domain: "ai.onnx.ml", name: "trees", inputs: ["features"], outputs: ["sum"], attributes: treeAttributes(forest.trees) },
    node("Add", ["sum", "base"], [objective === "binary" ? "score" : output]),
  ];
  if (objective === "binary") nodes.push(node("Sigmoid", ["score"], [output]));
  return encodeOnnx({
    irVersion: 10,
    producerName: "millrace",
    opsets: [
      { domain: "", version: 21 },
      { domain: "ai.onnx.ml", version: 5 },
    ],
    graph: {
      name: "trees",
      nodes,
      initializers: [floatTensor("base", Float32Array.of(forest.base))],
      inputs: [{ name: "features", elementType: onnxTypes.float, shape: ["rows", columns.length] }],
      outputs: [{ name: output, elementType: onnxTypes.float, shape: ["rows", 1] }],
    },
    metadata: { "millrace.features": JSON.stringify(columns) },
  });
}

function node(opType: string, inputs: string[], outputs: string[]): OnnxNode {
  return { opType, domain: "", name: opType.toLowerCase(), inputs, outputs, attributes: new Map() };
}

/** The operator has no trees without a split: a constant model gets one split with nothing on either side. */
const constantTree: Tree = {
  nodes: [{ kind: "number", feature: 0, threshold: 0, missingLeft: false, left: ~0, right: ~1, gain: 0 }],
  leaves: [0, 0],
};

function treeAttributes(grown: Tree[]): Map<string, OnnxAttribute> {
  const trees = grown.length > 0 ? grown : [constantTree];
  const all: TreeNode[] = trees.flatMap((tree) => tree.nodes);
  const roots: number[] = [];
  const children = { left: [] as number[], right: [] as number[], leftIsLeaf: [] as number[], rightIsLeaf: [] as number[] };
  const leafWeights: number[] = [];
  for (const tree of trees) {
    const firstNode = children.left.length;
    const firstLeaf = leafWeights.length;
    const place = (child: number): number => (child < 0 ? firstLeaf + ~child : firstNode + child);
    roots.push(firstNode);
    for (const { left, right } of tree.nodes) {
      children.left.push(place(left));
      children.right.push(place(right));
      children.leftIsLeaf.push(left < 0 ? 1 : 0);
      children.rightIsLeaf.push(right < 0 ? 1 : 0);
    }
    for (const value of tree.leaves) leafWeights.push(value);
  }
  const members = all.flatMap((n) => (n.kind === "category" ? [...n.codes, NaN] : [])); // sets end with NaN
  const ints = (value: number[]): OnnxAttribute => ({ type: "ints", value });
  return new Map<string, OnnxAttribute>([
    ["aggregate_function", { type: "int", value: 1 }],
    ["leaf_targetids", ints(leafWeights.map(() => 0))],
    ["leaf_weights", { type: "tensor", value: floatTensor("leaf_weights", Float32Array.from(leafWeights)) }],
    ...(members.length > 0
      ? [
          ["membership_values", { type: "tensor", value: floatTensor("membership_values", Float32Array.from(members)) }] satisfies [
            string,
            OnnxAttribute,
          ],
        ]
      : []),
    ["n_targets", { type: "int", value: 1 }],
    ["nodes_falseleafs", ints(children.rightIsLeaf)],
    ["nodes_falsenodeids", ints(children.right)],
    ["nodes_featureids", ints(all.map((n) => n.feature))],
    ["nodes_missing_value_tracks_true", ints(all.map((n) => (n.kind === "number" && n.missingLeft ? 1 : 0)))],
    [
      "nodes_modes",
      {
        type: "tensor",
        value: byteTensor(
          "nodes_modes",
          Uint8Array.from(all, (n) => (n.kind === "category" ? branchMember : branchLessOrEqual)),
        ),
      },
    ],
    [
      "nodes_splits",
      {
        type: "tensor",
        value: floatTensor(
          "nodes_splits",
          Float32Array.from(all, (n) => (n.kind === "number" ? n.threshold : 0)),
        ),
      },
    ],
    ["nodes_trueleafs", ints(children.leftIsLeaf)],
    ["nodes_truenodeids", ints(children.left)],
    ["post_transform", { type: "int", value: 0 }],
    ["tree_roots", ints(roots)],
  ]);
}
