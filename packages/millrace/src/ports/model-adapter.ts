/** Makes a stored model answer. Scoring is synchronous work on typed arrays: callers decide which thread does it. */

export interface LoadedModel {
  /** Columns of the one float32 input matrix. */
  readonly width: number;
  readonly engine: string;
  /** Scores `rows` rows of a row-major matrix [rows, width] into `out` (length ≥ rows): probability or value. NaN is missing. */
  score(features: Float32Array, rows: number, out: Float32Array): Promise<void>;
  /** As `score`, on the calling thread and without a promise; undefined where the engine cannot. */
  scoreSync?: (features: Float32Array, rows: number, out: Float32Array) => void;
  close(): Promise<void>;
}

export interface ModelAdapter {
  readonly name: string;
  /** Whether this adapter can run the file; never executes anything of it. */
  accepts(bytes: Uint8Array): boolean;
  /** Throws `corrupt_data` for a damaged file, `unsupported` for operators it does not know, `missing_dependency` when its engine is not installed. */
  load(bytes: Uint8Array): Promise<LoadedModel>;
}
