import type { Clock } from "#kit/clock";
import type { Log } from "#kit/log";
import type { BlobStore } from "#ports/blob-store";
import type { Warehouse } from "#ports/warehouse";
import type { TableState } from "./table-state.ts";

/** What the lake works with. */
export interface LakeContext {
  blobs: BlobStore;
  warehouse: Warehouse;
  clock: Clock;
  log: Log;
  /** A local folder for files being written; best on the same file system as local blobs, which are then moved in by a rename. */
  scratchFolder: string;
  /** The newest state known of each table, with the etag of its last log file. */
  newest: Map<string, { state: TableState; etag: string }>;
  /** Set by the first use of the scratch folder. */
  scratchReady?: Promise<void>;
}
