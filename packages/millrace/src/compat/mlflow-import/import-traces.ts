import { type AdoptedTrace, adoptedTrace, adoptTrace } from "#compat/mlflow";
import { digestOf } from "#kit/hash";
import { AppError } from "#kit/app-error";
import { type ImportContext, newItem } from "./import-context.ts";
import { type Item, itemsOf, saveItems } from "./ledger.ts";
import { conflict, orProblem } from "./report.ts";

/** Takes the traces of an experiment over with their spans and assessments, and looks that all of them came. */
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
      page.map(({ id }) => id),
    );
    const done: (Item | undefined)[] = [];
    for (const trace of page) done.push(await orProblem(report, "traces", trace.id, () => importOne(context, trace, items.get(trace.id))));
    if (!context.dryRun)
      await saveItems(
        state,
        source.origin,
        done.filter((item) => item !== undefined),
      );
    context.progress(`${report.kinds.traces.found} traces`);
  }
}

async function importOne(context: ImportContext, trace: AdoptedTrace, item: Item | undefined): Promise<Item | undefined> {
  const { here, report, source, dryRun, recheck } = context;
  const counts = report.kinds.traces;
  const stamp = digestOf(trace);
  if (item?.stamp === stamp && item.digest !== null && !recheck) {
    counts.unchanged++;
    return undefined;
  }
  if (trace.spans.length === 0)
    throw new AppError("invalid_argument", "Its spans are not in the database: MLflow before 3.4, and archives, keep them in files.", {
      hint: "It stays where it is.",
    });
  const standing = await adoptedTrace(here.tracking, trace.id);
  if (standing !== undefined && item === undefined && !isTaken(standing, trace))
    throw conflict(`Trace ${trace.id} stands here with other content.`, "Delete one of the two, and run the import again.");
  counts[standing === undefined ? "new" : "updated"]++;
  if (dryRun) return undefined;
  if (item === undefined) await saveItems(here.tracking.state, source.origin, [newItem(context, "trace", trace.id, stamp, null)]);
  await adoptTrace(here.tracking, trace);
  const taken = await adoptedTrace(here.tracking, trace.id);
  if (taken === undefined || !isTaken(taken, trace))
    throw new AppError("corrupt_data", "What was read back is not what was read from the source.", { hint: "Run the import again." });
  report.verified.traces = (report.verified.traces ?? 0) + 1;
  return newItem(context, "trace", trace.id, stamp, stamp);
}

/** Whether all of a trace is here: its spans by their number, its times, tags, metadata and assessments. */
function isTaken({ trace: here, spans }: NonNullable<Awaited<ReturnType<typeof adoptedTrace>>>, there: AdoptedTrace): boolean {
  const tags = Object.entries(there.tags).filter(([key]) => !/^mlflow\.(traceName|artifactLocation|trace\.spansLocation)$/.test(key));
  const metadata = Object.entries(there.metadata).filter(([key]) => !/^mlflow\.(trace\.session|trace\.user|sourceRun)$/.test(key));
  return (
    spans.length === there.spans.length &&
    here.experiment === there.experiment &&
    here.startedMs === there.startedMs &&
    tags.every(([key, value]) => here.tags[key] === value) &&
    metadata.every(([key, value]) => here.metadata[key] === value) &&
    there.assessments.every(({ id }) => here.assessments.some((each) => each.id === id))
  );
}
