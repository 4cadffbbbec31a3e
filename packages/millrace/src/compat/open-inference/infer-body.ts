import type { RawAnswer } from "#kit/route";

/** What an inference answer says beside its raw tensors. */
export interface InferHead {
  model: string;
  version: number;
  /** As the caller gave it. */
  id: string | undefined;
  /** As JSON; those that are raw say their size in bytes. */
  outputs: object[];
}

/** An inference answer as it is sent: JSON, and behind it the tensors that are wanted raw, in the order of the outputs. */
export function inferBody({ model, version, id, outputs }: InferHead, raw: Uint8Array[]): RawAnswer {
  const json = JSON.stringify({ model_name: model, model_version: String(version), ...(id !== undefined && { id }), outputs });
  if (raw.length === 0) return { contentType: "application/json", body: json };
  const head = Buffer.from(json);
  return {
    contentType: "application/octet-stream",
    headers: { "inference-header-content-length": String(head.length) },
    body: Buffer.concat([head, ...raw]),
  };
}
