import { expressionFlow } from "./lineage-expression.ts";
import { originOf, type FlowColumn, type LineageContext } from "./lineage-flow.ts";
import { queryFlow } from "./lineage-query.ts";
import type { ColumnOrigin } from "./model.ts";
import { queryOfTree } from "./syntax-tree.ts";

export interface ColumnLineage {
  columns: { name: string; from: ColumnOrigin[] }[];
  /** What could not be followed, in words; a column whose origins are uncertain is among them. Empty when all is known. */
  unresolved: string[];
}

/**
 * Where each column of a query comes from. `tree` is the engine's syntax tree of it (`Warehouse.syntaxTree`), `columnsOf` the columns of
 * the tables that it reads by `schema.table`, `names` its output columns as the engine describes them. A column's own values come as
 * `value`; columns that only filter, join, group or order as `filter`. Constants and `count(*)` have no origins of values.
 */
export function columnLineage(options: {
  tree: unknown;
  columnsOf: (table: string) => readonly string[] | undefined;
  names: readonly string[];
}): ColumnLineage {
  const unresolved = new Set<string>();
  const context: LineageContext = {
    columnsOf: options.columnsOf,
    unresolved,
    query: (node, ctes, outer) => queryFlow(node, ctes, outer, context),
    expression: (node, scope) => expressionFlow(node, scope, context),
  };
  const flow = context.query(queryOfTree(options.tree), new Map(), undefined);
  const columns = options.names.map((name, i) => {
    const column = matchColumn(flow.columns, options.names, i) ?? (flow.other === undefined ? undefined : { name, flow: flow.other(name) });
    if (column === undefined) unresolved.add(`The origins of the column \`${name}\` were not found.`);
    return { name, from: origins(column, flow.rows) };
  });
  return { columns, unresolved: [...unresolved].toSorted() };
}

/** By position where both sides have as many columns, else by name. */
function matchColumn(columns: FlowColumn[], names: readonly string[], index: number): FlowColumn | undefined {
  if (columns.length === names.length) return columns[index];
  return columns.find((column) => column.name.toLowerCase() === names[index]!.toLowerCase());
}

function origins(column: FlowColumn | undefined, rows: Set<string>): ColumnOrigin[] {
  const value = column?.flow.value ?? new Set<string>();
  const filter = new Set([...(column?.flow.filter ?? []), ...rows]);
  const result: ColumnOrigin[] = [];
  for (const key of [...value].toSorted()) result.push({ ...originOf(key), kind: "value" });
  for (const key of [...filter].toSorted()) if (!value.has(key)) result.push({ ...originOf(key), kind: "filter" });
  return result;
}
