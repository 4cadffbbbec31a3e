/** What the caller's thread and the training threads say to each other. */
import type { MessagePort } from "node:worker_threads";
import type { ErrorCode } from "#kit/error-codes";
import type { WasmModule } from "#kit/webassembly";
import type { ColumnBins } from "./trees-bins.ts";
import type { Layout } from "./trees-layout.ts";
import type { OnnxColumn } from "./trees-onnx.ts";
import type { TreesParams } from "./trees-params.ts";

/** Everything a thread needs to know of the training, once the bins are found. */
export interface Setup {
  layout: Layout;
  params: TreesParams;
  columns: ColumnBins[];
  monotone: Int8Array;
  kernels: WasmModule;
  thread: number;
  /** Starting score of every row. */
  base: number;
  /**
   * Thread 0 makes the memory and passes it on by these; the others get it from theirs. The caller's thread never holds it, so it is given
   * back to the system as soon as the threads end, not when the caller's garbage is collected.
   */
  ports: MessagePort[];
}

export type Request =
  | { kind: "find bins"; sample: Float32Array; most: number }
  | { kind: "find categories"; sample: Int32Array; levels: number; most: number }
  | { kind: "setup"; setup: Setup }
  /** Cuts a piece of the table into bins, as records from `firstRow` on. The buffer comes back with the answer. */
  | { kind: "cut"; piece: ArrayBuffer; firstRow: number; rows: number }
  | { kind: "help" }
  | { kind: "train"; seed: number; largestWeight: number; validWeight: number; columns: OnnxColumn[] };

export interface Trained {
  onnx: Uint8Array;
  losses: number[];
  bestIteration: number;
  /** Total gain by column. */
  gains: number[];
}

export type Answer =
  | { kind: "bins"; bins: ColumnBins }
  | { kind: "done" }
  | { kind: "cut"; piece: ArrayBuffer }
  | { kind: "progress"; iteration: number; loss: number | undefined }
  | { kind: "trained"; trained: Trained }
  | { kind: "failed"; code: ErrorCode; message: string; stack: string | undefined };
