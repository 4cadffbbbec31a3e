/** Entry of a thread that runs one ONNX model: onnxruntime computes on the thread that asks it. */
import { parentPort } from "node:worker_threads";
import type { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import { AppError, toAppError } from "#kit/app-error";
import type { Tensor, TensorData, TensorPlace, TensorType } from "#ports/tensor-runtime";
import type { Answer, Question } from "./onnx-messages.ts";

const knownTypes: readonly TensorType[] = [
  ...(["float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "string"] as const),
];

let session: InferenceSession | undefined;
const port = parentPort;

port?.on("message", async (question: Question) => {
  try {
    port.postMessage(await answer(question));
  } catch (thrown) {
    const { code, message, hint } = toAppError(thrown);
    port.postMessage({ kind: "failed", code, message, hint } satisfies Answer);
  }
});

async function answer(question: Question): Promise<Answer> {
  if (question.kind === "run") return { kind: "ran", outputs: await run(question.inputs) };
  const { InferenceSession: Session } = await runtime();
  // Memory arenas would keep the largest batch for good.
  session = await Session.create(question.path, {
    ...{ enableCpuMemArena: false, enableMemPattern: false, intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 },
  }).catch((cause: unknown) => {
    throw new AppError("corrupt_data", `onnxruntime cannot load the model: ${messageOf(cause)}`, { cause });
  });
  return { kind: "loaded", inputs: session.inputMetadata.map(placeOf), outputs: session.outputMetadata.map(placeOf) };
}

async function run(inputs: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const { Tensor: Made } = await runtime();
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, { type, data, shape }]) => [name, new Made(type, data as never, shape)])); // data of the type
  const results = await session!.run(feeds).catch((cause: unknown) => {
    throw new AppError("invalid_argument", `The model cannot be asked so: ${messageOf(cause)}`, { cause });
  });
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, plainTensor(name, value)]));
}

function plainTensor(name: string, { type, data, dims }: OnnxTensor): Tensor {
  if (!isKnown(type)) throw unsupported(`output ${name}`, type);
  return { type, data: data as TensorData, shape: [...dims] }; // of the types that are known
}

function placeOf(metadata: InferenceSession.ValueMetadata): TensorPlace {
  const { name } = metadata;
  if (!metadata.isTensor) throw unsupported(name, "no tensor");
  const { type, shape } = metadata;
  if (!isKnown(type)) throw unsupported(name, type);
  return { name, type, shape: shape.map((size) => (typeof size === "number" && size >= 0 ? size : null)) };
}

function isKnown(type: string): type is TensorType {
  return knownTypes.some((each) => each === type);
}

function unsupported(what: string, type: string): AppError {
  return new AppError("unsupported", `The model's ${what} is ${type}, which cannot be sent.`, {
    hint: "Export it with tensors of numbers, texts or booleans alone; of scikit-learn's classifiers with zipmap=False.",
  });
}

async function runtime(): Promise<typeof import("onnxruntime-node")> {
  try {
    return await import("onnxruntime-node");
  } catch (cause) {
    throw new AppError("missing_dependency", "This model needs the package onnxruntime-node, which is not installed.", {
      cause,
      hint: "npm install onnxruntime-node --ignore-scripts",
    });
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
