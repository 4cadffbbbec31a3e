import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "#kit/app-error";
import { collectBytes } from "#kit/collect-bytes";
import type { Warehouse } from "#ports/warehouse";
import { artifactKey } from "./artifact-path.ts";
import type { Artifact, TrackingServices } from "./model.ts";
import type { Preview } from "./preview.ts";
import { previewBinary, previewNpy, previewOnnx } from "./preview-binary.ts";
import { previewImage } from "./preview-image.ts";
import { previewModel } from "./preview-model.ts";
import { previewParquet } from "./preview-parquet.ts";
import { previewCsv } from "./preview-table.ts";
import { getArtifact } from "./read-artifact.ts";

/** All that is read of a file, but for Parquet. */
const headBytes = 256 << 10;
const textLength = 64 << 10;

export interface PreviewServices {
  tracking: TrackingServices;
  /** Reads Parquet files. */
  warehouse: Pick<Warehouse, "rows" | "describe">;
  scratchFolder?: string;
}

/**
 * What a file of a run looks like: told by its content, not by its name, and read from its beginning only, however large it is.
 * Throws `not_found`, `invalid_argument` for a folder, `corrupt_data` for a damaged Parquet file.
 */
export async function previewArtifact(
  { tracking, warehouse, scratchFolder = join(tmpdir(), "millrace-previews") }: PreviewServices,
  { run, path, rows = 50 }: { run: string; path: string; rows?: number },
): Promise<{ artifact: Artifact; preview: Preview }> {
  const artifact = await getArtifact(tracking, { run, path });
  const { content, sizeBytes } = artifact;
  if (content === undefined) throw new AppError("invalid_argument", `"${path}" is a folder.`, { hint: "Name a file in it." });
  if (sizeBytes === 0) return { artifact, preview: { kind: "empty" } };
  const { blobs } = tracking;
  const head = await collectBytes(await blobs.get(artifactKey(content), { first: 0, last: Math.min(headBytes, sizeBytes) - 1 }));
  if (head.subarray(0, 4).toString("latin1") === "PAR1" && sizeBytes >= 12)
    return { artifact, preview: await previewParquet({ blobs, warehouse, scratchFolder }, { key: artifactKey(content), sizeBytes, rows }) };
  return { artifact, preview: previewHead(head, { name: path.split("/").at(-1)!, sizeBytes, rows }) }; // split gives at least one part
}

/** The preview that a file's first bytes allow. */
export function previewHead(head: Buffer, { name, sizeBytes, rows }: { name: string; sizeBytes: number; rows: number }): Preview {
  const image = previewImage(head) ?? previewNpy(head);
  if (image !== undefined) return image;
  const text = textOf(head);
  if (text === undefined) return (/\.onnx$/i.test(name) ? previewOnnx(head) : undefined) ?? previewBinary(head);
  const truncated = head.length < sizeBytes;
  const model = name === "MLmodel" && !truncated ? previewModel(text) : undefined;
  if (model !== undefined) return model;
  const format = formatOf(text, name, truncated);
  if (format === "text") {
    const table = previewCsv(text, { rows, truncated });
    if (table !== undefined) return table;
  }
  return { kind: "text", format, text: text.slice(0, textLength), truncated: truncated || text.length > textLength };
}

/** The bytes as text, where they are UTF-8 (or UTF-16 that says so) without control characters; the last character may be cut off. */
function textOf(head: Buffer): string | undefined {
  const wide = head[0] === 0xff && head[1] === 0xfe ? "utf-16le" : head[0] === 0xfe && head[1] === 0xff ? "utf-16be" : "utf-8";
  try {
    const text = new TextDecoder(wide, { fatal: true }).decode(head, { stream: true });
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
    return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function formatOf(text: string, name: string, truncated: boolean): "json" | "yaml" | "markup" | "text" {
  const start = text.trimStart();
  if (/^[[{"]/.test(start) && (truncated ? /\.(json|jsonl|ndjson)$/i.test(name) : isJson(text))) return "json";
  if (/^<(!doctype|[?a-z])/i.test(start)) return "markup";
  return /\.ya?ml$/i.test(name) || name === "MLmodel" ? "yaml" : "text";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
