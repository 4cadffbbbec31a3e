import type { Warehouse } from "#ports/warehouse";

/** A warehouse that is opened at its first use: most commands, and a server's first second, need none. */
export function lazyWarehouse(open: () => Promise<Warehouse>): Warehouse {
  let opened: Promise<Warehouse> | undefined;
  const warehouse = () => (opened ??= open());
  return {
    capabilities: { dialect: "duckdb", localParquet: true },
    execute: async (sql, params) => (await warehouse()).execute(sql, params),
    rows: async (sql, params) => (await warehouse()).rows(sql, params),
    columns: async (sql) => (await warehouse()).columns(sql),
    describe: async (sql) => (await warehouse()).describe(sql),
    writeParquet: async (sql, path) => (await warehouse()).writeParquet(sql, path),
    load: async (name, table) => (await warehouse()).load(name, table),
    syntaxTree: async (sql) => (await warehouse()).syntaxTree(sql),
    async close() {
      if (opened) await (await opened).close();
      opened = undefined;
    },
  };
}
