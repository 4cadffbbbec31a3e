import { AppError } from "./app-error.ts";
import { onnxTypes, type OnnxAttribute, type OnnxGraph, type OnnxModel, type OnnxNode, type OnnxTensor, type OnnxValue } from "./onnx.ts";
import { readFields, readPackedVarints, readText, type WireField } from "./protobuf.ts";

const what = "The ONNX file";
/** Graphs inside graphs: real models nest two or three deep; a bound keeps a crafted file from exhausting the stack. */
const deepest = 16;

/**
 * Parses an `.onnx` file. Nothing is executed and no other file is opened. Fields that Millrace does not use are skipped.
 * Throws `corrupt_data` for bytes that are no ONNX model.
 */
export function decodeOnnx(bytes: Uint8Array): OnnxModel {
  const model: Omit<OnnxModel, "graph"> & { graph?: OnnxGraph } = { irVersion: 0, producerName: "", opsets: [], metadata: {} };
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) model.irVersion = int(field);
    else if (field.number === 2) model.producerName = text(field);
    else if (field.number === 7) model.graph = graphOf(nested(field), 0);
    else if (field.number === 8) model.opsets.push(opsetOf(nested(field)));
    else if (field.number === 14) addEntry(model.metadata, nested(field));
  }
  const { graph } = model;
  if (!graph) throw corrupt("it has no graph");
  return { ...model, graph };
}

function graphOf(bytes: Uint8Array, depth: number): OnnxGraph {
  if (depth > deepest) throw corrupt(`its graphs nest deeper than ${deepest}`);
  const graph: OnnxGraph = { name: "", nodes: [], initializers: [], inputs: [], outputs: [] };
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) graph.nodes.push(nodeOf(nested(field), depth));
    else if (field.number === 2) graph.name = text(field);
    else if (field.number === 5) graph.initializers.push(tensorOf(nested(field)));
    else if (field.number === 11) graph.inputs.push(valueOf(nested(field)));
    else if (field.number === 12) graph.outputs.push(valueOf(nested(field)));
  }
  return graph;
}

function nodeOf(bytes: Uint8Array, depth: number): OnnxNode {
  const node: OnnxNode = { opType: "", domain: "", name: "", inputs: [], outputs: [], attributes: new Map() };
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) node.inputs.push(text(field));
    else if (field.number === 2) node.outputs.push(text(field));
    else if (field.number === 3) node.name = text(field);
    else if (field.number === 4) node.opType = text(field);
    else if (field.number === 5) node.attributes.set(...attributeOf(nested(field), depth));
    else if (field.number === 7) node.domain = text(field);
  }
  return node;
}

/** `AttributeProto`. Files older than IR version 2 leave the kind (field 20) out; then the value that is there decides. */
function attributeOf(bytes: Uint8Array, depth: number): [string, OnnxAttribute] {
  let name = "";
  let kind = 0;
  let single: OnnxAttribute | undefined;
  const floats: number[] = [];
  const ints: number[] = [];
  const texts: string[] = [];
  const tensors: OnnxTensor[] = [];
  const graphs: OnnxGraph[] = [];
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) name = text(field);
    else if (field.number === 2) single = { type: "float", value: floatsOf(field)[0] ?? 0 };
    else if (field.number === 3) single = { type: "int", value: int(field) };
    else if (field.number === 4) single = textOrBytes(nested(field));
    else if (field.number === 5) single = { type: "tensor", value: tensorOf(nested(field)) };
    else if (field.number === 6) single = { type: "graph", value: graphOf(nested(field), depth + 1) };
    else if (field.number === 7) for (const value of floatsOf(field)) floats.push(value);
    else if (field.number === 8) for (const value of intsOf(field)) ints.push(value);
    else if (field.number === 9) texts.push(decodeText(nested(field)));
    else if (field.number === 10) tensors.push(tensorOf(nested(field)));
    else if (field.number === 11) graphs.push(graphOf(nested(field), depth + 1));
    else if (field.number === 20) kind = int(field);
  }
  if (kind === 6 || floats.length > 0) return [name, { type: "floats", value: Float32Array.from(floats) }];
  if (kind === 7 || ints.length > 0) return [name, { type: "ints", value: ints }];
  if (kind === 8 || texts.length > 0) return [name, { type: "texts", value: texts }];
  if (kind === 9 || tensors.length > 0) return [name, { type: "tensors", value: tensors }];
  if (kind === 10 || graphs.length > 0) return [name, { type: "graphs", value: graphs }];
  if (single) return [name, single];
  if (kind === 1) return [name, { type: "float", value: 0 }]; // writers may leave a zero out
  if (kind === 2) return [name, { type: "int", value: 0 }];
  if (kind === 3) return [name, { type: "text", value: "" }];
  return [name, { type: "other" }];
}

/** A text attribute is bytes in the file; what is not UTF-8 is data of a custom operator, which we do not read. */
function textOrBytes(bytes: Uint8Array): OnnxAttribute {
  return { type: "text", value: decodeText(bytes) };
}

function tensorOf(bytes: Uint8Array): OnnxTensor {
  const tensor: OnnxTensor = { name: "", dims: [], dataType: 0, raw: new Uint8Array() };
  const numbers: number[] = []; // of the typed fields, which old files use instead of raw bytes
  const texts: string[] = [];
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) tensor.dims.push(...intsOf(field));
    else if (field.number === 2) tensor.dataType = int(field);
    else if (field.number === 4) for (const value of floatsOf(field)) numbers.push(value);
    else if (field.number === 5 || field.number === 7 || field.number === 11) for (const value of intsOf(field)) numbers.push(value);
    else if (field.number === 6) texts.push(decodeText(nested(field)));
    else if (field.number === 8) tensor.name = text(field);
    else if (field.number === 9) tensor.raw = nested(field);
    else if (field.number === 10) for (const value of doublesOf(field)) numbers.push(value);
    else if (field.number === 13) tensor.externalLocation = externalOf(nested(field), tensor.externalLocation);
    else if (field.number === 14 && int(field) === 1) tensor.externalLocation ??= "";
  }
  if (tensor.dims.some((size) => size < 0)) throw corrupt(`tensor "${tensor.name}" has a negative dimension`);
  if (texts.length > 0 || tensor.dataType === onnxTypes.string) tensor.texts = texts;
  if (numbers.length > 0) tensor.raw = rawOf(numbers, tensor.dataType);
  return tensor;
}

function rawOf(numbers: number[], dataType: number): Uint8Array {
  switch (dataType) {
    case onnxTypes.float:
      return new Uint8Array(Float32Array.from(numbers).buffer);
    case onnxTypes.double:
      return new Uint8Array(Float64Array.from(numbers).buffer);
    case onnxTypes.int64:
      return new Uint8Array(BigInt64Array.from(numbers, (value) => BigInt(value)).buffer);
    case onnxTypes.int32:
      return new Uint8Array(Int32Array.from(numbers).buffer);
    case onnxTypes.int16:
    case onnxTypes.uint16:
      return new Uint8Array(Uint16Array.from(numbers).buffer);
    default:
      return Uint8Array.from(numbers);
  }
}

function externalOf(bytes: Uint8Array, known: string | undefined): string {
  const entry: Record<string, string> = {};
  addEntry(entry, bytes);
  return entry["location"] ?? known ?? "";
}

function valueOf(bytes: Uint8Array): OnnxValue {
  const value: OnnxValue = { name: "", elementType: undefined, shape: undefined };
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) value.name = text(field);
    if (field.number !== 2) continue;
    for (const type of readFields(nested(field), what)) {
      if (type.number !== 1) continue; // sequences and maps are no tensors
      for (const part of readFields(nested(type), what)) {
        if (part.number === 1) value.elementType = int(part);
        if (part.number === 2) value.shape = shapeOf(nested(part));
      }
    }
  }
  return value;
}

function shapeOf(bytes: Uint8Array): (number | string)[] {
  const shape: (number | string)[] = [];
  for (const field of readFields(bytes, what)) {
    if (field.number !== 1) continue;
    let size: number | string = "";
    for (const part of readFields(nested(field), what)) {
      if (part.number === 1) size = int(part);
      if (part.number === 2) size = text(part);
    }
    shape.push(size);
  }
  return shape;
}

function opsetOf(bytes: Uint8Array): { domain: string; version: number } {
  const opset = { domain: "", version: 0 };
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) opset.domain = text(field);
    if (field.number === 2) opset.version = int(field);
  }
  return opset;
}

function addEntry(into: Record<string, string>, bytes: Uint8Array): void {
  let key = "";
  let value = "";
  for (const field of readFields(bytes, what)) {
    if (field.number === 1) key = text(field);
    if (field.number === 2) value = text(field);
  }
  Object.defineProperty(into, key, { value, enumerable: true, writable: true, configurable: true }); // a key may be "__proto__"
}

function int(field: WireField): number {
  if (field.wire !== "varint") throw corrupt(`field ${field.number} is no number`);
  return field.value;
}

function nested(field: WireField): Uint8Array {
  if (field.wire !== "bytes") throw corrupt(`field ${field.number} has no content`);
  return field.value;
}

function text(field: WireField): string {
  return readText(nested(field), what);
}

/** `repeated int64`, packed or one field each. */
function intsOf(field: WireField): number[] {
  return field.wire === "bytes" ? readPackedVarints(field.value, what) : [int(field)];
}

function floatsOf(field: WireField): number[] {
  if (field.wire === "varint" || field.wire === "fixed64" || field.value.length % 4 !== 0) throw corrupt(`field ${field.number} holds no floats`);
  const view = new DataView(field.value.buffer, field.value.byteOffset, field.value.byteLength);
  return Array.from({ length: field.value.length / 4 }, (_, i) => view.getFloat32(i * 4, true));
}

function doublesOf(field: WireField): number[] {
  if (field.wire === "varint" || field.wire === "fixed32" || field.value.length % 8 !== 0) throw corrupt(`field ${field.number} holds no doubles`);
  const view = new DataView(field.value.buffer, field.value.byteOffset, field.value.byteLength);
  return Array.from({ length: field.value.length / 8 }, (_, i) => view.getFloat64(i * 8, true));
}

function corrupt(how: string): AppError {
  return new AppError("corrupt_data", `${what} is damaged: ${how}.`, { hint: "Export the model again, or fetch it again." });
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes); // a category may begin with U+FEFF
}
