import type { BlobReferences } from "#domains/project";
import { artifactKey } from "#domains/tracking";
import { sql } from "#kit/sql";

/** Versions refer to their files, whatever became of the run; to their profile, their evaluation, and what they were trained as and on. */
export const registryBlobs: BlobReferences = {
  prefixes: ["artifacts/", "training-sets/", "trained-models/"],
  async all(reader) {
    const rows = await reader.all<{ files: string; profile: string | null; gate: string | null; tags: string }>(
      sql`select files, profile, gate, tags from registry_version where deleted_ms is null`,
    );
    const keys = new Set<string>();
    for (const { files, profile, gate, tags } of rows) {
      // What names bytes is a digest or a key, wherever it stands.
      for (const text of [files, gate ?? "", tags]) {
        for (const [, digest, key] of text.matchAll(/"(?:([0-9a-f]{64})|((?:training-sets|trained-models)\/[^"\\]+))"/g))
          keys.add(key ?? artifactKey(digest!)); // one of both is there
      }
      if (profile !== null && /^[0-9a-f]{64}$/.test(profile)) keys.add(artifactKey(profile));
    }
    return keys;
  },
};
