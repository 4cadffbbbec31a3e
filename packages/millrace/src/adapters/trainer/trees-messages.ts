/** What the caller's thread and the training threads say to each other. */
import type { ErrorCode } from "#kit/error-codes";
import type { WasmMemory, WasmModule } from "#kit/webassembly";
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
  memory: WasmMemory;
  kernels: WasmModule;
  thread: number;
}

export type Request =
  | { kind: "find bins"; sample: Float32Array; most: number }
  | { kind: "find categories"; sample: Int32Array; levels: number; most: number }
  | { kind: "setup"; setup: Setup }
  /** Cuts staged rows: row-major blocks of columns at `slot`, to be written to the records from `firstRow` on. */
  | { kind: "cut"; slot: number; firstRow: number; rows: number }
  | { kind: "help" }
  | { kind: "train"; seed: number; base: number; largestWeight: number; validWeight: number; columns: OnnxColumn[] };

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
  | { kind: "progress"; iteration: number; loss: number | undefined }
  | { kind: "trained"; trained: Trained }
  | { kind: "failed"; code: ErrorCode; message: string; stack: string | undefined };
