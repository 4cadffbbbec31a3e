import { adoptLoggedModel } from "#compat/mlflow";
import { loggedModelHere } from "./here.ts";
import { decide, type ImportContext, mayReplace, newItem } from "./import-context.ts";
import { type Item, itemsOf, saveItems } from "./ledger.ts";
import { type LoggedModelRecord, recordDigest, type SourceLoggedModel } from "./records.ts";
import { conflict, orProblem } from "./report.ts";

/** Takes models over that runs left, with the points that were measured of them. Gives those that are here now. */
export async function* importLoggedModels(context: ImportContext, experiment: string): AsyncGenerator<SourceLoggedModel[]> {
  const { here, source, report, signal } = context;
  const { state } = here.tracking;
  for await (const page of source.loggedModels(experiment)) {
    signal.throwIfAborted();
    report.kinds["logged models"].found += page.length;
    const ids = page.map(({ record }) => record.id);
    const items = await itemsOf(state, source.origin, "logged model", ids);
    const done = await Promise.all(
      page.map(({ record }) => orProblem(report, "logged models", record.id, () => importOne(context, record, items.get(record.id)))),
    );
    if (!context.dryRun)
      await saveItems(
        state,
        source.origin,
        done.filter((item) => item !== undefined && item !== "known"),
      );
    yield page.filter((_, i) => done[i] !== undefined);
  }
}

async function importOne(context: ImportContext, record: LoggedModelRecord, item: Item | undefined): Promise<Item | "known"> {
  const { here, source, report, dryRun } = context;
  const counts = report.kinds["logged models"];
  const digest = recordDigest(record);
  const standing = await loggedModelHere(here, record.id);
  const decision = decide(context, item, digest, standing !== undefined);
  const next = newItem(context, "logged model", record.id, digest, digest);
  if (decision === "same" || (standing !== undefined && recordDigest(standing) === digest)) {
    counts.unchanged++;
    return decision === "same" ? "known" : next;
  }
  if (decision === "compare" && !mayReplace(item, recordDigest(standing!)))
    // there is one to compare with
    throw conflict(
      `Logged model ${record.id} stands here with other content.`,
      "Delete one of the two, or import the source into a project of its own.",
    );
  counts[standing === undefined ? "new" : "updated"]++;
  if (dryRun) return "known";
  const { points, deleted, sourceRun, ...fields } = record;
  if (item === undefined) await saveItems(here.tracking.state, source.origin, [newItem(context, "logged model", record.id, digest, null)]);
  await here.tracking.state.write((transaction) =>
    adoptLoggedModel(
      transaction,
      { ...fields, sourceRun: sourceRun || undefined, deletedMs: deleted ? record.updatedMs : undefined },
      points.map((point) => ({
        ...{ model: record.id, run: point.run, metric: point.metric, step: point.step, time_ms: point.timeMs, value: point.value },
        ...{ dataset_name: point.dataset, dataset_digest: point.datasetDigest },
      })),
    ),
  );
  return next;
}
