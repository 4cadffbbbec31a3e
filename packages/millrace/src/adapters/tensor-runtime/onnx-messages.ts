import type { ErrorCode } from "#kit/error-codes";
import type { Tensor, TensorPlace } from "#ports/tensor-runtime";

/** The first question of a thread; the path of a model file whose operators and other files were looked at. */
export type Question = { kind: "load"; path: string } | { kind: "run"; inputs: Record<string, Tensor> };

export type Answer =
  | { kind: "loaded"; inputs: TensorPlace[]; outputs: TensorPlace[] }
  | { kind: "ran"; outputs: Record<string, Tensor> }
  | { kind: "failed"; code: ErrorCode; message: string; hint: string | undefined };
