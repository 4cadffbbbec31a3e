import type { Lake } from "#domains/lake";
import { modelSchema, type BuildRecord, type BuildStore } from "./model.ts";
import type { LineageFacts } from "./build-session.ts";

/** The lake's name for builds among those that write exactly once. */
export const transactionApp = "transform";

/**
 * What stands of a model. A build that was killed between its commit to the lake and its record is finished here, so that its rows
 * are neither lost nor written twice.
 */
export async function standingRecord(
  services: { lake: Lake; buildStore: BuildStore; onLineage: (facts: LineageFacts) => Promise<void> | void },
  model: string,
): Promise<BuildRecord | undefined> {
  const { finished, pending } = await services.buildStore.get(model);
  if (pending === undefined || pending.sequence <= (finished?.sequence ?? 0)) return finished;
  const table = `${modelSchema}.${model}`;
  if (!(await services.lake.exists(table))) return finished;
  const snapshot = await services.lake.snapshot(table);
  if (snapshot.transactions[transactionApp] !== pending.sequence) return finished;
  const record: BuildRecord = { ...pending, version: snapshot.version };
  await services.onLineage(lineageFacts(record));
  await services.buildStore.putFinished(record);
  return record;
}

export function lineageFacts(record: BuildRecord): LineageFacts {
  const { model, version, columns, inputs, unresolved } = record;
  return { table: `${modelSchema}.${model}`, model, version, columns, inputs, unresolved };
}
