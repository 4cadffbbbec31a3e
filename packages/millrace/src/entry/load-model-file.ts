import { adapter as onnxruntime } from "#adapters/model-adapter/onnxruntime";
import { adapter as treeEnsemble } from "#adapters/model-adapter/tree-ensemble";
import { AppError } from "#kit/app-error";
import { readModelFile } from "#domains/serving";
import type { BlobStore } from "#ports/blob-store";
import type { LoadedModel, ModelAdapter } from "#ports/model-adapter";

/** In the order of preference: our own scorer for tree ensembles, onnxruntime for the rest. */
export const modelAdapters: ModelAdapter[] = [treeEnsemble, onnxruntime];

/** Reads a model file and loads it with the first engine that runs it. Throws `corrupt_data` for a damaged one, `unsupported` when no engine does. */
export async function loadModelFile(blobs: BlobStore, blob: string): Promise<LoadedModel> {
  const bytes = await readModelFile(blobs, "a flow", blob);
  const adapter = modelAdapters.find((candidate) => candidate.accepts(bytes));
  if (!adapter) throw new AppError("unsupported", `No engine runs the model file ${blob}.`, { hint: "Convert it to ONNX." });
  return adapter.load(bytes);
}
