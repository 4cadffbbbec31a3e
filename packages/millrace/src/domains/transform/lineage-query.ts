import { addToRows } from "./lineage-expression.ts";
import { fromFlow } from "./lineage-from.ts";
import {
  addAll,
  emptyFlow,
  mergeFlows,
  union,
  type CteScope,
  type FlowColumn,
  type FlowScope,
  type LineageContext,
  type QueryFlow,
} from "./lineage-flow.ts";
import { expandItem } from "./lineage-star.ts";
import { isNode, mapEntries, node, nodes, text, texts, type TreeNode } from "./syntax-tree.ts";

/** The columns of a query with their origins, and what decides its rows. */
export function queryFlow(query: TreeNode, ctes: CteScope, outer: FlowScope | undefined, context: LineageContext): QueryFlow {
  const inner = withCtes(query, ctes, outer, context);
  switch (query["type"]) {
    case "SELECT_NODE":
      return selectFlow(query, inner, outer, context);
    case "SET_OPERATION_NODE":
      return setOperationFlow(query, inner, outer, context);
    case "RECURSIVE_CTE_NODE":
      return recursiveFlow(query, inner, outer, context);
    case "CTE_NODE": {
      const definition = node(query["query"]);
      const child = node(query["child"]);
      if (definition === undefined || child === undefined) break;
      const named = renamed(context.query(definition, inner, outer), texts(query["aliases"]));
      return context.query(child, new Map([...inner, [text(query["cte_name"]).toLowerCase(), named]]), outer);
    }
    default:
  }
  context.unresolved.add(`A query of the kind ${text(query["type"]) || "unknown"} was not followed.`);
  return { columns: [], rows: new Set(), other: emptyFlow };
}

function withCtes(query: TreeNode, ctes: CteScope, outer: FlowScope | undefined, context: LineageContext): CteScope {
  const entries = mapEntries(query["cte_map"]);
  if (entries.length === 0) return ctes;
  const result = new Map(ctes);
  for (const { key, value } of entries) {
    const definition = node(isNode(value["query"]) ? value["query"]["node"] : undefined);
    if (definition !== undefined) result.set(text(key).toLowerCase(), renamed(context.query(definition, result, outer), texts(value["aliases"])));
  }
  return result;
}

function renamed(flow: QueryFlow, names: string[]): QueryFlow {
  return names.length === 0 ? flow : { ...flow, columns: flow.columns.map((column, i) => ({ ...column, name: names[i] ?? column.name })) };
}

function selectFlow(query: TreeNode, ctes: CteScope, outer: FlowScope | undefined, context: LineageContext): QueryFlow {
  const source = fromFlow(node(query["from_table"]), ctes, outer, context);
  const scope: FlowScope = { source, aliases: new Map(), aliasesFirst: false, parameters: new Set(), ctes, outer };
  const rows = new Set(source.rows);
  const columns: FlowColumn[] = [];
  let other: QueryFlow["other"];
  for (const item of nodes(query["select_list"])) {
    const expanded = expandItem(item, scope, context);
    if (expanded !== undefined) {
      columns.push(...expanded);
      if (item["class"] === "STAR") other ??= source.relations.find((relation) => relation.other !== undefined)?.other;
      continue;
    }
    const column = { name: columnName(item), flow: context.expression(item, scope) };
    columns.push(column);
    // later items may name earlier ones by their alias
    if (text(item["alias"]) !== "") scope.aliases.set(text(item["alias"]).toLowerCase(), column.flow);
  }
  addToRows(rows, query["where_clause"], scope, context);
  for (const expression of nodes(query["group_expressions"])) addPositionOr(rows, expression, columns, scope, context);
  if (query["aggregate_handling"] === "FORCE_AGGREGATES")
    for (const [i, item] of nodes(query["select_list"]).entries()) if (!hasAggregate(item) && columns[i] !== undefined) addAll(rows, columns[i].flow);
  addToRows(rows, query["having"], scope, context);
  addToRows(rows, query["qualify"], scope, context);
  addModifiers(rows, query, columns, scope, context);
  return { columns, rows, ...(other !== undefined && { other }) };
}

function columnName(item: TreeNode): string {
  const alias = text(item["alias"]);
  if (alias !== "") return alias;
  if (item["class"] === "COLUMN_REF") return texts(item["column_names"]).at(-1) ?? "";
  return item["class"] === "CAST" && isNode(item["child"]) ? columnName(item["child"]) : text(item["function_name"]);
}

function addModifiers(rows: Set<string>, query: TreeNode, columns: FlowColumn[], scope: FlowScope, context: LineageContext): void {
  const ordering: FlowScope = {
    ...scope,
    aliasesFirst: true,
    aliases: new Map([...columns.map((column): [string, FlowColumn["flow"]] => [column.name.toLowerCase(), column.flow]), ...scope.aliases]),
  };
  for (const modifier of nodes(query["modifiers"])) {
    if (modifier["type"] === "ORDER_MODIFIER") {
      for (const order of nodes(modifier["orders"])) {
        const expression = node(order["expression"]);
        if (expression !== undefined) addPositionOr(rows, expression, columns, ordering, context);
      }
    } else if (modifier["type"] === "DISTINCT_MODIFIER") {
      const targets = nodes(modifier["distinct_on_targets"]);
      for (const target of targets) addPositionOr(rows, target, columns, ordering, context);
      if (targets.length === 0) for (const column of columns) addAll(rows, column.flow);
    } else {
      addToRows(rows, modifier["limit"], ordering, context);
      addToRows(rows, modifier["offset"], ordering, context);
    }
  }
}

/** `group by 1` and `order by 1` mean the first column; `order by all` all of them. */
function addPositionOr(rows: Set<string>, expression: TreeNode, columns: FlowColumn[], scope: FlowScope, context: LineageContext): void {
  const value = isNode(expression["value"]) ? expression["value"]["value"] : undefined;
  if (expression["class"] === "CONSTANT" && typeof value === "number") {
    const column = columns[value - 1];
    if (column !== undefined) addAll(rows, column.flow);
  } else if (expression["class"] === "STAR") for (const column of columns) addAll(rows, column.flow);
  else addToRows(rows, expression, scope, context);
}

/** Names of the engine's aggregates; only GROUP BY ALL needs them, to tell the keys from the rest. */
const aggregates = new Set(
  "count count_star count_if countif sum sum_no_overflow fsum kahan_sum sumkahan product avg mean favg min max min_by max_by arg_min arg_max argmin argmax arg_min_null arg_max_null any_value arbitrary first last list array_agg string_agg group_concat listagg histogram histogram_exact mode median quantile quantile_cont quantile_disc percentile_cont percentile_disc approx_quantile approx_count_distinct approx_top_k reservoir_quantile mad stddev stddev_pop stddev_samp variance var_pop var_samp skewness kurtosis kurtosis_pop sem entropy corr covar_pop covar_samp regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy bool_and bool_or bit_and bit_or bit_xor bitstring_agg geometric_mean geomean weighted_avg wavg".split(
    " ",
  ),
);

function hasAggregate(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasAggregate);
  if (!isNode(value) || value["class"] === "SUBQUERY" || value["class"] === "WINDOW") return false;
  return (value["class"] === "FUNCTION" && aggregates.has(text(value["function_name"]).toLowerCase())) || hasAggregate(Object.values(value));
}

function setOperationFlow(query: TreeNode, ctes: CteScope, outer: FlowScope | undefined, context: LineageContext): QueryFlow {
  const children = [node(query["left"]), node(query["right"]), ...nodes(query["children"])].filter((child) => child !== undefined);
  const flows = children.map((child) => context.query(child, ctes, outer));
  const kind = text(query["setop_type"]);
  const rows = union(...flows.map((flow) => flow.rows));
  const other = flows.find((flow) => flow.other !== undefined)?.other;
  let columns: FlowColumn[];
  if (kind === "UNION_BY_NAME") columns = unionByName(flows);
  else if (kind === "UNION")
    columns = flows[0]!.columns.map((column, i) => ({
      name: column.name,
      flow: mergeFlows(flows.flatMap((flow) => (flow.columns[i] === undefined ? [] : [flow.columns[i].flow]))),
    }));
  else {
    // EXCEPT and INTERSECT: rows of the left side, decided by the right
    columns = flows[0]!.columns;
    for (const flow of flows) for (const column of flow.columns) addAll(rows, column.flow);
  }
  if (kind.startsWith("UNION") && query["setop_all"] !== true) for (const column of columns) addAll(rows, column.flow);
  const scope: FlowScope = {
    source: { relations: [], rows: new Set(), shared: new Map() },
    aliases: new Map(),
    aliasesFirst: true,
    parameters: new Set(),
    ctes,
    outer,
  };
  addModifiers(rows, query, columns, scope, context);
  return { columns, rows, ...(other !== undefined && { other }) };
}

function unionByName(flows: QueryFlow[]): FlowColumn[] {
  const byName = new Map<string, FlowColumn>();
  for (const column of flows.flatMap((flow) => flow.columns)) {
    const lower = column.name.toLowerCase();
    const existing = byName.get(lower);
    byName.set(lower, { name: existing?.name ?? column.name, flow: mergeFlows([...(existing === undefined ? [] : [existing.flow]), column.flow]) });
  }
  return [...byName.values()];
}

/** Follows a recursive CTE until another turn adds nothing. */
function recursiveFlow(query: TreeNode, ctes: CteScope, outer: FlowScope | undefined, context: LineageContext): QueryFlow {
  const left = node(query["left"]);
  const right = node(query["right"]);
  if (left === undefined || right === undefined) return { columns: [], rows: new Set(), other: emptyFlow };
  const name = text(query["cte_name"]).toLowerCase();
  let result = renamed(context.query(left, ctes, outer), texts(query["aliases"]));
  for (let size = -1; size !== sizeOf(result);) {
    size = sizeOf(result);
    const next = context.query(right, new Map([...ctes, [name, result]]), outer);
    const columns = result.columns.map((column, i) => ({
      name: column.name,
      flow: mergeFlows([column.flow, ...(next.columns[i] === undefined ? [] : [next.columns[i].flow])]),
    }));
    result = { ...result, columns, rows: union(result.rows, next.rows) };
  }
  if (query["union_all"] !== true) for (const column of result.columns) addAll(result.rows, column.flow);
  return result;
}

function sizeOf(flow: QueryFlow): number {
  return flow.rows.size + flow.columns.reduce((sum, column) => sum + column.flow.value.size + column.flow.filter.size, 0);
}
