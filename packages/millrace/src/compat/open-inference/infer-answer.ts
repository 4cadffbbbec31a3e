import type { Prediction } from "#domains/serving";
import { AppError } from "#kit/app-error";
import type { RawAnswer } from "#kit/route";
import { textsToBinary } from "./datatypes.ts";
import { inferBody } from "./infer-body.ts";
import type { InferRequest } from "./infer-request.ts";

/** The outputs of a model: its score, and the id under which the prediction is kept. */
export function outputsOf(task: "binary" | "regression"): { name: string; datatype: "FP32" | "BYTES"; shape: number[] }[] {
  return [
    { name: task === "binary" ? "probability" : "value", datatype: "FP32", shape: [-1] },
    { name: "prediction_id", datatype: "BYTES", shape: [-1] },
  ];
}

/** Writes an inference answer: JSON, and behind it the outputs that are wanted as raw tensors. Throws `invalid_argument` for an unknown output. */
export function inferAnswer(
  name: string,
  task: "binary" | "regression",
  request: InferRequest,
  predictions: Prediction[],
  version: number,
): RawAnswer {
  const all = outputsOf(task);
  const wanted =
    request.outputs ??
    all.filter((output) => request.record || output.datatype !== "BYTES").map((output) => ({ name: output.name, isBinary: undefined }));
  const raw: Buffer[] = [];
  const outputs = wanted.map((output) => {
    const { datatype } = all.find((each) => each.name === output.name)!; // checked before scoring
    const shape = [predictions.length];
    if (!(output.isBinary ?? request.binaryOutputs))
      return {
        name: output.name,
        datatype,
        shape,
        data: datatype === "FP32" ? predictions.map(({ score }) => score) : predictions.map(({ id }) => id ?? ""),
      };
    const bytes =
      datatype === "FP32" ? bytesOf(Float32Array.from(predictions, ({ score }) => score)) : textsToBinary(predictions.map(({ id }) => id ?? ""));
    raw.push(bytes);
    return { name: output.name, datatype, shape, parameters: { binary_data_size: bytes.length } };
  });
  return inferBody({ model: name, version, id: request.id, outputs }, raw);
}

/** Looks at the wanted outputs before anything is scored. */
export function checkOutputs(task: "binary" | "regression", { outputs, record }: InferRequest): void {
  const known = outputsOf(task).map((output) => output.name);
  for (const { name } of outputs ?? []) {
    if (!known.includes(name)) throw new AppError("invalid_argument", `The model has no output ${name} (it has: ${known.join(", ")}).`);
    if (name === "prediction_id" && !record)
      throw new AppError("invalid_argument", "A prediction that is not recorded has no prediction_id.", {
        hint: "Leave out `record: false`, or the output.",
      });
  }
}

function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength); // little-endian on every platform that Node runs on
}
