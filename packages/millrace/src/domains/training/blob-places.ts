import type { BlobPlace } from "#domains/project";

/** Training sets and trained models, by the digest of their content. Outputs of steps refer to them. */
export const trainingBlobPlaces: BlobPlace[] = [
  { prefixes: ["training-sets/"], pattern: /^training-sets\/[0-9a-f]{64}\.columns$/ },
  { prefixes: ["trained-models/"], pattern: /^trained-models\/[0-9a-f]{64}\.onnx$/ },
];
