/** The part of the ONNX file format that Millrace reads and writes (onnx/onnx.proto): models, graphs, nodes, attributes, tensors. */
import { AppError } from "./app-error.ts";

export interface OnnxModel {
  irVersion: number;
  producerName: string;
  /** Operator sets by domain; the main one has the domain "" (or "ai.onnx"). */
  opsets: { domain: string; version: number }[];
  graph: OnnxGraph;
  metadata: Record<string, string>;
}

export interface OnnxGraph {
  name: string;
  nodes: OnnxNode[];
  initializers: OnnxTensor[];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
}

/** An input or output: element type (see `onnxTypes`, undefined when it is no tensor) and dimensions, where a text is a free dimension. */
export interface OnnxValue {
  name: string;
  elementType: number | undefined;
  shape: (number | string)[] | undefined;
}

export interface OnnxNode {
  opType: string;
  /** "" for the main operator set, "ai.onnx.ml" for the classical models. */
  domain: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, OnnxAttribute>;
}

export type OnnxAttribute =
  | { type: "float"; value: number }
  | { type: "int"; value: number }
  | { type: "text"; value: string }
  | { type: "tensor"; value: OnnxTensor }
  | { type: "graph"; value: OnnxGraph }
  | { type: "floats"; value: Float32Array }
  | { type: "ints"; value: number[] }
  | { type: "texts"; value: string[] }
  | { type: "tensors"; value: OnnxTensor[] }
  | { type: "graphs"; value: OnnxGraph[] }
  | { type: "other" };

/** A tensor's values as little-endian bytes of `dataType`, whichever field of the file held them. */
export interface OnnxTensor {
  name: string;
  dims: number[];
  dataType: number;
  raw: Uint8Array;
  texts?: string[];
  /** Set when the values lie in another file: such models are refused. */
  externalLocation?: string;
}

/** `TensorProto.DataType` of the types Millrace handles, with their size in bytes. */
export const onnxTypes = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  double: 11,
} as const;

const elementReaders: Record<number, { size: number; read(view: DataView, at: number): number }> = {
  [onnxTypes.float]: { size: 4, read: (view, at) => view.getFloat32(at, true) },
  [onnxTypes.uint8]: { size: 1, read: (view, at) => view.getUint8(at) },
  [onnxTypes.int8]: { size: 1, read: (view, at) => view.getInt8(at) },
  [onnxTypes.uint16]: { size: 2, read: (view, at) => view.getUint16(at, true) },
  [onnxTypes.int16]: { size: 2, read: (view, at) => view.getInt16(at, true) },
  [onnxTypes.int32]: { size: 4, read: (view, at) => view.getInt32(at, true) },
  [onnxTypes.int64]: { size: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  [onnxTypes.bool]: { size: 1, read: (view, at) => view.getUint8(at) },
  [onnxTypes.double]: { size: 8, read: (view, at) => view.getFloat64(at, true) },
};

/** Decodes a numeric tensor's values. Throws `corrupt_data` when bytes and dimensions disagree, `unsupported` for other element types. */
export function tensorNumbers(tensor: OnnxTensor): Float64Array {
  const element = elementReaders[tensor.dataType];
  if (!element) throw new AppError("unsupported", `Tensor "${tensor.name}" has element type ${tensor.dataType}, which holds no plain numbers.`);
  const count = tensor.dims.reduce((product, size) => product * size, 1);
  if (tensor.raw.length !== count * element.size) {
    throw new AppError(
      "corrupt_data",
      `Tensor "${tensor.name}" has ${tensor.raw.length} bytes where its dimensions [${tensor.dims}] need ${count * element.size}.`,
    );
  }
  const view = new DataView(tensor.raw.buffer, tensor.raw.byteOffset, tensor.raw.byteLength);
  return Float64Array.from({ length: count }, (_, i) => element.read(view, i * element.size));
}

/** Makes a float32 tensor; one dimension unless `dims` says otherwise. */
export function floatTensor(name: string, values: Float32Array, dims: number[] = [values.length]): OnnxTensor {
  const raw = new Uint8Array(values.length * 4);
  const view = new DataView(raw.buffer);
  values.forEach((value, i) => view.setFloat32(i * 4, value, true));
  return { name, dims, dataType: onnxTypes.float, raw };
}

/** Makes a uint8 tensor of one dimension. */
export function byteTensor(name: string, values: Uint8Array): OnnxTensor {
  return { name, dims: [values.length], dataType: onnxTypes.uint8, raw: values.slice() };
}

/** Every node of the graph and, for control flow, of the graphs inside it. */
export function* allNodes(graph: OnnxGraph): Generator<OnnxNode> {
  for (const node of graph.nodes) {
    yield node;
    for (const attribute of node.attributes.values()) {
      if (attribute.type === "graph") yield* allNodes(attribute.value);
      if (attribute.type === "graphs") for (const nested of attribute.value) yield* allNodes(nested);
    }
  }
}

/** Where the model keeps values outside its own file; empty for a self-contained model. */
export function externalLocations(graph: OnnxGraph): string[] {
  const tensors = [...graph.initializers];
  const nested: OnnxGraph[] = [];
  for (const node of graph.nodes) {
    for (const attribute of node.attributes.values()) {
      if (attribute.type === "tensor") tensors.push(attribute.value);
      if (attribute.type === "tensors") tensors.push(...attribute.value);
      if (attribute.type === "graph") nested.push(attribute.value);
      if (attribute.type === "graphs") nested.push(...attribute.value);
    }
  }
  const here = tensors.flatMap((tensor) => (tensor.externalLocation === undefined ? [] : [tensor.externalLocation]));
  return here.concat(...nested.map(externalLocations));
}
