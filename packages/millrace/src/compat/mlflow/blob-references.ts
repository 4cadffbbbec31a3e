import type { BlobReferences } from "#domains/project";
import { artifactKey, digestOfKey } from "#domains/tracking";
import { sql, sqlIn } from "#kit/sql";

/** Files that no run has: those of logged models, and of places that an experiment was given. */
export const mlflowBlobs: BlobReferences = {
  async among(reader, keys) {
    const digests = keys.flatMap((key) => digestOfKey(key) ?? []);
    if (digests.length === 0) return [];
    const rows = await reader.all<{ digest: string }>(sql`select distinct digest from mlflow_file where digest in ${sqlIn(digests)}`);
    return rows.map(({ digest }) => artifactKey(digest));
  },
};
