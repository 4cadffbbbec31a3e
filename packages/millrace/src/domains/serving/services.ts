import type { Lake } from "#domains/lake";
import type { Clock } from "#kit/clock";
import type { Log } from "#kit/log";
import type { BlobStore } from "#ports/blob-store";
import type { Database } from "#ports/database";
import type { ModelAdapter } from "#ports/model-adapter";
import type { Stream } from "#ports/stream";
import type { TensorRuntime } from "#ports/tensor-runtime";
import type { ColumnType, Warehouse } from "#ports/warehouse";
import type { ModelSource } from "./model-source.ts";

/** The present rows of a SQL model. */
export interface ModelRows {
  /** SQL for a FROM clause; its meaning does not change. */
  relation: string;
  columns: ColumnType[];
}

/** What serving works with. */
export interface ServingServices {
  state: Database;
  blobs: BlobStore;
  stream: Stream;
  lake: Lake;
  warehouse: Warehouse;
  clock: Clock;
  log: Log;
  models: ModelSource;
  /** Engines that run model files; the first that accepts a file loads it. */
  adapters: ModelAdapter[];
  /** The engine for models that were made outside Millrace. */
  tensorRuntime?: TensorRuntime;
  /** Told what answers at an endpoint whose model was made outside Millrace, for its lineage. */
  noteServing?(endpoint: string, models: { model: string; version: number }[]): Promise<void>;
  /** The newest build of a SQL model. Throws `not_found`. */
  modelRows(model: string): Promise<ModelRows>;
}
