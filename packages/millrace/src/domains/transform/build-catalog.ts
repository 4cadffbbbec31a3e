import { newId } from "#kit/id";
import { quoteName } from "#kit/sql-text";
import type { ColumnType, Warehouse } from "#ports/warehouse";

/** A database in the engine's memory where the relations of one build have the names that the compiled SQL uses. */
export interface BuildCatalog {
  readonly database: string;
  /** Makes (or changes) `schema.name` to mean a query. */
  define(schema: string, name: string, query: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens a catalog of its own, so that builds at the same time do not see each other's versions. */
export async function openBuildCatalog(warehouse: Warehouse): Promise<BuildCatalog> {
  const database = `build_${newId().toLowerCase()}`;
  await warehouse.execute(`attach ':memory:' as ${quoteName(database)}`);
  const schemas = new Set<string>();
  let last: Promise<void> = Promise.resolve(); // definitions go one by one: the engine refuses changes of one schema at the same time
  const inTurn = (work: () => Promise<void>) => {
    const turn = last.then(work);
    last = turn.catch(() => undefined); // the caller hears of it; the next in line goes on
    return turn;
  };
  return {
    database,
    define: (schema, name, query) =>
      inTurn(async () => {
        if (!schemas.has(schema)) await warehouse.execute(`create schema if not exists ${quoteName(database)}.${quoteName(schema)}`);
        schemas.add(schema);
        await warehouse.execute(`create or replace view ${[database, schema, name].map(quoteName).join(".")} as ${query}`);
      }),
    close: () => inTurn(() => warehouse.execute(`detach ${quoteName(database)}`)),
  };
}

/** A query with the given columns and no rows. */
export function emptyQuery(columns: ColumnType[]): string {
  return `select ${columns.map(({ name, type }) => `cast(null as ${type}) as ${quoteName(name)}`).join(", ")} where false`;
}
