import { collectBytes } from "#kit/collect-bytes";
import { type ModelSignature, signatureSchema } from "#domains/tracking";
import type { StoredFile } from "./artifact-tree.ts";

const largestBytes = 1_000_000;

/**
 * The signature in an MLmodel file: JSON within YAML, in the one form that MLflow writes it, `signature:` and below it `inputs:` and
 * `outputs:` as texts in single quotes, folded at spaces. Anything else is no signature: it only describes.
 */
export async function readSignature(file: StoredFile | undefined): Promise<ModelSignature> {
  const none = { inputs: [], outputs: [] };
  if (file === undefined || file.sizeBytes > largestBytes) return none;
  const text = (await collectBytes(await file.bytes())).toString("utf8");
  const block = /^signature:\n((?:[ \t].*\n?|\n)+)/m.exec(text.replaceAll("\r\n", "\n"))?.[1] ?? "";
  const parsed = signatureSchema.safeParse({ inputs: columnsIn(block, "inputs"), outputs: columnsIn(block, "outputs") });
  return parsed.success ? parsed.data : none;
}

function columnsIn(block: string, field: string): unknown[] {
  const quoted = new RegExp(`^\\s+${field}: '((?:[^']|'')*)'`, "m").exec(block)?.[1];
  if (quoted === undefined) return [];
  try {
    const columns: unknown = JSON.parse(quoted.replaceAll(/\n\s+/g, " ").replaceAll("''", "'"));
    return Array.isArray(columns) ? columns.map((column: object, i) => ({ name: String(i), ...column })) : [];
  } catch {
    return [];
  }
}
