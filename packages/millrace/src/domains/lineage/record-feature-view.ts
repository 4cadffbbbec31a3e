import { parseArgument } from "#kit/parse-argument";
import { type FeatureViewRecord, featureViewRecordSchema, type LineageServices } from "./model.ts";
import { columnName, edge, recordDefinition, recordFact, versioned } from "./record.ts";
import { nodeId, type NewEdge, type NewNode } from "./store.ts";

/** Records a feature view's definition. A changed definition gets the next version number; returns the one that holds it. */
export async function recordFeatureView({ state, clock }: LineageServices, record: FeatureViewRecord): Promise<{ version: number }> {
  const { view, entity, table, features } = parseArgument(featureViewRecordSchema, "feature view record", record);
  const nowMs = clock.now();
  const nodes: NewNode[] = [
    { kind: "feature-view", name: view, facts: { entity, table } },
    { kind: "table", name: table },
  ];
  const edges: NewEdge[] = [edge(["table", table], ["feature-view", view])];
  for (const feature of features) {
    const name = columnName(view, feature.name);
    nodes.push({ kind: "feature", name, facts: { view, feature: feature.name, type: feature.type } });
    for (const from of feature.from) {
      nodes.push({ kind: "column", name: columnName(from.table, from.column) });
      edges.push(edge(["column", columnName(from.table, from.column)], ["feature", name], from.kind));
    }
  }
  return state.write(async (transaction) => {
    const version = await recordDefinition(transaction, { owner: nodeId("feature-view", view), nodes, edges }, nowMs);
    const node: NewNode = { kind: "feature-view-version", name: versioned(view, version), facts: { view, version } };
    await recordFact(transaction, { owner: nodeId(node.kind, node.name), nodes: [node], edges: [] }, nowMs);
    return { version };
  });
}
