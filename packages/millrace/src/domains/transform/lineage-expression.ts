import { addAll, asFilter, emptyFlow, mergeFlows, type Flow, type FlowScope, type LineageContext } from "./lineage-flow.ts";
import { resolveColumn } from "./lineage-names.ts";
import { expandStar } from "./lineage-star.ts";
import { isNode, node, nodes, text, texts, type TreeNode } from "./syntax-tree.ts";

/** Where the value of an expression comes from. */
export function expressionFlow(expression: TreeNode, scope: FlowScope, context: LineageContext): Flow {
  const flow = (value: unknown): Flow => (isNode(value) && Object.keys(value).length > 0 ? context.expression(value, scope) : emptyFlow());
  const all = (value: unknown): Flow => mergeFlows(nodes(value).map((child) => context.expression(child, scope)));
  switch (expression["class"]) {
    case "COLUMN_REF":
      return resolveColumn(texts(expression["column_names"]), scope, context);
    case "CONSTANT":
    case "PARAMETER":
    case "DEFAULT":
      return emptyFlow();
    case "FUNCTION":
      return mergeFlows([
        all(expression["children"]),
        asFilter(flow(expression["filter"])),
        asFilter(ordersFlow(expression["order_bys"], scope, context)),
      ]);
    case "WINDOW":
      return windowFlow(expression, scope, context);
    case "LAMBDA":
      return lambdaFlow(expression, scope, context);
    case "SUBQUERY":
      return subqueryFlow(expression, scope, context);
    case "STAR":
      return mergeFlows(expandStar(expression, scope, context).map((column) => column.flow));
    case "POSITIONAL_REFERENCE":
      return positionFlow(Number(expression["index"]), scope, context);
    case "CASE":
      return mergeFlows([
        ...nodes(expression["case_checks"]).flatMap((check) => [flow(check["when_expr"]), flow(check["then_expr"])]),
        flow(expression["else_expr"]),
      ]);
    case "CAST":
    case "COLLATE":
      return flow(expression["child"]);
    case "COMPARISON":
      return mergeFlows([flow(expression["left"]), flow(expression["right"])]);
    case "BETWEEN":
      return mergeFlows([flow(expression["input"]), flow(expression["lower"]), flow(expression["upper"])]);
    case "CONJUNCTION":
    case "OPERATOR":
      return all(expression["children"]);
    default:
      context.unresolved.add(`An expression of the kind ${text(expression["class"]) || "unknown"} was not followed.`);
      return emptyFlow();
  }
}

/** What an ORDER BY reads. */
function ordersFlow(modifier: unknown, scope: FlowScope, context: LineageContext): Flow {
  return mergeFlows(
    nodes(isNode(modifier) ? modifier["orders"] : undefined).flatMap((order) => {
      const expression = node(order["expression"]);
      return expression === undefined ? [] : [context.expression(expression, scope)];
    }),
  );
}

function windowFlow(expression: TreeNode, scope: FlowScope, context: LineageContext): Flow {
  const part = (value: unknown): Flow => (isNode(value) && Object.keys(value).length > 0 ? context.expression(value, scope) : emptyFlow());
  const list = (value: unknown): Flow => mergeFlows(nodes(value).map((child) => context.expression(child, scope)));
  const deciding = [
    list(expression["partitions"]),
    ordersFlow(expression, scope, context),
    ordersFlow({ orders: expression["arg_orders"] }, scope, context),
    part(expression["start_expr"]),
    part(expression["end_expr"]),
    part(expression["offset_expr"]),
    part(expression["filter_expr"]),
  ];
  return mergeFlows([list(expression["children"]), part(expression["default_expr"]), ...deciding.map(asFilter)]);
}

/** A lambda's parameters are items of the list beside it, which is followed itself. */
function lambdaFlow(expression: TreeNode, scope: FlowScope, context: LineageContext): Flow {
  const body = node(expression["expr"]);
  const left = node(expression["lhs"]);
  if (body === undefined || left === undefined) return emptyFlow();
  const names =
    left["class"] === "COLUMN_REF" ? texts(left["column_names"]) : nodes(left["children"]).flatMap((child) => texts(child["column_names"]));
  const parameters = new Set([...scope.parameters, ...names.map((name) => name.toLowerCase())]);
  return context.expression(body, { ...scope, parameters });
}

/** A subquery as a value: its column flows in, and what decides its rows only filters. EXISTS looks at rows alone. */
function subqueryFlow(expression: TreeNode, scope: FlowScope, context: LineageContext): Flow {
  const inner = node(isNode(expression["subquery"]) ? expression["subquery"]["node"] : undefined);
  if (inner === undefined) return emptyFlow();
  const query = context.query(inner, scope.ctes, scope);
  const child = node(expression["child"]);
  const result = mergeFlows(query.columns.map((column) => column.flow));
  for (const key of query.rows) result.filter.add(key);
  if (expression["subquery_type"] === "EXISTS" || expression["subquery_type"] === "NOT_EXISTS") return asFilter(result);
  return mergeFlows([result, child === undefined ? emptyFlow() : context.expression(child, scope)]);
}

/** `#2`: the second column of the FROM clause. */
function positionFlow(index: number, scope: FlowScope, context: LineageContext): Flow {
  const columns = scope.source.relations.flatMap((relation) => relation.columns);
  const column = columns[index - 1];
  if (column === undefined) context.unresolved.add(`The column #${index} was not found.`);
  return column?.flow ?? emptyFlow();
}

/** Adds all that an expression reads to what decides the rows. */
export function addToRows(rows: Set<string>, expression: unknown, scope: FlowScope, context: LineageContext): void {
  const inner = node(expression);
  if (inner !== undefined) addAll(rows, context.expression(inner, scope));
}
