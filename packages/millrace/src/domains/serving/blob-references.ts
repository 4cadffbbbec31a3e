import type { BlobPlace, BlobReferences } from "#domains/project";
import { sql } from "#kit/sql";

/** Checkpoints of the endpoints' features. */
export const checkpointPlace: BlobPlace = {
  prefixes: ["checkpoints/serving/"],
  pattern: /^checkpoints\/serving\/[^/]+\/[0-9A-Z]{26}$/,
};

/** Each endpoint refers to its newest checkpoint. */
export const servingBlobs: BlobReferences = {
  prefixes: checkpointPlace.prefixes,
  async all(reader) {
    const rows = await reader.all<{ checkpoint: string }>(sql`select checkpoint from serving_endpoint where checkpoint is not null`);
    return new Set(rows.map(({ checkpoint }) => (JSON.parse(checkpoint) as { blob: string }).blob)); // written by this domain
  },
};
