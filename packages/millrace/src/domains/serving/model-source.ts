import type { Signature } from "#domains/training";

/** A registered version, as serving needs it. */
export interface ResolvedModel {
  name: string;
  version: number;
  /** What names the version's content for good; compared, never computed here. */
  digest: string;
  /** Key of the model file in the blob store. Where the key holds the file's SHA-256, the bytes are checked against it. */
  blob: string;
  signature: Signature;
  /** The run that made it. */
  runId?: string;
}

/** A registered version of any inputs and outputs, as a program outside Millrace made it. */
export interface TensorVersion {
  name: string;
  version: number;
  /** What names the version's content for good. */
  digest: string;
  /** The model's own file among the others, by path → key in the blob store. */
  main: string;
  files: ReadonlyMap<string, string>;
  /** How it wants to be asked, where it says so. */
  signature: CallSignature | undefined;
}

export type CallSignature = { kind: "columns"; columns: CallColumn[] } | { kind: "tensors"; tensors: CallTensor[] };

export interface CallColumn {
  /** None where columns are told by their order. */
  name: string | undefined;
  type: "boolean" | "integer" | "number" | "text";
  required: boolean;
}

export interface CallTensor {
  /** None for the only one. */
  name: string | undefined;
  type: string;
  /** Null where any size will do. */
  shape: (number | null)[];
}

/** Where versions come from: the registry, seen through one verb. */
export interface ModelSource {
  /** As `resolve`, for a version that was made elsewhere; undefined for one of Millrace's own. Throws `unsupported` where it cannot be run here. */
  tensors?(reference: string): Promise<TensorVersion | undefined>;
  /** The version behind `<model>@<alias>` or `<model>@<number>`. Throws `not_found`. */
  resolve(reference: string): Promise<ResolvedModel>;
}
