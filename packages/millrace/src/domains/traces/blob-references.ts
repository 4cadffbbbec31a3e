import type { BlobPlace, BlobReferences } from "#domains/project";
import type { Reader } from "#ports/database";
import { blobKeys } from "./store.ts";

/** Spans that are too many for the state, by their trace and the digest of their bytes. */
export const tracePlace: BlobPlace = { prefixes: ["traces/"], pattern: /^traces\/[^/]+\/[0-9a-f]{64}$/ };

/** Batches of spans refer to their bytes. */
export const traceBlobs = {
  async among(reader: Reader, keys: string[]): Promise<string[]> {
    const traces = new Set(keys.filter((key) => tracePlace.pattern.test(key)).map((key) => key.split("/")[1]!)); // as the pattern has it
    if (traces.size === 0) return [];
    return blobKeys(reader, [...traces]);
  },
} satisfies BlobReferences;
