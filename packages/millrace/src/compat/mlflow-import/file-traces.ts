import { join } from "node:path";
import { adoptedAssessment } from "#compat/mlflow";
import { localFolder } from "./local-files.ts";
import type { SourceTrace } from "./source.ts";
import { spansAmong } from "./span-file.ts";
import { foldersIn, keysIn, type Meta, metaNumber, metaText, readMap, readTexts, readTypedMap } from "./store-files.ts";

const tracesPerPage = 50;

/** Traces of an experiment, as file stores of 2.x and 3.x keep them: a folder each, with its spans in a file. */
export async function* fileTraces(experimentFolder: string, experiment: string): AsyncGenerator<SourceTrace[]> {
  let page: SourceTrace[] = [];
  for (const id of await foldersIn(join(experimentFolder, "traces"))) {
    const folder = join(experimentFolder, "traces", id);
    const meta = await readMap(join(folder, "trace_info.yaml"));
    if (meta === undefined) continue;
    page.push(await readTrace(folder, experiment, id, meta));
    if (page.length < tracesPerPage) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

async function readTrace(folder: string, experiment: string, id: string, meta: Meta): Promise<SourceTrace> {
  const location = join(folder, "artifacts"); // where the store is now, wherever it was
  const requested = metaText(meta, "request_time");
  const duration = metaNumber(meta, "execution_duration_ms") ?? metaNumber(meta, "execution_time_ms");
  const optional = (name: string) => metaText(meta, name) || undefined;
  return {
    location,
    record: {
      ...{ id, experiment, status: metaText(meta, "state") || metaText(meta, "status") },
      startedMs: requested === "" ? (metaNumber(meta, "timestamp_ms") ?? 0) : Date.parse(requested),
      durationMs: duration ?? undefined,
      ...{ request: optional("client_request_id"), inputs: optional("request_preview"), outputs: optional("response_preview") },
      tags: await readTexts(join(folder, "tags")),
      metadata: await readTexts(join(folder, "request_metadata")),
      assessments: await readAssessments(join(folder, "assessments")),
      spans: await spansAmong(
        localFolder(location, () => undefined),
        id,
      ),
    },
  };
}

async function readAssessments(folder: string) {
  const found = [];
  for (const name of await keysIn(folder)) {
    const meta = name.endsWith(".yaml") ? await readTypedMap(join(folder, name)) : undefined;
    if (meta !== undefined) found.push(adoptedAssessment(meta));
  }
  return found.sort((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
}
