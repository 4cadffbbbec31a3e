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

/** Where versions come from: the registry, seen through one verb. */
export interface ModelSource {
  /** The version behind `<model>@<alias>` or `<model>@<number>`. Throws `not_found`. */
  resolve(reference: string): Promise<ResolvedModel>;
}
