import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from "./onnx.ts";
import { protobufWriter, type ProtobufWriter } from "./protobuf.ts";

/** Writes a model as the bytes of an `.onnx` file. Equal models give equal bytes. */
export function encodeOnnx(model: OnnxModel): Uint8Array {
  const out = protobufWriter();
  out.varint(1, model.irVersion);
  out.text(2, model.producerName);
  out.message(7, (graph) => writeGraph(graph, model.graph));
  for (const opset of model.opsets) {
    out.message(8, (entry) => {
      entry.text(1, opset.domain);
      entry.varint(2, opset.version);
    });
  }
  for (const [key, value] of Object.entries(model.metadata)) {
    out.message(14, (entry) => {
      entry.text(1, key);
      entry.text(2, value);
    });
  }
  return out.finish();
}

function writeGraph(out: ProtobufWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) out.message(1, (nested) => writeNode(nested, node));
  out.text(2, graph.name);
  for (const tensor of graph.initializers) out.message(5, (nested) => writeTensor(nested, tensor));
  for (const value of graph.inputs) out.message(11, (nested) => writeValue(nested, value));
  for (const value of graph.outputs) out.message(12, (nested) => writeValue(nested, value));
}

function writeNode(out: ProtobufWriter, node: OnnxNode): void {
  for (const name of node.inputs) out.text(1, name);
  for (const name of node.outputs) out.text(2, name);
  if (node.name) out.text(3, node.name);
  out.text(4, node.opType);
  for (const [name, attribute] of node.attributes) out.message(5, (nested) => writeAttribute(nested, name, attribute));
  if (node.domain) out.text(7, node.domain);
}

/** `AttributeProto`: the value's own field, then its kind in field 20 (`AttributeType`). */
function writeAttribute(out: ProtobufWriter, name: string, attribute: OnnxAttribute): void {
  out.text(1, name);
  switch (attribute.type) {
    case "float":
      out.float(2, attribute.value);
      out.varint(20, 1);
      break;
    case "int":
      out.varint(3, attribute.value);
      out.varint(20, 2);
      break;
    case "text":
      out.text(4, attribute.value);
      out.varint(20, 3);
      break;
    case "tensor":
      out.message(5, (nested) => writeTensor(nested, attribute.value));
      out.varint(20, 4);
      break;
    case "graph":
      out.message(6, (nested) => writeGraph(nested, attribute.value));
      out.varint(20, 5);
      break;
    case "floats":
      for (const value of attribute.value) out.float(7, value);
      out.varint(20, 6);
      break;
    case "ints":
      out.packedVarints(8, attribute.value);
      out.varint(20, 7);
      break;
    case "texts":
      for (const value of attribute.value) out.text(9, value);
      out.varint(20, 8);
      break;
    case "tensors":
      for (const value of attribute.value) out.message(10, (nested) => writeTensor(nested, value));
      out.varint(20, 9);
      break;
    case "graphs":
      for (const value of attribute.value) out.message(11, (nested) => writeGraph(nested, value));
      out.varint(20, 10);
      break;
    case "other":
      break;
  }
}

function writeTensor(out: ProtobufWriter, tensor: OnnxTensor): void {
  out.packedVarints(1, tensor.dims);
  out.varint(2, tensor.dataType);
  for (const text of tensor.texts ?? []) out.text(6, text);
  out.text(8, tensor.name);
  const { externalLocation } = tensor;
  if (externalLocation === undefined) {
    if (!tensor.texts) out.bytes(9, tensor.raw);
    return;
  }
  out.message(13, (entry) => {
    entry.text(1, "location");
    entry.text(2, externalLocation);
  });
  out.varint(14, 1);
}

function writeValue(out: ProtobufWriter, value: OnnxValue): void {
  out.text(1, value.name);
  const { elementType, shape } = value;
  if (elementType === undefined) return;
  out.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.varint(1, elementType);
      if (!shape) return;
      tensor.message(2, (dims) => {
        for (const size of shape) dims.message(1, (dim) => (typeof size === "number" ? dim.varint(1, size) : dim.text(2, size)));
      });
    }),
  );
}
