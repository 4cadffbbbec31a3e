/** Runs any self-contained ONNX model with one float32 matrix as its input, through the optional package onnxruntime-node. */
import { AppError } from "#kit/app-error";
import { decodeOnnx } from "#kit/onnx-decode";
import { allNodes, externalLocations, onnxTypes, type OnnxGraph, type OnnxValue } from "#kit/onnx";
import type { ModelAdapter } from "#ports/model-adapter";

export const adapter: ModelAdapter = {
  name: "onnxruntime",
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
    const { input, width, output } = read(bytes);
    const { InferenceSession, Tensor } = await runtime();
    // From the bytes, never from a path: no path in the file is ever resolved. Memory arenas would keep the largest batch for good.
    const session = await InferenceSession.create(bytes, {
      enableCpuMemArena: false,
      enableMemPattern: false,
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    }).catch((cause: unknown) => {
      throw new AppError("corrupt_data", `onnxruntime cannot load the model: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    });
    return {
      width,
      engine: "onnxruntime",
      async score(features, rows, out) {
        if (features.length < rows * width) {
          throw new AppError(
            "invalid_argument",
            `The model takes ${width} columns: ${rows} rows need ${rows * width} values, but there are ${features.length}.`,
          );
        }
        if (out.length < rows) throw new AppError("invalid_argument", `The result has room for ${out.length} of ${rows} rows.`);
        if (rows === 0) return;
        const results = await session.run({ [input]: new Tensor("float32", features.subarray(0, rows * width), [rows, width]) }, [output]);
        const data = results[output]?.data;
        if (!(data instanceof Float32Array) || (data.length !== rows && data.length !== rows * 2)) {
          throw new AppError("unsupported", `Output \`${output}\` of the model is not one number (or two classes) per row.`);
        }
        const columns = data.length / rows;
        for (let row = 0; row < rows; row++) out[row] = data[row * columns + columns - 1] as number; // in range
      },
      close: () => session.release(),
    };
  },
};

interface Interface {
  input: string;
  width: number;
  output: string;
}

/** Operators that run foreign code or reach outside are no part of the standard domains; those are refused. */
const knownDomains = new Set(["", "ai.onnx", "ai.onnx.ml", "com.microsoft"]);

function read(bytes: Uint8Array): Interface {
  const { graph } = decodeOnnx(bytes);
  const [outside] = externalLocations(graph);
  if (outside !== undefined) throw unsupported(`it keeps values in another file ("${outside}")`, "Save the model as one file.");
  for (const { domain, opType } of allNodes(graph)) {
    if (!knownDomains.has(domain)) throw unsupported(`operator ${opType} belongs to the unknown domain "${domain}"`, "Use standard operators only.");
  }
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.some((tensor) => tensor.name === name));
  const [input, second] = inputs;
  if (!input || second) throw unsupported(`it has ${inputs.length} inputs`, "Export it with one matrix of all features.");
  const width = input.shape?.[1];
  if (input.elementType !== onnxTypes.float || input.shape?.length !== 2 || typeof width !== "number") {
    throw unsupported(
      `its input \`${input.name}\` is not a float32 matrix [rows, columns] with a fixed number of columns`,
      "Export it with such an input.",
    );
  }
  return { input: input.name, width, output: resultOf(graph).name };
}

/** The output with the scores: the one named so, else the last float32 tensor (classifiers put the label first). */
function resultOf({ outputs }: OnnxGraph): OnnxValue {
  const floats = outputs.filter(({ elementType }) => elementType === onnxTypes.float);
  const result = floats.find(({ name }) => name === "probability" || name === "value") ?? floats.at(-1);
  if (!result) throw unsupported("it has no float32 output", "Export probabilities as a tensor (without ZipMap).");
  return result;
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

function unsupported(why: string, hint: string): AppError {
  return new AppError("unsupported", `onnxruntime cannot serve this model: ${why}.`, { hint });
}
