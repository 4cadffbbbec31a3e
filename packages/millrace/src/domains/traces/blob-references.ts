import type { BlobPlace, BlobReferences } from "#domains/project";
import { sql, sqlIn } from "#kit/sql";

/** Spans that are too many for the state, by their trace and the digest of their bytes. */
export const tracePlace: BlobPlace = { prefixes: ["traces/"], pattern: /^traces\/[^/]+\/[0-9a-f]{64}$/ };

/** Batches of spans refer to their bytes. */
export const traceBlobs: BlobReferences = {
  async among(reader, keys) {
    const traces = new Set(keys.filter((key) => tracePlace.pattern.test(key)).map((key) => key.split("/")[1]!)); // as the pattern has it
    if (traces.size === 0) return [];
    const rows = await reader.all<{ blob: string }>(sql`select blob from traces_batch where blob is not null and trace in ${sqlIn([...traces])}`);
    return rows.map(({ blob }) => blob);
  },
};
