import { mlflowBlobs } from "#compat/mlflow";
import { pipelineBlobs } from "#domains/pipelines";
import type { BlobPlace, BlobReferences } from "#domains/project";
import { registryBlobs } from "#domains/registry";
import { checkpointPlace, servingBlobs } from "#domains/serving";
import { artifactPlace, trackingBlobs } from "#domains/tracking";
import { traceBlobs, tracePlace } from "#domains/traces";
import { trainingBlobPlaces } from "#domains/training";

/** Blobs that several writers may share, because their keys name their content. */
const sharedPlaces: BlobPlace[] = [artifactPlace, ...trainingBlobPlaces, tracePlace];

/** Where blobs lie that are garbage once nothing refers to them. The lake's tables are apart: their logs say what belongs to them. */
export const blobPlaces: BlobPlace[] = [...sharedPlaces, checkpointPlace];

/** All that refers to such blobs. Whoever keeps a reference to a blob in the state says so here; a test looks for those that do not. */
export const blobReferences: BlobReferences[] = [
  ...trackingBlobs,
  mlflowBlobs,
  registryBlobs,
  pipelineBlobs(trainingBlobPlaces.flatMap(({ prefixes }) => prefixes)),
  servingBlobs,
  traceBlobs,
];

export function isSharedBlob(key: string): boolean {
  return sharedPlaces.some(({ pattern }) => pattern.test(key));
}
