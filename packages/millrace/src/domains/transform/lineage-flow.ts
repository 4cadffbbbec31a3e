import type { TreeNode } from "./syntax-tree.ts";

/** A column of a table, as one text: see `originOf`. */
type OriginKey = string;

/** Where a value comes from: `value` flows into it, `filter` only decides which rows take part, or in what order. */
export interface Flow {
  value: Set<OriginKey>;
  filter: Set<OriginKey>;
}

export interface FlowColumn {
  name: string;
  flow: Flow;
}

/** The columns of a query or relation, and what decides its rows (conditions, joins, grouping, order). */
export interface QueryFlow {
  columns: FlowColumn[];
  rows: Set<OriginKey>;
  /** The columns could not all be listed; any other name has this flow. */
  other?: (name: string) => Flow;
}

/** One relation of a FROM clause. */
export interface RelationFlow extends QueryFlow {
  /** The names it can be qualified by, in lower case, outermost first: alias, or schema and table. */
  names: string[];
  /** Columns that a USING or NATURAL join shows under the left side's only, in lower case. */
  merged: Set<string>;
}

/** A FROM clause: its relations in order, what the joins decide, and the columns that USING joins have made one. */
export interface SourceFlow {
  relations: RelationFlow[];
  rows: Set<OriginKey>;
  shared: Map<string, Flow>;
}

/** The names in reach of an expression. */
export interface FlowScope {
  source: SourceFlow;
  /** Columns of the same SELECT by their alias, in lower case. */
  aliases: Map<string, Flow>;
  /** ORDER BY looks at aliases before columns. */
  aliasesFirst: boolean;
  /** Parameters of lambdas, in lower case: they carry what the list beside them carries. */
  parameters: Set<string>;
  ctes: CteScope;
  /** The query around a subquery. */
  outer: FlowScope | undefined;
}

export type CteScope = ReadonlyMap<string, QueryFlow>;

/** What the analysis shares. `query` and `expression` are here because each needs the other. */
export interface LineageContext {
  /** Columns of a table (`schema.table`) in order, or undefined where they are not known. */
  columnsOf: (table: string) => readonly string[] | undefined;
  /** What could not be followed, in words. */
  unresolved: Set<string>;
  query: (node: TreeNode, ctes: CteScope, outer: FlowScope | undefined) => QueryFlow;
  expression: (node: TreeNode, scope: FlowScope) => Flow;
}

const separator = "\u0000"; // cannot be part of a name

export function originKey(table: string, column: string): OriginKey {
  return table + separator + column;
}

export function originOf(key: OriginKey): { table: string; column: string } {
  const [table, column] = key.split(separator);
  return { table: table!, column: column! };
}

export function emptyFlow(): Flow {
  return { value: new Set(), filter: new Set() };
}

export function mergeFlows(flows: Iterable<Flow>): Flow {
  const result = emptyFlow();
  for (const flow of flows) {
    for (const key of flow.value) result.value.add(key);
    for (const key of flow.filter) result.filter.add(key);
  }
  return result;
}

/** The same origins, but only as what decides rows. */
export function asFilter(flow: Flow): Flow {
  return { value: new Set(), filter: new Set([...flow.value, ...flow.filter]) };
}

export function addAll(target: Set<OriginKey>, flow: Flow): void {
  for (const key of flow.value) target.add(key);
  for (const key of flow.filter) target.add(key);
}

export function union(...sets: Iterable<OriginKey>[]): Set<OriginKey> {
  return new Set(sets.flatMap((set) => [...set]));
}
