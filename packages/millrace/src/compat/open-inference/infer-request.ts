/**
 * Reads inference requests: JSON, or JSON with raw tensors behind it (the binary tensor extension). By hand, since a schema over
 * every number would cost more than scoring it.
 *
 *   request := { id?, parameters?, inputs: [{ name, shape, datatype, parameters?, data }], outputs?: [{ name, parameters? }] }
 *   body    := request, or request of `Inference-Header-Content-Length` bytes | raw tensors in the order of the inputs that have
 *              `parameters.binary_data_size`
 */
import { AppError } from "#kit/app-error";
import { datatypes, fromBinary, fromJson, isDatatype, type Datatype, type Element } from "./datatypes.ts";

export interface InferRequest {
  id: string | undefined;
  /** One object a row, by input. */
  rows: Record<string, Element>[];
  /** Wanted outputs; all when undefined. */
  outputs: { name: string; isBinary: boolean | undefined }[] | undefined;
  /** Outputs that do not say are wanted as raw tensors. */
  binaryOutputs: boolean;
  /** Keep the predictions; `parameters.record: false` says no. */
  record: boolean;
}

/** A request as it stands, with tensors of any shape. */
export type TensorRequest = Omit<InferRequest, "rows"> & { tensors: Map<string, SentTensor> };

export interface SentTensor {
  shape: number[];
  elements: Element[];
}

/** One value a row for each input. Throws `invalid_argument` naming the input. */
export function readInferRequest(body: Uint8Array, headers: Readonly<Record<string, unknown>>): InferRequest {
  const { tensors, ...request } = readTensorRequest(body, headers);
  return { ...request, rows: rowsOf(columnsOf(tensors)) };
}

/** The elements of tensors that are columns. Throws `invalid_argument` naming one that is not. */
export function columnsOf(tensors: ReadonlyMap<string, SentTensor>): Map<string, Element[]> {
  for (const [name, { shape }] of tensors)
    if (shape.slice(1).some((size) => size !== 1))
      throw bad(
        `Input ${name} has the shape [${shape.join(", ")}]; a column has one value a row.`,
        "Send one input for each column, of shape [rows] or [rows, 1].",
      );
  return new Map([...tensors].map(([name, { elements }]) => [name, elements]));
}

/** As `readInferRequest`, for models that take tensors. */
export function readTensorRequest(body: Uint8Array, headers: Readonly<Record<string, unknown>>): TensorRequest {
  const { json, raw } = splitBody(body, headers["inference-header-content-length"]);
  const inputs = list(json, "inputs");
  if (inputs.length === 0) throw bad("The request has no inputs.", "Send one input for each column: name, shape, datatype, data.");
  const rawTensors = { bytes: raw, at: 0 };
  const tensors = new Map<string, SentTensor>();
  for (const [i, value] of inputs.entries()) {
    const { name, ...tensor } = readInput(value, i, rawTensors);
    if (tensors.has(name)) throw bad(`Input ${name} is there twice.`);
    tensors.set(name, tensor);
  }
  if (rawTensors.at !== raw.length) throw bad(`The body has ${raw.length - rawTensors.at} bytes behind its last tensor.`);
  const { id, parameters } = json;
  if (id !== undefined && typeof id !== "string") throw bad("The request's id is not a text.");
  const wanted = parametersOf(parameters, "the request");
  return {
    id,
    tensors,
    outputs: json["outputs"] === undefined ? undefined : list(json, "outputs").map(readOutput),
    binaryOutputs: wanted["binary_data_output"] === true,
    record: wanted["record"] !== false,
  };
}

function splitBody(body: Uint8Array, header: unknown): { json: Record<string, unknown>; raw: Uint8Array } {
  let length = body.length;
  if (header !== undefined) {
    length = typeof header === "string" && /^\d+$/.test(header) ? Number(header) : Number.NaN;
    if (!(length <= body.length)) throw bad(`Inference-Header-Content-Length is ${JSON.stringify(header)}, but the body has ${body.length} bytes.`);
    if (length === 0)
      throw bad(
        "A raw body without JSON does not say which column it is.",
        "Send the inputs' names, shapes and datatypes as JSON before the tensors.",
      );
  }
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(body.buffer, body.byteOffset, length).toString("utf8"));
  } catch (error) {
    throw new AppError("invalid_argument", `The body is not JSON: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
  if (!isObject(json)) throw bad("The body must be a JSON object.");
  return { json, raw: body.subarray(length) };
}

function readInput(value: unknown, i: number, raw: { bytes: Uint8Array; at: number }): SentTensor & { name: string } {
  if (!isObject(value) || typeof value["name"] !== "string" || value["name"] === "") throw bad(`Input ${i} has no name.`);
  const { name, shape, datatype, data } = value;
  if (!isDatatype(datatype)) throw bad(`Input ${name} has the datatype ${JSON.stringify(datatype)}.`, `There are: ${datatypes.join(", ")}.`);
  if (!Array.isArray(shape) || shape.length === 0 || !shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw bad(`Input ${name} has no shape: a list of whole numbers.`, "Such as [2].");
  const sizes = shape as number[]; // checked above
  const count = sizes.reduce((product, each) => product * each, 1);
  const size = parametersOf(value["parameters"], `input ${name}`)["binary_data_size"];
  if (size === undefined) return { name, shape: sizes, elements: fromData(name, datatype, data, count) };
  if (data !== undefined) throw bad(`Input ${name} has both data and binary_data_size.`);
  if (!Number.isSafeInteger(size) || (size as number) < 0 || raw.at + (size as number) > raw.bytes.length)
    throw bad(
      `Input ${name} says that it has ${JSON.stringify(size)} bytes, but the body ends ${raw.bytes.length - raw.at} bytes after the tensors before it.`,
    );
  const end = raw.at + (size as number); // checked above
  const elements = fromBinary(datatype, raw.bytes.subarray(raw.at, end), count);
  if (!elements) throw bad(`Input ${name} has ${String(size)} bytes, which are not ${count} elements of ${datatype}.`);
  raw.at = end;
  return { name, shape: sizes, elements };
}

function fromData(name: string, datatype: Datatype, data: unknown, count: number): Element[] {
  if (datatype === "FP16") throw bad(`Input ${name}: FP16 has no form in JSON.`, "Send it as a raw tensor, or as FP32.");
  if (!Array.isArray(data)) throw bad(`Input ${name} has no data: a list of its elements.`);
  const flat: unknown[] = data.some(Array.isArray) ? data.flat(Infinity) : data;
  if (flat.length !== count) throw bad(`Input ${name} has ${flat.length} elements, but its shape says ${count}.`);
  return flat.map((value, row) => {
    const element = fromJson(datatype, value);
    if (element === undefined) throw bad(`Input ${name}: element ${row} is ${JSON.stringify(value)}, which is no ${datatype}.`);
    return element;
  });
}

export function rowsOf(columns: ReadonlyMap<string, Element[]>): Record<string, Element>[] {
  const [[firstName, first] = ["", []]] = columns;
  for (const [name, { length }] of columns)
    if (length !== first.length) throw bad(`Input ${name} has ${length} rows, but ${firstName} has ${first.length}.`);
  return first.map((_, row) => {
    const object: Record<string, Element> = {};
    for (const [name, elements] of columns) object[name] = elements[row]!;
    return object;
  });
}

function readOutput(value: unknown): { name: string; isBinary: boolean | undefined } {
  if (!isObject(value) || typeof value["name"] !== "string") throw bad("A wanted output has no name.");
  const { name } = value;
  const isBinary = parametersOf(value["parameters"], `output ${name}`)["binary_data"];
  if (isBinary !== undefined && typeof isBinary !== "boolean") throw bad(`Output ${name}: binary_data is neither true nor false.`);
  return { name, isBinary };
}

function parametersOf(value: unknown, of: string): Record<string, unknown> {
  if (value === undefined) return {};
  if (isObject(value)) return value;
  throw bad(`The parameters of ${of} are no object.`);
}

function list(json: Record<string, unknown>, name: string): unknown[] {
  const value = json[name];
  if (Array.isArray(value)) return value;
  throw bad(`The request's ${name} are no list.`, "See https://github.com/kserve/open-inference-protocol.");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function bad(message: string, hint?: string): AppError {
  return new AppError("invalid_argument", message, hint === undefined ? {} : { hint });
}
