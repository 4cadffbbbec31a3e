/** Scores ONNX files that hold one tree ensemble and, behind it, at most an addition, a multiplication and a sigmoid. */
import { AppError } from "#kit/app-error";
import { decodeOnnx } from "#kit/onnx-decode";
import { externalLocations, onnxTypes, tensorNumbers, type OnnxGraph, type OnnxModel, type OnnxNode } from "#kit/onnx";
import type { LoadedModel, ModelAdapter } from "#ports/model-adapter";
import type { FlatEnsemble } from "./tree-ensemble-flat.ts";
import { compileTrees } from "./tree-ensemble-kernel.ts";
import { readTreeOperator } from "./tree-ensemble-read.ts";

export const adapter: ModelAdapter = {
  name: "tree-ensemble",
  accepts(bytes) {
    try {
      read(bytes);
      return true;
    } catch (error) {
      if (error instanceof AppError && (error.code === "unsupported" || error.code === "corrupt_data")) return false;
      throw error;
    }
  },
  async load(bytes) {
    return loadedModel(read(bytes));
  },
};

/** One step behind the trees. */
type Tail = { kind: "add" | "multiply"; by: number } | { kind: "sigmoid" };

interface Scorer {
  ensemble: FlatEnsemble;
  tail: Tail[];
  width: number;
}

/** Rows scored at a time: bounds the scratch space. */
const rowsPerPass = 4096;

async function loadedModel({ ensemble, tail, width }: Scorer): Promise<LoadedModel> {
  const sumTrees = await compileTrees(ensemble);
  const sums = new Float64Array(rowsPerPass);
  const scoreSync = (features: Float32Array, rows: number, out: Float32Array): void => {
    checkSizes(features, rows, out, width);
    for (let first = 0; first < rows; first += rowsPerPass) {
      const count = Math.min(rowsPerPass, rows - first);
      sumTrees(features, first, count, sums);
      for (const step of tail) applyTail(step, sums, count);
      for (let i = 0; i < count; i++) out[first + i] = sums[i] as number; // in range
    }
  };
  return {
    width,
    engine: "tree-ensemble",
    scoreSync,
    score: async (features, rows, out) => scoreSync(features, rows, out),
    close: async () => undefined,
  };
}

function applyTail(step: Tail, sums: Float64Array, count: number): void {
  for (let i = 0; i < count; i++) {
    const value = sums[i] as number; // in range
    sums[i] = step.kind === "sigmoid" ? 1 / (1 + Math.exp(-value)) : step.kind === "add" ? value + step.by : value * step.by;
  }
}

function checkSizes(features: Float32Array, rows: number, out: Float32Array, width: number): void {
  if (features.length < rows * width) {
    throw new AppError(
      "invalid_argument",
      `The model takes ${width} columns: ${rows} rows need ${rows * width} values, but there are ${features.length}.`,
    );
  }
  if (out.length < rows) throw new AppError("invalid_argument", `The result has room for ${out.length} of ${rows} rows.`);
}

function read(bytes: Uint8Array): Scorer {
  const model = decodeOnnx(bytes);
  const { graph } = model;
  const [outside] = externalLocations(graph);
  if (outside !== undefined) throw unsupported(`it keeps values in another file ("${outside}")`);
  const [trees, ...more] = graph.nodes.filter((node) => node.domain === "ai.onnx.ml" && node.opType.startsWith("TreeEnsemble"));
  if (!trees || more.length > 0) throw unsupported(`it has ${trees ? "several" : "no"} tree ensembles`);
  checkVersion(model);
  const width = inputWidth(graph, trees);
  const { ensemble, transform, outputs } = readTreeOperator(trees, width);
  const scores = trees.outputs[trees.opType === "TreeEnsembleClassifier" ? 1 : 0];
  const own: Tail[] = transform === "sigmoid" ? [{ kind: "sigmoid" }] : [];
  return { ensemble, width, tail: [...own, ...readTail(graph, scores, outputs)] };
}

function checkVersion({ opsets }: OnnxModel): void {
  const version = opsets.find(({ domain }) => domain === "ai.onnx.ml")?.version ?? 1;
  if (version > 5) throw unsupported(`it uses version ${version} of ai.onnx.ml`);
}

function inputWidth(graph: OnnxGraph, trees: OnnxNode): number {
  const input = graph.inputs.find(({ name }) => name === trees.inputs[0]);
  if (!input) throw unsupported("its trees do not read the model's input as it comes");
  if (input.elementType !== onnxTypes.float) throw unsupported("its input is not float32");
  const width = input.shape?.[1];
  if (input.shape?.length !== 2 || typeof width !== "number" || width < 1) throw unsupported("its input has no fixed number of columns");
  return width;
}

/** Follows the one path from the trees' result to an output of the graph; each step treats all columns alike. */
function readTail(graph: OnnxGraph, from: string | undefined, outputs: 1 | 2): Tail[] {
  const tail: Tail[] = [];
  let name = from ?? "";
  for (let steps = 0; steps <= graph.nodes.length; steps++) {
    const consumers = graph.nodes.filter((node) => node.inputs.includes(name));
    const [next, other] = consumers;
    if (!next) {
      if (graph.outputs.some((output) => output.name === name)) return tail;
      throw unsupported("the trees' result reaches no output");
    }
    if (other) throw unsupported("the trees' result is used more than once");
    if (next.opType === "ZipMap" && outputs === 2) return tail; // names the classes; the values are the same
    if (next.opType !== "Identity") tail.push(tailOf(graph, next, name));
    name = next.outputs[0] ?? "";
  }
  throw new AppError("corrupt_data", "The model is damaged: its nodes form a circle.");
}

function tailOf(graph: OnnxGraph, node: OnnxNode, input: string): Tail {
  if (node.opType === "Sigmoid") return { kind: "sigmoid" };
  if (node.opType !== "Add" && node.opType !== "Mul") throw unsupported(`${node.opType} follows the trees`);
  const other = node.inputs.find((name) => name !== input);
  const constant = graph.initializers.find(({ name }) => name === other);
  const values = constant ? tensorNumbers(constant) : [];
  const [by] = values;
  if (by === undefined || values.length !== 1) throw unsupported(`${node.opType} by other than one number follows the trees`);
  return { kind: node.opType === "Add" ? "add" : "multiply", by };
}

function unsupported(why: string): AppError {
  return new AppError("unsupported", `The built-in scorer cannot run this model: ${why}.`, {
    hint: "Install onnxruntime-node, which runs every ONNX model.",
  });
}
