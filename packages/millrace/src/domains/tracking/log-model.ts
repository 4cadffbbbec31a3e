import { z } from "zod";
import { digestOf } from "#kit/hash";
import { parseArgument } from "#kit/parse-argument";
import { checkArtifactPath } from "./artifact-path.ts";
import { type ArtifactData, storeBytes } from "./log-artifact.ts";
import { addItems } from "./log-data.ts";
import { type ModelFolder, type ModelSignature, signatureSchema, type TrackingServices } from "./model.ts";
import { activeRun, saveArtifact } from "./store.ts";

export interface NewModel {
  run: string;
  /** Folder among the run's artifacts. */
  path?: string;
  /** What the files are, such as `onnx`. */
  format: string;
  signature: ModelSignature;
  files: { path: string; data: ArtifactData; mediaType?: string }[];
}

/**
 * Stores a model's files under a run and lists the model among the run's outputs, all at once. The same model again changes
 * nothing and has the same digest.
 */
export async function logModel({ state, blobs, clock }: TrackingServices, model: NewModel): Promise<ModelFolder> {
  const { run, path = "model", files } = model;
  const format = parseArgument(z.string().min(1).max(100), "model's format", model.format);
  const signature = parseArgument(signatureSchema, "model's signature", model.signature);
  parseArgument(z.array(z.object({ path: z.string() })).min(1), "model's files", files);
  for (const file of files) checkArtifactPath(`${path}/${file.path}`);
  await activeRun(state, run); // before any bytes are moved; asked again below
  const stored: ModelFolder["files"] = [];
  for (const file of files) stored.push({ path: file.path, ...(await storeBytes(blobs, file.data)) });
  const folder: ModelFolder = { digest: modelDigest({ format, signature, files: stored }), format, signature, files: stored };
  await state.write(async (transaction) => {
    await addItems(transaction, clock.now(), run, "outputs", [{ kind: "model", name: path, digest: folder.digest, facts: { format } }]);
    for (const [i, file] of stored.entries()) {
      await saveArtifact(transaction, run, {
        path: `${path}/${file.path}`,
        content: file.digest,
        sizeBytes: file.sizeBytes,
        mediaType: files[i]!.mediaType,
        createdMs: clock.now(),
      });
    }
  });
  return folder;
}

/** SHA-256 over a model's format, signature, and its files' paths and digests; the order of files does not matter. */
export function modelDigest({ format, signature, files }: Omit<ModelFolder, "digest">): string {
  const contents = files.map(({ path, digest }) => `${path}\n${digest}`).sort();
  return digestOf({ format, signature, contents });
}
