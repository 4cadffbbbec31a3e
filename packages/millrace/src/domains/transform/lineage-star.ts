import { mergeFlows, type FlowColumn, type FlowScope, type LineageContext } from "./lineage-flow.ts";
import { relationNamed } from "./lineage-names.ts";
import { isNode, mapEntries, node, nodes, text, texts, type TreeNode } from "./syntax-tree.ts";

/** The columns that `*`, `t.*` or `COLUMNS(…)` stands for, after EXCLUDE, REPLACE and RENAME. */
export function expandStar(star: TreeNode, scope: FlowScope, context: LineageContext): FlowColumn[] {
  const qualifier = text(star["relation_name"]);
  const { source } = scope;
  const named = qualifier === "" ? undefined : relationNamed(source, [qualifier]);
  const relations = qualifier === "" ? source.relations : named === undefined ? [] : [named];
  if (qualifier !== "" && named === undefined) {
    const struct = scope.source.relations
      .flatMap((relation) => relation.columns)
      .find((column) => column.name.toLowerCase() === qualifier.toLowerCase());
    context.unresolved.add(`\`${qualifier}.*\` was not expanded${struct === undefined ? "" : ": it is a struct"}.`);
    return struct === undefined ? [] : [struct];
  }
  let columns: FlowColumn[] = [];
  for (const relation of relations) {
    if (relation.other !== undefined) context.unresolved.add(`\`*\` of ${relation.names.join(".")} was not expanded: its columns are not known.`);
    for (const column of relation.columns) {
      const lower = column.name.toLowerCase();
      if (qualifier === "" && relation.merged.has(lower)) continue;
      const shared = qualifier === "" ? source.shared.get(lower) : undefined;
      columns.push(shared === undefined ? column : { name: column.name, flow: shared });
    }
  }
  columns = matching(star, columns, context);
  const excluded = new Set([...texts(star["exclude_list"]), ...excludedNames(star)].map((name) => name.toLowerCase()));
  const replaced = new Map(mapEntries(star["replace_list"]).map(({ key, value }) => [text(key).toLowerCase(), value]));
  const renamed = new Map(renames(star).map(([from, to]) => [from.toLowerCase(), to]));
  return columns
    .filter((column) => !excluded.has(column.name.toLowerCase()))
    .map((column) => {
      const lower = column.name.toLowerCase();
      const replacement = replaced.get(lower);
      const flow = replacement === undefined ? column.flow : context.expression(replacement, scope);
      return { name: renamed.get(lower) ?? column.name, flow };
    });
}

/** `COLUMNS('pattern')` takes the columns whose name has a match; `COLUMNS(lambda)` cannot be run here and takes all. */
function matching(star: TreeNode, columns: FlowColumn[], context: LineageContext): FlowColumn[] {
  const expression = node(star["expr"]);
  if (star["columns"] !== true || expression === undefined) return columns;
  const pattern = constantText(expression);
  if (pattern !== undefined)
    return columns.filter((column) => new RegExp(pattern.replace(/^\(\?i\)/, ""), pattern.startsWith("(?i)") ? "i" : "").test(column.name));
  if (expression["function_name"] === "list_value") {
    const names = nodes(expression["children"]).map((child) => constantText(child)?.toLowerCase());
    return columns.filter((column) => names.includes(column.name.toLowerCase()));
  }
  context.unresolved.add("`COLUMNS(…)` with a function was taken for all columns.");
  return columns;
}

function constantText(expression: TreeNode): string | undefined {
  const value = isNode(expression["value"]) ? expression["value"]["value"] : undefined;
  return expression["class"] === "CONSTANT" && typeof value === "string" ? value : undefined;
}

/** Qualified names to leave out: `exclude (t.a)`. */
function excludedNames(star: TreeNode): string[] {
  return nodes(star["qualified_exclude_list"]).map((entry) => text(entry["column"]));
}

function renames(star: TreeNode): [string, string][] {
  return nodes(star["rename_list"]).map((entry) => [isNode(entry["key"]) ? text(entry["key"]["column"]) : text(entry["key"]), text(entry["value"])]);
}

/**
 * A SELECT item with `COLUMNS(…)` (or `* LIKE …`) inside stands for one column each: gives them, or undefined for an ordinary item.
 */
export function expandItem(item: TreeNode, scope: FlowScope, context: LineageContext): FlowColumn[] | undefined {
  if (item["class"] === "STAR") return expandStar(item, scope, context);
  const like = likeStar(item);
  if (like !== undefined) return expandStar(like.star, scope, context).filter((column) => like.test(column.name));
  const star = innerColumns(item);
  if (star === undefined) return undefined;
  return expandStar(star, scope, context).map((column) => {
    const whole = context.expression(withoutColumns(item), scope);
    const alias = text(item["alias"]);
    return { name: alias === "" ? column.name : alias.replaceAll("\\0", column.name), flow: mergeFlows([column.flow, whole]) };
  });
}

/** `* like 'a%'` comes as the operator `~~` on a star. */
function likeStar(item: TreeNode): { star: TreeNode; test: (name: string) => boolean } | undefined {
  const [star, pattern] = nodes(item["children"]);
  if (item["class"] !== "FUNCTION" || star?.["class"] !== "STAR" || star["columns"] === true || pattern === undefined) return undefined;
  const operator = text(item["function_name"]);
  const like = constantText(pattern);
  if (like === undefined || !["~~", "!~~", "~~*", "!~~*", "regexp_full_match", "~~~"].includes(operator)) return undefined;
  const source =
    operator === "regexp_full_match"
      ? like
      : like
          .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
          .replaceAll("%", ".*")
          .replaceAll("_", ".");
  const expression = new RegExp(`^(?:${source})$`, operator.endsWith("*") ? "is" : "s");
  return { star, test: (name) => expression.test(name) !== operator.startsWith("!") };
}

/** The first `COLUMNS(…)` within an expression. */
function innerColumns(value: unknown): TreeNode | undefined {
  if (Array.isArray(value)) {
    for (const item of value) {
      const found = innerColumns(item);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isNode(value) || value["class"] === "SUBQUERY") return undefined;
  if (value["class"] === "STAR") return value["columns"] === true ? value : undefined;
  return innerColumns(Object.values(value));
}

/** The expression with a constant in the place of `COLUMNS(…)`: what else is in it. */
function withoutColumns(value: TreeNode): TreeNode {
  const copy = (inner: unknown): unknown => {
    if (isNode(inner) && inner["class"] === "STAR" && inner["columns"] === true) return { class: "CONSTANT" };
    if (Array.isArray(inner)) return inner.map(copy);
    return isNode(inner) ? Object.fromEntries(Object.entries(inner).map(([key, child]) => [key, copy(child)])) : inner;
  };
  return copy(value) as TreeNode; // a node stays a node
}
