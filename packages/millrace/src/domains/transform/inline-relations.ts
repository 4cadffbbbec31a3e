import { quoteName } from "#kit/sql-text";
import type { Warehouse } from "#ports/warehouse";
import { compiledDatabase } from "./dbt-relation.ts";
import { text, walkTree } from "./syntax-tree.ts";

/** A table that compiled SQL names. */
export interface NamedTable {
  schema: string;
  name: string;
}

/**
 * Puts subqueries in the place of the tables that compiled SQL names as `"millrace"."schema"."table"`, found in the engine's syntax
 * tree. A subquery takes the table's name (without `@version`) where the SQL gives it no alias. Throws `sql_error` where the SQL has no syntax tree (a
 * PIVOT statement).
 */
export async function inlineRelations(warehouse: Warehouse, sql: string, relationOf: (table: NamedTable) => Promise<string>): Promise<string> {
  const places: { at: number; table: NamedTable; hasAlias: boolean }[] = [];
  walkTree(await warehouse.syntaxTree(sql), (node) => {
    if (node["type"] !== "BASE_TABLE" || node["catalog_name"] !== compiledDatabase) return;
    const table = { schema: text(node["schema_name"]), name: text(node["table_name"]) };
    places.push({ at: Number(node["query_location"]), table, hasAlias: text(node["alias"]) !== "" });
  });
  const bytes = Buffer.from(sql); // places are byte offsets
  const parts: string[] = [];
  let done = 0;
  for (const { at, table, hasAlias } of places.sort((a, b) => a.at - b.at)) {
    const length = /^"[^"]+"\s*\.\s*"[^"]+"\s*\.\s*"[^"]+"/.exec(bytes.subarray(at).toString())?.[0].length ?? 0;
    if (at < done || length === 0) continue; // the tree repeats a table that stands once in the text
    parts.push(bytes.subarray(done, at).toString(), await relationOf(table), hasAlias ? "" : ` as ${quoteName(table.name.replace(/@\d+$/, ""))}`);
    done = at + length;
  }
  parts.push(bytes.subarray(done).toString());
  return parts.join("");
}
