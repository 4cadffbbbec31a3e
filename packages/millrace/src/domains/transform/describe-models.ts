import { AppError } from "#kit/app-error";
import type { ColumnType, Warehouse } from "#ports/warehouse";
import { emptyQuery, openBuildCatalog } from "./build-catalog.ts";
import { closestName } from "#kit/close-names";
import { compile, type CompiledSql } from "./compile.ts";
import { modelSqlError } from "./compiled-place.ts";
import { modelSchema, type Model, type ProjectGraph } from "./model.ts";

/**
 * Column names and types of every model, by the engine's own binder over empty tables: no data is read and nothing is run.
 * `sources` are the columns of source tables by `schema.table`. Throws `sql_error` with the template's file and line for SQL
 * that does not fit its inputs, `not_found` for sources whose columns are not given.
 */
export async function describeModels(options: {
  graph: ProjectGraph;
  warehouse: Warehouse;
  sources: Record<string, ColumnType[]>;
}): Promise<Map<string, ColumnType[]>> {
  const { graph, warehouse, sources } = options;
  const catalog = await openBuildCatalog(warehouse);
  const described = new Map<string, ColumnType[]>();
  const defined = new Set<string>();
  try {
    for (const model of graph.models.values()) {
      for (const { schema, table } of model.sources) {
        const name = `${schema}.${table}`;
        const columns = sources[name] ?? described.get(schema === modelSchema ? table : "");
        if (columns === undefined) throw unknownSource(model, name, Object.keys(sources));
        if (defined.has(name)) continue;
        await catalog.define(schema, table, emptyQuery(columns));
        defined.add(name);
      }
      const { compiled } = compile(graph, model.template, { name: model.name, database: catalog.database });
      const columns = await describeCompiled(warehouse, compiled, columnsInReach(model, described, sources), catalog.database);
      described.set(model.name, columns);
      await catalog.define(modelSchema, model.name, emptyQuery(columns));
    }
    return described;
  } finally {
    await catalog.close();
  }
}

/** Columns of compiled SQL; complaints of the engine are told in terms of the template. */
export async function describeCompiled(warehouse: Warehouse, compiled: CompiledSql, columns: string[], database: string): Promise<ColumnType[]> {
  if (compiled.sql.trim() === "") throw new AppError("sql_error", `${compiled.file}: the model is empty.`, { hint: "Write a SELECT." });
  try {
    const described = await warehouse.describe(compiled.sql);
    refuseTwins(compiled, described);
    return described;
  } catch (error) {
    throw modelSqlError(compiled, error, { columns, database });
  }
}

function refuseTwins(compiled: CompiledSql, columns: ColumnType[]): void {
  const seen = new Set<string>();
  for (const { name } of columns) {
    const lower = name.toLowerCase();
    if (seen.has(lower)) {
      throw new AppError("sql_error", `${compiled.file}: two columns are called \`${name}\`.`, { hint: "Give one of them another name with `as`." });
    }
    seen.add(lower);
  }
}

/** Names of all columns of what a model reads, for suggestions. */
function columnsInReach(model: Model, described: ReadonlyMap<string, ColumnType[]>, sources: Record<string, ColumnType[]>): string[] {
  const tables = [...model.refs.map((name) => described.get(name)), ...model.sources.map(({ schema, table }) => sources[`${schema}.${table}`])];
  return [...new Set(tables.flatMap((columns) => columns ?? []).map((column) => column.name))];
}

export function unknownSource(model: Model, name: string, known: string[]): AppError {
  const close = closestName(name, known);
  return new AppError("not_found", `${model.file}: there is no source table \`${name}\`.`, {
    hint: close === undefined ? "Ingest it first, or correct the name in source(…)." : `Did you mean \`${close}\`?`,
    details: { file: model.file, source: name },
  });
}
