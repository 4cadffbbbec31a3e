import { addToRows } from "./lineage-expression.ts";
import { mergeFlows, type FlowColumn, type FlowScope, type LineageContext, type QueryFlow } from "./lineage-flow.ts";
import { expandStar } from "./lineage-star.ts";
import { isNode, node, nodes, text, texts, type TreeNode } from "./syntax-tree.ts";

/** PIVOT and UNPIVOT in a FROM clause. */
export function pivotFlow(pivot: TreeNode, scope: FlowScope, context: LineageContext): QueryFlow {
  const columns = expandStar({ class: "STAR" }, scope, context);
  const rows = new Set(scope.source.rows);
  const measures = texts(pivot["unpivot_names"]);
  return measures.length > 0 ? unpivot(pivot, columns, rows, measures) : widen(pivot, columns, rows, scope, context);
}

/** The named columns become rows: their values flow into the value column, and their names (constants) into the name column. */
function unpivot(pivot: TreeNode, columns: FlowColumn[], rows: Set<string>, measures: string[]): QueryFlow {
  const turned = new Set<string>();
  const names: string[] = [];
  for (const part of nodes(pivot["pivots"])) {
    names.push(...texts(part["unpivot_names"]));
    for (const entry of nodes(part["entries"])) for (const value of nodes(entry["values"])) turned.add(text(value["value"]).toLowerCase());
  }
  const flow = mergeFlows(columns.filter((column) => turned.has(column.name.toLowerCase())).map((column) => column.flow));
  const kept = columns.filter((column) => !turned.has(column.name.toLowerCase()));
  const made = [...names.map((name): FlowColumn => ({ name, flow: mergeFlows([]) })), ...measures.map((name): FlowColumn => ({ name, flow }))];
  return { columns: [...kept, ...made], rows };
}

/** Values become columns: each new one holds the aggregates; its name depends on the data or is made by the engine, so any other name is one of them. */
function widen(pivot: TreeNode, columns: FlowColumn[], rows: Set<string>, scope: FlowScope, context: LineageContext): QueryFlow {
  const aggregates = nodes(pivot["aggregates"]).map((aggregate) => context.expression(aggregate, scope));
  const by = nodes(pivot["pivots"]).flatMap((part) => nodes(part["pivot_expressions"]));
  for (const expression of by) addToRows(rows, expression, scope, context);
  const used = new Set<string>();
  for (const expression of [...by, ...nodes(pivot["aggregates"])]) collectColumns(expression, used);
  const groups = texts(pivot["groups"]).map((name) => name.toLowerCase());
  const kept = columns.filter((column) => (groups.length > 0 ? groups.includes(column.name.toLowerCase()) : !used.has(column.name.toLowerCase())));
  for (const column of kept) for (const key of column.flow.value) rows.add(key);
  const flow = mergeFlows(aggregates);
  const { made, complete } = pivotNames(pivot);
  if (complete) return { columns: [...kept, ...made.map((name): FlowColumn => ({ name, flow }))], rows };
  return { columns: kept, rows, other: () => flow };
}

/** One aggregate without a name over one column with listed values gives a column each, named by the value. */
function pivotNames(pivot: TreeNode): { made: string[]; complete: boolean } {
  const parts = nodes(pivot["pivots"]);
  const [aggregate, second] = nodes(pivot["aggregates"]);
  if (parts.length !== 1 || second !== undefined || (aggregate !== undefined && text(aggregate["alias"]) !== ""))
    return { made: [], complete: false };
  const entries = nodes(parts[0]!["entries"]);
  const made = entries.map((entry) => {
    const value = nodes(entry["values"])[0]?.["value"];
    const alias = text(entry["alias"]);
    return alias === "" ? (typeof value === "string" || typeof value === "number" ? String(value) : "") : alias;
  });
  return { made, complete: entries.length > 0 && made.every((name) => name !== "") };
}

function collectColumns(value: unknown, names: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collectColumns(item, names);
  else if (isNode(value)) {
    if (value["class"] === "COLUMN_REF") names.add(texts(value["column_names"]).at(-1)?.toLowerCase() ?? "");
    else for (const child of Object.values(value)) if (node(child) !== undefined || Array.isArray(child)) collectColumns(child, names);
  }
}
