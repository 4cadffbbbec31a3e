import { adoptedTrace, adoptTrace, holdsTrace, traceDigest, traceFolder } from "#compat/mlflow";
import { AppError } from "#kit/app-error";
import { digestOf } from "#kit/hash";
import { type ImportContext, newItem } from "./import-context.ts";
import { folderTarget, importFiles } from "./import-files.ts";
import { type Item, itemsOf, saveItems } from "./ledger.ts";
import { conflict, orProblem } from "./report.ts";
import type { SourceTrace } from "./source.ts";

/** Takes the traces of an experiment over with their spans, assessments and files, and looks that all of them came. */
export async function importTraces(context: ImportContext, experiment: string): Promise<void> {
  const { here, source, report, signal } = context;
  const { state } = here.tracking;
  for await (const page of source.traces(experiment)) {
    signal.throwIfAborted();
    report.kinds.traces.found += page.length;
    const items = await itemsOf(
      state,
      source.origin,
      "trace",
      page.map(({ record }) => record.id),
    );
    const done: (Item | undefined)[] = [];
    const standing: SourceTrace[] = [];
    for (const trace of page) {
      const { id } = trace.record;
      const taken = await orProblem(report, "traces", id, () => importOne(context, trace, items.get(id)));
      if (taken === undefined) continue;
      standing.push(trace);
      if (taken !== "unchanged" && taken !== "looked at") done.push(taken);
    }
    if (!context.dryRun)
      await saveItems(
        state,
        source.origin,
        done.filter((item) => item !== undefined),
      );
    for (const trace of standing) await importTraceFiles(context, trace);
    context.progress(`${report.kinds.traces.found} traces`);
  }
}

async function importOne(
  context: ImportContext,
  { record, location }: SourceTrace,
  item: Item | undefined,
): Promise<Item | "unchanged" | "looked at"> {
  const { here, report, source, dryRun, recheck } = context;
  const counts = report.kinds.traces;
  const stamp = digestOf(record);
  if (item?.stamp === stamp && item.digest !== null && !recheck) {
    counts.unchanged++;
    return "unchanged";
  }
  const why = record.spans.length > 0 || location === "" ? undefined : source.unreachable(location);
  if (why !== undefined) {
    throw new AppError("invalid_argument", `Its spans are among its files, and ${why}.`, {
      hint: "Make them readable from here, and run the import again.",
    });
  }
  const standing = await adoptedTrace(here.tracking, record.id);
  if (standing !== undefined && item === undefined && !holdsTrace(standing, record))
    throw conflict(`Trace ${record.id} stands here with other content.`, "Delete one of the two, and run the import again.");
  if (standing !== undefined && item?.stamp === stamp && item.digest === traceDigest(standing)) {
    counts.unchanged++;
    return "unchanged";
  }
  counts[standing === undefined ? "new" : "updated"]++;
  if (dryRun) return "looked at";
  if (item === undefined) await saveItems(here.tracking.state, source.origin, [newItem(context, "trace", record.id, stamp, null)]);
  await adoptTrace(here.tracking, record);
  const taken = await adoptedTrace(here.tracking, record.id);
  if (taken === undefined || !holdsTrace(taken, record))
    throw new AppError("corrupt_data", "What was read back is not what was read from the source.", { hint: "Run the import again." });
  return newItem(context, "trace", record.id, stamp, traceDigest(taken));
}

/** What is attached to it, and the file of its spans, which clients before 3.0 read. */
async function importTraceFiles(context: ImportContext, { record: { id, experiment }, location }: SourceTrace): Promise<void> {
  await orProblem(context.report, "files", `trace ${id}`, () =>
    importFiles(context, { kind: "trace", id, location }, async () => {
      const folder = await traceFolder(context.here.tracking, experiment, id);
      return folder === undefined ? undefined : folderTarget(context, folder);
    }),
  );
}
