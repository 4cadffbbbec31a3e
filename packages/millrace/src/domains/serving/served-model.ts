import type { Signature } from "#domains/training";
import { AppError } from "#kit/app-error";
import { collectBytes } from "#kit/collect-bytes";
import { sha256 } from "#kit/hash";
import type { BlobStore } from "#ports/blob-store";
import type { LoadedModel, ModelAdapter } from "#ports/model-adapter";
import type { ResolvedModel } from "./model-source.ts";

/** A registered version, loaded and ready to score. */
export interface ServedModel {
  name: string;
  version: number;
  digest: string;
  signature: Signature;
  runId: string | undefined;
  model: LoadedModel;
}

/**
 * Loads a version's file with the first adapter that accepts it. Throws `not_found` for a missing file, `corrupt_data` for one
 * that is not what was registered, `unsupported` when no engine runs it.
 */
export async function loadServedModel(
  { blobs, adapters }: { blobs: BlobStore; adapters: ModelAdapter[] },
  { name, version, digest, signature, blob, runId }: ResolvedModel,
): Promise<ServedModel> {
  const what = `${name} v${version}`;
  const bytes = await readModelFile(blobs, what, blob);
  const adapter = adapters.find((candidate) => candidate.accepts(bytes));
  if (!adapter)
    throw new AppError("unsupported", `No engine runs the model file of ${what} (${blob}).`, {
      hint: `Convert it to ONNX. There are: ${adapters.map((each) => each.name).join(", ")}.`,
    });
  const model = await adapter.load(bytes);
  if (model.width !== signature.inputs.length) {
    await model.close();
    throw new AppError(
      "corrupt_data",
      `The model file of ${what} takes ${model.width} columns, but its signature names ${signature.inputs.length}.`,
      {
        hint: "Register it again with the signature it was trained for.",
      },
    );
  }
  return { name, version, digest, signature, runId, model };
}

/** The bytes of a model file. Throws `not_found`, and `corrupt_data` where they are not those it was stored with. */
export async function readModelFile(blobs: BlobStore, what: string, blob: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await collectBytes(await blobs.get(blob));
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "not_found") throw error;
    throw new AppError("not_found", `The model file of ${what} is gone: there is no blob ${blob}.`, {
      cause: error,
      hint: "Restore it, or move the alias to another version.",
    });
  }
  const expected = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/.exec(blob)?.[0];
  if (expected !== undefined && sha256(bytes) !== expected) {
    throw new AppError("corrupt_data", `The model file of ${what} is damaged: the SHA-256 of ${blob} is not the one it was stored under.`, {
      hint: "Restore the file, or move the alias to another version.",
    });
  }
  return bytes;
}
