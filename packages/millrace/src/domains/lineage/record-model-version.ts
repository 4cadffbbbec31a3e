import { parseArgument } from "#kit/parse-argument";
import { type LineageServices, type ModelVersionRecord, modelVersionRecordSchema } from "./model.ts";
import { edge, recordFact, versioned } from "./record.ts";
import { nodeId, type NewEdge, type NewNode } from "./store.ts";

/** Records a model version, the run that made it, and what that run learned from. */
export async function recordModelVersion({ state, clock }: LineageServices, record: ModelVersionRecord): Promise<void> {
  const { model, version, runId, inputs } = parseArgument(modelVersionRecordSchema, "model version record", record);
  const name = versioned(model, version);
  const nodes: NewNode[] = [
    { kind: "model-version", name, facts: { model, version, runId } },
    { kind: "run", name: runId },
  ];
  const edges: NewEdge[] = [edge(["run", runId], ["model-version", name])];
  const add = (kind: NewNode["kind"], input: string) => {
    nodes.push({ kind, name: input });
    edges.push(edge([kind, input], ["run", runId]));
  };
  for (const input of inputs) {
    if ("trainingSet" in input) add("training-set", input.trainingSet);
    else {
      add("table-version", versioned(input.table, input.version));
      add("table", input.table);
    }
  }
  await state.write((transaction) => recordFact(transaction, { owner: nodeId("model-version", name), nodes, edges }, clock.now()));
}
