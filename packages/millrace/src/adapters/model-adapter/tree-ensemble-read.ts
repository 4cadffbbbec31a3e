/**
 * Reads the tree operators of ai.onnx.ml (onnx/docs/Operators-ml.md): `TreeEnsemble` (version 5), `TreeEnsembleRegressor` and binary
 * `TreeEnsembleClassifier` (versions 1–3), with one number per row as the result. Semantics follow onnxruntime 1.30.
 */
import { AppError } from "#kit/app-error";
import { tensorNumbers, type OnnxNode } from "#kit/onnx";
import { flatten, floatBelow, type FlatEnsemble, type FlatNode } from "./tree-ensemble-flat.ts";

export interface ReadEnsemble {
  ensemble: FlatEnsemble;
  /** What is done to base + sum of the trees. */
  transform: "none" | "sigmoid";
  /** Columns of the operator's own result; the last one is what we compute. */
  outputs: 1 | 2;
}

/** A tree operator as it comes, with comparisons of all kinds, before both forms are brought to one. */
interface RawNode {
  feature: number;
  mode: string;
  value: number;
  members: number[];
  whenTrue: number;
  whenFalse: number;
  missingTrue: boolean;
}

/** Throws `unsupported` for what the flat scorer does not do (several outputs, other aggregates), `corrupt_data` for what contradicts itself. */
export function readTreeOperator(node: OnnxNode, width: number): ReadEnsemble {
  if (node.opType === "TreeEnsemble") return readVersion5(node, width);
  if (node.opType === "TreeEnsembleRegressor" || node.opType === "TreeEnsembleClassifier") return readVersion3(node, width);
  throw unsupported(`operator ${node.opType}`);
}

const modes5 = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER"];

function readVersion5(node: OnnxNode, width: number): ReadEnsemble {
  if (int(node, "n_targets", 1) !== 1) throw unsupported(`${int(node, "n_targets", 1)} targets`);
  const features = ints(node, "nodes_featureids");
  const modes = numbersOf(node, "nodes_modes", features.length);
  const splits = numbersOf(node, "nodes_splits", features.length);
  const sets = splitSets(tensor(node, "membership_values") ?? new Float64Array());
  const missing = optionalInts(node, "nodes_missing_value_tracks_true", features.length);
  const child = (side: "true" | "false"): number[] => {
    const ids = ints(node, `nodes_${side}nodeids`, features.length);
    const leafs = ints(node, `nodes_${side}leafs`, features.length);
    return ids.map((id, i) => (leafs[i] === 1 ? ~id : id));
  };
  const whenTrue = child("true");
  const whenFalse = child("false");
  const raw = features.map((feature, i): RawNode => {
    const mode = modes5[modes[i] ?? -1] ?? "";
    const members = mode === "BRANCH_MEMBER" ? (sets.shift() ?? []) : [];
    return {
      feature,
      mode,
      value: splits[i] ?? NaN,
      members,
      whenTrue: whenTrue[i] ?? 0,
      whenFalse: whenFalse[i] ?? 0,
      missingTrue: missing[i] === 1,
    };
  });
  const weights = tensor(node, "leaf_weights") ?? new Float64Array();
  if (ints(node, "leaf_targetids", weights.length).some((target) => target !== 0)) throw damaged("a leaf has a target that does not exist");
  const roots = ints(node, "tree_roots");
  const leaves = aggregate(["AVERAGE", "SUM", "MIN", "MAX"][int(node, "aggregate_function", 1)], [...weights], roots.length);
  // onnxruntime applies no transform but PROBIT when there is one target.
  if (int(node, "post_transform", 0) !== 0) throw unsupported("a post transform of a single target");
  // A node whose two children are the same leaf stands for a tree without a split: it is a plain node here.
  return { ensemble: build(raw, leaves, roots, 0, width), transform: "none", outputs: 1 };
}

function readVersion3(node: OnnxNode, width: number): ReadEnsemble {
  const classifier = node.opType === "TreeEnsembleClassifier";
  const nodeIds = ints(node, "nodes_nodeids");
  const count = nodeIds.length;
  const treeIds = ints(node, "nodes_treeids", count);
  const modes = texts(node, "nodes_modes", count);
  const features = ints(node, "nodes_featureids", count);
  const values = floats(node, "nodes_values", count);
  const whenTrue = ints(node, "nodes_truenodeids", count);
  const whenFalse = ints(node, "nodes_falsenodeids", count);
  const missing = optionalInts(node, "nodes_missing_value_tracks_true", count);

  const place = new Map<string, number>(); // "tree/node" → inner node's number, or ~leaf
  const roots: number[] = [];
  const leafCount = { inner: 0, leaf: 0 };
  let lastTree: number | undefined;
  for (let i = 0; i < count; i++) {
    const key = `${treeIds[i]}/${nodeIds[i]}`;
    if (place.has(key)) throw damaged(`node ${key} is there twice`);
    const at = modes[i] === "LEAF" ? ~leafCount.leaf++ : leafCount.inner++;
    place.set(key, at);
    if (treeIds[i] !== lastTree) roots.push(at); // a tree's first node is its root
    lastTree = treeIds[i];
  }
  const find = (tree: number | undefined, id: number | undefined): number => {
    const at = place.get(`${tree}/${id}`);
    if (at === undefined) throw damaged(`node ${tree}/${id} is missing`);
    return at;
  };
  const raw: RawNode[] = [];
  for (let i = 0; i < count; i++) {
    if (modes[i] === "LEAF") continue;
    raw.push({
      feature: features[i] ?? -1,
      mode: modes[i] ?? "",
      value: values[i] ?? NaN,
      members: [],
      whenTrue: find(treeIds[i], whenTrue[i]),
      whenFalse: find(treeIds[i], whenFalse[i]),
      missingTrue: missing[i] === 1,
    });
  }
  const prefix = classifier ? "class" : "target";
  const weights = floats(node, `${prefix}_weights`);
  const targets = ints(node, `${prefix}_ids`, weights.length);
  const weightTrees = ints(node, `${prefix}_treeids`, weights.length);
  const weightNodes = ints(node, `${prefix}_nodeids`, weights.length);
  const result = classifier ? readClasses(node, targets, weights) : readTarget(node);
  const leaves = Array.from({ length: leafCount.leaf }, () => 0);
  weights.forEach((weight, i) => {
    const at = find(weightTrees[i], weightNodes[i]);
    if (at < 0) leaves[~at] = (leaves[~at] ?? 0) + weight * result.factor(targets[i] ?? 0);
  });
  const how = classifier ? "SUM" : text(node, "aggregate_function", "SUM");
  return {
    ensemble: build(raw, aggregate(how, leaves, roots.length), roots, result.base, width),
    transform: result.transform,
    outputs: classifier ? 2 : 1,
  };
}

interface Result {
  /** What a leaf's weight for a target counts in our one number. */
  factor(target: number): number;
  base: number;
  transform: "none" | "sigmoid";
}

function readTarget(node: OnnxNode): Result {
  if (int(node, "n_targets", 1) !== 1) throw unsupported(`${int(node, "n_targets", 1)} targets`);
  const transform = text(node, "post_transform", "NONE");
  if (transform !== "NONE") throw unsupported(`post transform ${transform} of a single target`);
  const [base = 0] = floats(node, "base_values", undefined, true);
  return { factor: () => 1, base, transform: "none" };
}

/**
 * The probability of the second of two classes. When all weights belong to one class, onnxruntime takes their sum for that of the second
 * class, as it is or through the logistic function if weights below zero show that it is no probability yet.
 */
function readClasses(node: OnnxNode, classes: number[], weights: Float32Array): Result {
  const labels = node.attributes.get("classlabels_int64s") ?? node.attributes.get("classlabels_strings");
  const count = labels && "value" in labels && Array.isArray(labels.value) ? labels.value.length : 0;
  if (count !== 2) throw unsupported(`${count} classes`);
  if (classes.some((id) => id !== 0 && id !== 1)) throw damaged("a leaf has a class that does not exist");
  const transform = text(node, "post_transform", "NONE");
  const base = floats(node, "base_values", undefined, true);
  if (new Set(classes).size <= 1) {
    const probabilities = weights.every((weight) => weight >= 0);
    if (transform !== "NONE" && transform !== "LOGISTIC") throw unsupported(`post transform ${transform} of one class's weights`);
    if (base.length > 1) throw unsupported("two base values with one class's weights");
    return { factor: () => 1, base: base[0] ?? 0, transform: transform === "LOGISTIC" && !probabilities ? "sigmoid" : "none" };
  }
  const [first = 0, second = 0] = base;
  if (transform === "SOFTMAX") return { factor: (id) => (id === 1 ? 1 : -1), base: second - first, transform: "sigmoid" };
  if (transform !== "NONE" && transform !== "LOGISTIC") throw unsupported(`post transform ${transform}`);
  return { factor: (id) => id, base: second, transform: transform === "LOGISTIC" ? "sigmoid" : "none" };
}

function aggregate(how: string | undefined, leaves: number[], trees: number): number[] {
  if (how === "SUM") return leaves;
  if (how === "AVERAGE") return leaves.map((value) => value / trees);
  throw unsupported(`aggregate function ${how}`);
}

/** Brings every comparison to "at most", "member" or "equals", by exchanging the children where needed. */
function build(raw: RawNode[], leaves: number[], roots: number[], base: number, width: number): FlatEnsemble {
  const nodes: FlatNode[] = raw.map((node) => {
    const { feature, value, whenTrue, whenFalse, missingTrue } = node;
    const straight = { feature, left: whenTrue, right: whenFalse, missingLeft: missingTrue };
    const exchanged = { feature, left: whenFalse, right: whenTrue, missingLeft: !missingTrue };
    const threshold = Math.fround(value);
    switch (node.mode) {
      case "BRANCH_LEQ":
        return { ...straight, test: { kind: "atMost", threshold } };
      case "BRANCH_LT":
        return { ...straight, test: { kind: "atMost", threshold: floatBelow(threshold) } };
      case "BRANCH_GT":
        return { ...exchanged, test: { kind: "atMost", threshold } };
      case "BRANCH_GTE":
        return { ...exchanged, test: { kind: "atMost", threshold: floatBelow(threshold) } };
      case "BRANCH_EQ":
        return { ...straight, test: { kind: "equals", value: threshold } };
      case "BRANCH_NEQ": // NaN differs from everything
        return { ...exchanged, missingLeft: false, test: { kind: "equals", value: threshold } };
      case "BRANCH_MEMBER":
        if (node.members.length === 0) throw damaged("a set of categories is missing or empty");
        if (node.members.some((member) => !Number.isInteger(member) || member < 0 || member > 65_535))
          throw unsupported("sets of other than small whole numbers");
        return { ...straight, test: { kind: "member", members: node.members } };
      default:
        throw damaged(`a node has the mode "${node.mode}"`);
    }
  });
  return flatten(nodes, leaves, roots, base, width);
}

/** Sets follow each other, each ended by a NaN. */
function splitSets(values: Float64Array): number[][] {
  const sets: number[][] = [];
  let current: number[] = [];
  for (const value of values) {
    if (!Number.isNaN(value)) current.push(value);
    else {
      sets.push(current);
      current = [];
    }
  }
  if (current.length > 0) sets.push(current);
  return sets;
}

function int(node: OnnxNode, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.type === "int" ? attribute.value : otherwise;
}

function text(node: OnnxNode, name: string, otherwise: string): string {
  const attribute = node.attributes.get(name);
  return attribute?.type === "text" ? attribute.value : otherwise;
}

function ints(node: OnnxNode, name: string, length?: number): number[] {
  const attribute = node.attributes.get(name);
  if (attribute?.type !== "ints") throw damaged(`attribute \`${name}\` is missing`);
  checkLength(name, attribute.value.length, length);
  return attribute.value;
}

function optionalInts(node: OnnxNode, name: string, length: number): number[] {
  const attribute = node.attributes.get(name);
  return attribute?.type === "ints" && attribute.value.length > 0 ? ints(node, name, length) : [];
}

function texts(node: OnnxNode, name: string, length: number): string[] {
  const attribute = node.attributes.get(name);
  if (attribute?.type !== "texts") throw damaged(`attribute \`${name}\` is missing`);
  checkLength(name, attribute.value.length, length);
  return attribute.value;
}

/** Float attributes; the forms in double precision belong to models on doubles. */
function floats(node: OnnxNode, name: string, length?: number, optional = false): Float32Array {
  const attribute = node.attributes.get(name);
  if (node.attributes.has(`${name}_as_tensor`)) throw unsupported("trees in double precision");
  if (attribute?.type !== "floats") {
    if (optional) return new Float32Array();
    throw damaged(`attribute \`${name}\` is missing`);
  }
  checkLength(name, attribute.value.length, length);
  return attribute.value;
}

function tensor(node: OnnxNode, name: string): Float64Array | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === "tensor" ? tensorNumbers(attribute.value) : undefined;
}

function numbersOf(node: OnnxNode, name: string, length: number): Float64Array {
  const values = tensor(node, name);
  if (!values) throw damaged(`attribute \`${name}\` is missing`);
  checkLength(name, values.length, length);
  return values;
}

function checkLength(name: string, found: number, expected: number | undefined): void {
  if (expected !== undefined && found !== expected) throw damaged(`attribute \`${name}\` has ${found} values instead of ${expected}`);
}

function damaged(how: string): AppError {
  return new AppError("corrupt_data", `The tree ensemble is damaged: ${how}.`, { hint: "Export the model again." });
}

function unsupported(detail: string): AppError {
  return new AppError("unsupported", `The built-in scorer does not do ${detail}.`, {
    hint: "Install onnxruntime-node, which runs every ONNX model.",
  });
}
