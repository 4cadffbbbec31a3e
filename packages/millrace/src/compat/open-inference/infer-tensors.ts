import { type CallColumn, inputsOfTable, inputsOfTensors, plainElement, type ServedTensors, type TensorEndpoint } from "#domains/serving";
import { AppError } from "#kit/app-error";
import type { RawAnswer } from "#kit/route";
import type { Tensor, TensorType } from "#ports/tensor-runtime";
import { type Datatype, textsToBinary } from "./datatypes.ts";
import { inferBody } from "./infer-body.ts";
import { columnsOf, rowsOf, type TensorRequest } from "./infer-request.ts";

const datatypeOf: Record<TensorType, Datatype> = {
  ...{ float32: "FP32", float64: "FP64", bool: "BOOL", string: "BYTES" },
  ...{ int8: "INT8", int16: "INT16", int32: "INT32", int64: "INT64", uint8: "UINT8", uint16: "UINT16", uint32: "UINT32", uint64: "UINT64" },
};
const datatypeOfColumn: Record<CallColumn["type"], Datatype> = { boolean: "BOOL", integer: "INT64", number: "FP64", text: "BYTES" };

/** What a caller has to send to a model that was made elsewhere: the columns of its signature, else the tensors that it takes. */
export function tensorMetadata(endpoint: TensorEndpoint, version: string | undefined): object {
  checkVersion(endpoint, version);
  const { signature, inputs, outputs, version: number } = endpoint.serving();
  const places = (list: ServedTensors["inputs"]) =>
    list.map(({ name, type, shape }) => ({ name, datatype: datatypeOf[type], shape: shape.map((size) => size ?? -1) }));
  const columns = signature?.kind === "columns" ? signature.columns : undefined;
  return {
    name: endpoint.definition.name,
    versions: [String(number)],
    platform: "onnx_onnxv1",
    inputs: columns?.map(({ name, type }, i) => ({ name: name ?? String(i), datatype: datatypeOfColumn[type], shape: [-1] })) ?? places(inputs),
    outputs: places(outputs),
  };
}

/** Asks with the tensors that a request has: the columns of the signature, or the model's own inputs. Throws `invalid_argument`. */
export async function inferTensors(endpoint: TensorEndpoint, request: TensorRequest, version: string | undefined): Promise<RawAnswer> {
  checkVersion(endpoint, version);
  const { tensors, outputs: wanted } = request;
  const known = endpoint.serving().outputs.map(({ name }) => name);
  const unknown = wanted?.find(({ name }) => !known.includes(name));
  if (unknown) throw new AppError("invalid_argument", `The model has no output ${unknown.name} (it has: ${known.join(", ")}).`);
  const { served, outputs } = await endpoint.ask((asked) => {
    const areInputs = [...tensors.keys()].every((name) => asked.inputs.some((place) => place.name === name));
    if (asked.signature?.kind !== "columns" || areInputs) return inputsOfTensors({ ...asked, signature: undefined }, tensors);
    const columns = [...tensors.keys()];
    return inputsOfTable(asked, { columns, rows: rowsOf(columnsOf(tensors)).map((row) => columns.map((name) => row[name])) });
  });
  const raw: Uint8Array[] = [];
  const written = (wanted ?? known.map((name) => ({ name, isBinary: undefined }))).map(({ name, isBinary }) => {
    const tensor = outputs[name]!; // of those that it has
    const head = { name, datatype: datatypeOf[tensor.type], shape: tensor.shape };
    if (!(isBinary ?? request.binaryOutputs)) return { ...head, data: dataOf(tensor) };
    const bytes = bytesOf(tensor);
    raw.push(bytes);
    return { ...head, parameters: { binary_data_size: bytes.length } };
  });
  return inferBody({ model: endpoint.definition.name, version: served.version, id: request.id, outputs: written }, raw);
}

/** Throws `not_found` for another version than the one that answers. */
export function checkVersion(endpoint: TensorEndpoint, version: string | undefined): void {
  const { version: serving } = endpoint.serving();
  if (version === undefined || version === String(serving)) return;
  throw new AppError("not_found", `Model ${endpoint.definition.name} does not serve version "${version}" (it serves ${serving}).`);
}

function dataOf({ type, data }: Tensor): unknown[] {
  return Array.from(data as ArrayLike<number | bigint | string>, (element) => plainElement(element, type === "bool"));
}

function bytesOf({ data }: Tensor): Uint8Array {
  if (Array.isArray(data)) return textsToBinary(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength); // little-endian on every platform that Node runs on
}
