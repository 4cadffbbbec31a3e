import { parseArgument } from "#kit/parse-argument";
import { type EndpointRecord, endpointRecordSchema, type LineageServices } from "./model.ts";
import { edge, recordDefinition, versioned } from "./record.ts";
import { nodeId, type NewEdge, type NewNode } from "./store.ts";

/** Records what answers at an endpoint from now on. Each change gets the next number; returns the one that holds it. */
export async function recordEndpoint({ state, clock }: LineageServices, record: EndpointRecord): Promise<{ version: number }> {
  const { endpoint, models, views } = parseArgument(endpointRecordSchema, "endpoint record", record);
  const nodes: NewNode[] = [{ kind: "endpoint", name: endpoint, facts: { serving: models.map((m) => versioned(m.model, m.version)).join(" ") } }];
  const edges: NewEdge[] = [];
  const add = (kind: NewNode["kind"], name: string) => {
    nodes.push({ kind, name });
    edges.push(edge([kind, name], ["endpoint", endpoint]));
  };
  for (const { model, version } of models) add("model-version", versioned(model, version));
  for (const view of views) add("feature-view", view);
  const owner = nodeId("endpoint", endpoint);
  return state.write(async (transaction) => ({ version: await recordDefinition(transaction, { owner, nodes, edges }, clock.now()) }));
}
