import type { BlobPlace, BlobReferences } from "#domains/project";
import { sql, sqlIn } from "#kit/sql";
import { artifactKey } from "./artifact-path.ts";

/** Where artifacts lie: 256 parts, by the first two digits of the digest. */
export const artifactPlace: BlobPlace = {
  prefixes: Array.from({ length: 256 }, (_, part) => artifactKey(part.toString(16).padStart(2, "0").padEnd(64, "0")).slice(0, -64)),
  pattern: /^artifacts\/sha256\/[0-9a-f]{2}\/[0-9a-f]{64}$/,
};

/** The digest that an artifact's key ends with; undefined for other keys. */
export function digestOfKey(key: string): string | undefined {
  return artifactPlace.pattern.test(key) ? key.slice(-64) : undefined;
}

/** Runs refer to their artifacts, and to the changes that their code had. */
export const trackingBlobs: BlobReferences[] = [
  {
    async among(reader, keys) {
      const digests = keys.flatMap((key) => digestOfKey(key) ?? []);
      if (digests.length === 0) return [];
      const rows = await reader.all<{ digest: string }>(sql`select distinct digest from tracking_artifact where digest in ${sqlIn(digests)}`);
      return rows.map(({ digest }) => artifactKey(digest));
    },
  },
  {
    prefixes: artifactPlace.prefixes,
    async all(reader) {
      const rows = await reader.all<{ source: string }>(sql`select source from tracking_run_context where source like '%"diff":"%'`);
      const diffs = rows.map(({ source }) => (JSON.parse(source) as { diff?: string }).diff ?? ""); // written by this domain
      return new Set(diffs.filter((diff) => /^[0-9a-f]{64}$/.test(diff)).map(artifactKey));
    },
  },
];
