/** Runs stored models of any inputs and outputs. The work is done on another thread than the caller's. */

export type TensorType = "float32" | "float64" | "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64" | "bool" | "string";

export interface Tensor {
  type: TensorType;
  /** Row-major. */
  shape: number[];
  /** `bool` as 0 and 1. */
  data: TensorData;
}

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | string[];

export interface TensorPlace {
  name: string;
  type: TensorType;
  /** Null where any size will do. */
  shape: (number | null)[];
}

/** A model file, and the files with values that it names, by their paths. */
export interface ModelFiles {
  main: string;
  files: ReadonlyMap<string, Uint8Array>;
}

export interface TensorModel {
  readonly engine: string;
  readonly inputs: readonly TensorPlace[];
  readonly outputs: readonly TensorPlace[];
  /** All outputs by name. Throws `invalid_argument` for inputs that the model does not take. */
  run(inputs: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  /** Lets go of it; what is under way fails. */
  close(): Promise<void>;
}

export interface TensorRuntime {
  readonly name: string;
  /**
   * Throws `corrupt_data` for a damaged file, `unsupported` for what the engine does not run or must not (code of others, files
   * elsewhere), `missing_dependency` when the engine is not installed.
   */
  load(model: ModelFiles): Promise<TensorModel>;
}
