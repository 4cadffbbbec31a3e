import { AppError } from "#kit/app-error";

/** A node of DuckDB's syntax tree (`json_serialize_sql`). Its fields depend on `type` and are read with the helpers below. */
export type TreeNode = Record<string, unknown>;

/** The query of a tree with one SELECT statement. Throws `sql_error` for anything else. */
export function queryOfTree(tree: unknown): TreeNode {
  const statements = nodes(isNode(tree) ? tree["statements"] : undefined);
  const query = node(statements[0]?.["node"]);
  if (statements.length !== 1 || query === undefined)
    throw new AppError("sql_error", "This is not one SELECT statement.", { hint: "A model is a single query." });
  return query;
}

export function isNode(value: unknown): value is TreeNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A child node, or undefined. */
export function node(value: unknown): TreeNode | undefined {
  return isNode(value) && Object.keys(value).length > 0 ? value : undefined;
}

/** A list of child nodes; nothing else in it. */
export function nodes(value: unknown): TreeNode[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Key and value of the tree's maps, which come as `{map: [{key, value}]}`, or as a list of these. */
export function mapEntries(value: unknown): { key: unknown; value: TreeNode }[] {
  const list = isNode(value) ? value["map"] : value;
  return nodes(list).flatMap((entry) => {
    const inner = node(entry["value"]);
    return inner === undefined ? [] : [{ key: entry["key"], value: inner }];
  });
}

/** Calls `visit` for every node of a tree, outermost first. Iterative: trees of generated SQL are deep. */
export function walkTree(root: unknown, visit: (node: TreeNode) => void): void {
  const stack: unknown[] = [root];
  while (stack.length > 0) {
    const value = stack.pop();
    if (Array.isArray(value)) for (let i = value.length - 1; i >= 0; i--) stack.push(value[i]);
    else if (isNode(value)) {
      visit(value);
      for (const child of Object.values(value).toReversed()) if (typeof child === "object" && child !== null) stack.push(child);
    }
  }
}
