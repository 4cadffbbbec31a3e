import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { type LineageServices, type TrainingSetRecord, trainingSetRecordSchema } from "./model.ts";
import { columnName, edge, recordFact, versioned } from "./record.ts";
import { findOwner, nodeId, type NewEdge, type NewNode } from "./store.ts";

/**
 * Records a training set: the table versions, features and columns in it, with the versions its feature views have now.
 * Throws `not_found` for a feature view that is not on record.
 */
export async function recordTrainingSet({ state, clock }: LineageServices, record: TrainingSetRecord): Promise<void> {
  const { id, tables, features, columns } = parseArgument(trainingSetRecordSchema, "training set record", record);
  await state.write(async (transaction) => {
    const nodes: NewNode[] = [{ kind: "training-set", name: id, facts: { features: features.length, columns: columns.length } }];
    const edges: NewEdge[] = [];
    const add = (kind: NewNode["kind"], name: string) => {
      nodes.push({ kind, name });
      edges.push(edge([kind, name], ["training-set", id]));
    };
    for (const { table, version } of tables) add("table-version", versioned(table, version));
    for (const table of new Set(tables.map((input) => input.table))) add("table", table);
    for (const view of new Set(features.map((feature) => feature.view))) {
      const owner = await findOwner(transaction, nodeId("feature-view", view));
      if (owner === undefined)
        throw new AppError("not_found", `Feature view "${view}" of the training set is not on record.`, { hint: "Record the view before its use." });
      add("feature-view", view);
      add("feature-view-version", versioned(view, owner.version));
    }
    for (const { view, feature } of features) add("feature", columnName(view, feature));
    for (const { table, column } of columns) add("column", columnName(table, column));
    await recordFact(transaction, { owner: nodeId("training-set", id), nodes, edges }, clock.now());
  });
}
