import { parseArgument } from "#kit/parse-argument";
import { type LineageServices, type TableRecord, tableRecordSchema } from "./model.ts";
import { columnName, edge, recordDefinition, recordFact, versioned } from "./record.ts";
import { nodeId, type NewEdge, type NewNode } from "./store.ts";

/**
 * Records a table version: what made it, the exact versions it was made from, and where each column comes from. The columns'
 * origins stand from this version on until another version states others. Recording a version again changes nothing.
 */
export async function recordTable({ state, clock }: LineageServices, record: TableRecord): Promise<void> {
  const { table, version, producer, columns, inputs } = parseArgument(tableRecordSchema, "table record", record);
  const nowMs = clock.now();
  const facts = { version, producer: `${producer.kind}:${producer.name}` };

  const read = [...new Set(inputs.map((input) => input.table))];
  const nodes: NewNode[] = [{ kind: "table", name: table, facts: { producer: facts.producer } }];
  const edges: NewEdge[] = [];
  for (const name of read) nodes.push({ kind: "table", name });
  if (producer.kind === "run") {
    for (const name of read) edges.push(edge(["table", name], ["table", table]));
  } else {
    const maker = producer.kind === "model" ? "sql-model" : "source";
    nodes.push({ kind: maker, name: producer.name });
    for (const name of read) edges.push(edge(["table", name], [maker, producer.name]));
    edges.push(edge([maker, producer.name], ["table", table]));
  }
  for (const column of columns) {
    nodes.push({ kind: "column", name: columnName(table, column.name), facts: { table, column: column.name, type: column.type } });
    for (const from of column.from) {
      nodes.push({ kind: "column", name: columnName(from.table, from.column) });
      edges.push(edge(["column", columnName(from.table, from.column)], ["column", columnName(table, column.name)], from.kind));
    }
  }

  const versionNode: NewNode = { kind: "table-version", name: versioned(table, version), facts: { table, ...facts } };
  const versionNodes: NewNode[] = [versionNode];
  const versionEdges: NewEdge[] = [];
  for (const input of inputs) {
    const name = versioned(input.table, input.version);
    versionNodes.push({ kind: "table-version", name });
    versionEdges.push(edge(["table-version", name], ["table-version", versionNode.name]));
  }
  if (producer.kind === "run") {
    versionNodes.push({ kind: "run", name: producer.name });
    versionEdges.push(edge(["run", producer.name], ["table-version", versionNode.name]));
  }

  await state.write(async (transaction) => {
    await recordFact(transaction, { owner: nodeId("table-version", versionNode.name), nodes: versionNodes, edges: versionEdges }, nowMs);
    await recordDefinition(transaction, { owner: nodeId("table", table), nodes, edges }, nowMs, version);
  });
}
