import { modelRelation, modelSchema } from "#domains/transform";
import { quoteName } from "#kit/sql-text";
import type { WarehouseRow } from "#ports/warehouse";
import type { Services } from "./services.ts";

/** Runs a question over the newest versions of all tables and views, under their own names (`models.flights`). */
export async function queryLake(services: Pick<Services, "lake" | "warehouse" | "buildStore">, query: string): Promise<WarehouseRow[]> {
  const { lake, warehouse } = services;
  const relations = new Map<string, string>();
  for (const table of await lake.tables()) relations.set(table, await lake.relation(table));
  for (const view of await viewsIn(services, query)) relations.set(`${modelSchema}.${view}`, (await modelRelation(services, view)).relation);
  const schemas = new Set([...relations.keys()].map((table) => table.split(".")[0]!));
  for (const schema of schemas) await warehouse.execute(`create schema if not exists ${quoteName(schema)}`);
  for (const [table, relation] of relations)
    await warehouse.execute(`create or replace view ${table.split(".").map(quoteName).join(".")} as select * from ${relation}`);
  return warehouse.rows(query);
}

/** Models named in the query that are views: they have no table of their own. */
async function viewsIn({ buildStore }: Pick<Services, "buildStore">, query: string): Promise<string[]> {
  const named = [...query.matchAll(/\bmodels\.([A-Za-z_]\w*)/g)].map((match) => match[1]!);
  const records = await Promise.all([...new Set(named)].map((name) => buildStore.get(name)));
  return records.flatMap(({ finished }) => (finished?.materialized === "view" ? [finished.model] : []));
}
