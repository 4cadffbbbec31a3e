import { addToRows } from "./lineage-expression.ts";
import {
  addAll,
  asFilter,
  emptyFlow,
  mergeFlows,
  originKey,
  union,
  type CteScope,
  type Flow,
  type FlowColumn,
  type FlowScope,
  type LineageContext,
  type QueryFlow,
  type RelationFlow,
  type SourceFlow,
} from "./lineage-flow.ts";
import { columnOf } from "./lineage-names.ts";
import { pivotFlow } from "./lineage-pivot.ts";
import { compiledDatabase } from "./dbt-relation.ts";
import { isNode, node, nodes, text, texts, type TreeNode } from "./syntax-tree.ts";

/** What a FROM clause offers. `left` holds the relations before a lateral one, which may name them. */
export function fromFlow(
  from: TreeNode | undefined,
  ctes: CteScope,
  outer: FlowScope | undefined,
  context: LineageContext,
  left?: SourceFlow,
): SourceFlow {
  if (from === undefined) return noSource();
  switch (from["type"]) {
    case "EMPTY":
    case "EMPTY_FROM":
      return noSource();
    case "BASE_TABLE":
      return single(from, tableFlow(from, ctes, context), tableNames(from));
    case "SUBQUERY": {
      const inner = node(isNode(from["subquery"]) ? from["subquery"]["node"] : undefined);
      if (inner === undefined) return unknownSource(from, context);
      return single(from, context.query(inner, ctes, lateralScope(ctes, outer, left)), [text(from["alias"])]);
    }
    case "JOIN":
      return joinFlow(from, ctes, outer, context, left);
    case "EXPRESSION_LIST":
      return single(from, valuesFlow(from, ctes, outer, context), [text(from["alias"])]);
    case "TABLE_FUNCTION":
      return single(from, tableFunctionFlow(from, lateralScope(ctes, outer, left), context), [text(from["alias"])]);
    case "PIVOT": {
      const source = fromFlow(node(from["source"]), ctes, outer, context);
      return single(from, pivotFlow(from, { source, aliases: new Map(), aliasesFirst: false, parameters: new Set(), ctes, outer }, context), [
        text(from["alias"]),
      ]);
    }
    default:
      return unknownSource(from, context);
  }
}

function noSource(): SourceFlow {
  return { relations: [], rows: new Set(), shared: new Map() };
}

function unknownSource(from: TreeNode, context: LineageContext): SourceFlow {
  context.unresolved.add(`A FROM clause of the kind ${text(from["type"]) || "unknown"} was not followed.`);
  return {
    relations: [{ names: [text(from["alias"]).toLowerCase()], columns: [], rows: new Set(), merged: new Set(), other: emptyFlow }],
    rows: new Set(),
    shared: new Map(),
  };
}

/** The scope that a lateral subquery or table function sees: the relations to its left, then the query around. */
function lateralScope(ctes: CteScope, outer: FlowScope | undefined, left: SourceFlow | undefined): FlowScope {
  return { source: left ?? noSource(), aliases: new Map(), aliasesFirst: false, parameters: new Set(), ctes, outer };
}

function single(from: TreeNode, flow: QueryFlow, names: string[]): SourceFlow {
  const renames = texts(from["column_name_alias"]);
  const columns = flow.columns.map((column, i): FlowColumn => ({ name: renames[i] ?? column.name, flow: column.flow }));
  const { other } = flow;
  if (other !== undefined) for (const name of renames.slice(columns.length)) columns.push({ name, flow: other(name) });
  const relation: RelationFlow = {
    names: names.map((name) => name.toLowerCase()),
    columns,
    rows: flow.rows,
    merged: new Set(),
    ...(other !== undefined && { other }),
  };
  return { relations: [relation], rows: flow.rows, shared: new Map() };
}

function tableNames(from: TreeNode): string[] {
  const alias = text(from["alias"]);
  return alias === "" ? [from["catalog_name"], from["schema_name"], from["table_name"]].map(text).filter((name) => name !== "") : [alias];
}

function tableFlow(from: TreeNode, ctes: CteScope, context: LineageContext): QueryFlow {
  const schema = text(from["schema_name"]);
  const name = text(from["table_name"]);
  const cte = schema === "" ? ctes.get(name.toLowerCase()) : undefined;
  if (cte !== undefined) return cte;
  const catalog = text(from["catalog_name"]);
  const table = [catalog === compiledDatabase ? "" : catalog, schema, name].filter((part) => part !== "").join(".");
  const flowOf = (column: string): Flow => ({ value: new Set([originKey(table, column)]), filter: new Set() });
  const columns = context.columnsOf(table);
  if (columns === undefined) return { columns: [], rows: new Set(), other: flowOf };
  return { columns: columns.map((column) => ({ name: column, flow: flowOf(column) })), rows: new Set() };
}

function valuesFlow(from: TreeNode, ctes: CteScope, outer: FlowScope | undefined, context: LineageContext): QueryFlow {
  const scope = lateralScope(ctes, outer, undefined);
  const rows = Array.isArray(from["values"]) ? from["values"].map(nodes) : [];
  const width = rows[0]?.length ?? 0;
  const names = texts(from["expected_names"]);
  const columns = Array.from({ length: width }, (_, i): FlowColumn => {
    const flows = rows.flatMap((row) => (row[i] === undefined ? [] : [context.expression(row[i], scope)]));
    return { name: names[i] ?? `col${i}`, flow: mergeFlows(flows) };
  });
  return { columns, rows: new Set() };
}

/** Functions whose columns are known by name; their arguments flow into them. */
const knownFunctions: Record<string, string[]> = {
  range: ["range"],
  generate_series: ["generate_series"],
  unnest: ["unnest"],
  repeat: ["repeat"],
  generate_subscripts: ["generate_subscripts"],
};

function tableFunctionFlow(from: TreeNode, scope: FlowScope, context: LineageContext): QueryFlow {
  const call = node(from["function"]);
  const name = text(call?.["function_name"]).toLowerCase();
  const subquery = node(from["subquery"]);
  const flow = mergeFlows([
    ...nodes(call?.["children"]).map((child) => context.expression(child, scope)),
    ...(subquery === undefined ? [] : [asFilter(emptyFlow())]),
  ]);
  const rows = new Set<string>();
  addAll(rows, flow); // the arguments decide how many rows there are as well
  const known = knownFunctions[name];
  const renames = texts(from["column_name_alias"]);
  if (known !== undefined) {
    // a struct or several lists unnest into more columns than one; the alias names the only one where there is no list of names
    const alias = text(from["alias"]);
    const names = renames.length > 0 ? renames : alias === "" ? known : [alias];
    const columns = names.map((column): FlowColumn => ({ name: column, flow }));
    if (renames.length === 0 && alias !== "") return { columns: [{ name: known[0]!, flow }], rows, other: () => flow };
    return { columns, rows };
  }
  context.unresolved.add(`The columns of the table function \`${name}\` are not known; each is taken to come from all of its arguments.`);
  return { columns: [], rows, other: () => flow };
}

function joinFlow(from: TreeNode, ctes: CteScope, outer: FlowScope | undefined, context: LineageContext, before: SourceFlow | undefined): SourceFlow {
  const left = fromFlow(node(from["left"]), ctes, outer, context, before);
  const visible: SourceFlow =
    before === undefined
      ? left
      : { relations: [...left.relations, ...before.relations], rows: left.rows, shared: new Map([...before.shared, ...left.shared]) };
  const right = fromFlow(node(from["right"]), ctes, outer, context, visible);
  const rows = union(left.rows, right.rows);
  const joinType = text(from["join_type"]);
  const using = from["ref_type"] === "NATURAL" ? commonColumns(left, right) : texts(from["using_columns"]);
  const shared = new Map([...right.shared, ...left.shared]);
  for (const name of using) {
    const lower = name.toLowerCase();
    const leftFlow = left.shared.get(lower) ?? firstColumn(left, name) ?? emptyFlow();
    const rightFlow = right.shared.get(lower) ?? firstColumn(right, name) ?? emptyFlow();
    addAll(rows, leftFlow);
    addAll(rows, rightFlow);
    shared.set(lower, joinType === "RIGHT" ? rightFlow : joinType === "OUTER" || joinType === "FULL" ? mergeFlows([leftFlow, rightFlow]) : leftFlow);
    for (const relation of right.relations) relation.merged.add(lower);
  }
  const both: SourceFlow = { relations: [...left.relations, ...right.relations], rows, shared };
  const scope: FlowScope = { source: both, aliases: new Map(), aliasesFirst: false, parameters: new Set(), ctes, outer };
  addToRows(rows, from["condition"], scope, context);
  if (joinType === "SEMI" || joinType === "ANTI") return { relations: left.relations, rows, shared: left.shared };
  return both;
}

function firstColumn(source: SourceFlow, name: string): Flow | undefined {
  for (const relation of source.relations) {
    const flow = columnOf(relation, name) ?? relation.other?.(name);
    if (flow !== undefined) return flow;
  }
  return undefined;
}

function commonColumns(left: SourceFlow, right: SourceFlow): string[] {
  const names = new Set(right.relations.flatMap((relation) => relation.columns.map((column) => column.name.toLowerCase())));
  return [...new Set(left.relations.flatMap((relation) => relation.columns.map((column) => column.name.toLowerCase())))].filter((name) =>
    names.has(name),
  );
}
