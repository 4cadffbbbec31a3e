import { AppError } from "#kit/app-error";
import type { ArtifactFolder } from "./source.ts";

/** MLflow keeps the spans of a trace in this file, where no table has them. */
const spanFile = "traces.json";

/** The spans in a trace's file, each as it stands there; none where there is no such file. Throws `corrupt_data`. */
export async function spansAmong(folder: ArtifactFolder, trace: string): Promise<string[]> {
  for await (const file of folder.list()) {
    if (file.path !== spanFile) continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of file.bytes()) chunks.push(chunk);
    return spansIn(Buffer.concat(chunks).toString("utf8"), trace);
  }
  return [];
}

/** The spans in the text of such a file. Numbers keep all their digits. */
export function spansIn(text: string, trace: string): string[] {
  try {
    const { spans } = JSON.parse(text, exact) as { spans?: unknown }; // looked at in the next line
    if (Array.isArray(spans)) return spans.map((span) => JSON.stringify(span));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new AppError("corrupt_data", `The file of the spans of trace ${trace} is not as MLflow writes it.`, {
    hint: "Restore it, or delete the trace in the source.",
  });
}

/** Numbers as they are written. (Types for the third argument and for `JSON.rawJSON`, which V8 has, come later.) */
function exact(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || context?.source === undefined || !/^-?\d/.test(context.source)) return value;
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(context.source);
}
