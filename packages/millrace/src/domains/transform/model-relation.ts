import { AppError } from "#kit/app-error";
import { quoteName } from "#kit/sql-text";
import type { Lake } from "#domains/lake";
import type { Warehouse } from "#ports/warehouse";
import { compiledDatabase } from "./dbt-relation.ts";
import { inlineRelations } from "./inline-relations.ts";
import { modelSchema, type BuildRecord, type BuildStore, type RecordedColumn, type TableVersion } from "./model.ts";

export interface ModelRelation {
  /** SQL for a FROM clause: one version of the model's rows. */
  relation: string;
  /** Version of the table in the lake; for a view the number of its definition. */
  version: number;
  columns: RecordedColumn[];
}

/**
 * The rows that a view would have if some of its sources held others: `replace` gives SQL for a FROM clause by `schema.table`. Throws
 * `unsupported` for a model whose rows are stored, because those stay as they are.
 */
export async function modelRelationOver(
  services: { lake: Lake; warehouse: Warehouse; buildStore: BuildStore },
  model: string,
  replace: Readonly<Record<string, string>>,
): Promise<string> {
  const { finished } = await services.buildStore.get(model);
  if (finished === undefined) throw notBuilt(model);
  if (finished.definition === undefined) {
    throw new AppError("unsupported", `The model \`${model}\` is stored as a table, so its rows cannot be made from other sources.`, {
      hint: "Give it materialized='view'.",
    });
  }
  return relationOfRecord(services, finished, replace);
}

/**
 * The rows of a built model as SQL, whether they lie in the lake or are a view (which then reads the versions it was built on).
 * Throws `not_found` for a model that was never built.
 */
export async function modelRelation(services: { lake: Lake; warehouse: Warehouse; buildStore: BuildStore }, model: string): Promise<ModelRelation> {
  const { finished } = await services.buildStore.get(model);
  if (finished === undefined) {
    throw notBuilt(model);
  }
  return { relation: await relationOfRecord(services, finished), version: finished.version, columns: finished.columns };
}

export async function relationOfRecord(
  { lake, warehouse }: { lake: Lake; warehouse: Warehouse },
  record: Pick<BuildRecord, "model" | "definition" | "version">,
  replace: Readonly<Record<string, string>> = {},
): Promise<string> {
  if (record.definition === undefined) return lake.relation(`${modelSchema}.${record.model}`, { version: record.version });
  const sql = await inlineRelations(warehouse, record.definition, async ({ schema, name }) => {
    const [table, version] = name.split("@");
    return replace[`${schema}.${table}`] ?? lake.relation(`${schema}.${table}`, { version: Number(version) });
  });
  return `(${sql}\n)`;
}

/**
 * The definition that is kept of a view: its SQL with the definitions of other views put in, and every table of the lake named with
 * the version it is to be read in. It does not depend on where the lake lies. `views` are the definitions of the views among the inputs.
 */
export async function viewDefinition(
  warehouse: Warehouse,
  model: { file: string; sql: string; inputs: TableVersion[]; views: ReadonlyMap<string, string> },
): Promise<string> {
  try {
    return await inlineRelations(warehouse, model.sql, async ({ schema, name }) => {
      const table = `${schema}.${name}`;
      const view = model.views.get(table);
      if (view !== undefined) return `(${view}\n)`;
      const input = model.inputs.find((candidate) => candidate.table === table);
      return [compiledDatabase, schema, `${name}@${input?.version ?? 0}`].map(quoteName).join(".");
    });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "sql_error") throw error;
    throw new AppError("sql_error", `${model.file}: this query cannot be a view: ${error.message}`, {
      cause: error,
      hint: "Use materialized='table'.",
    });
  }
}

function notBuilt(model: string): AppError {
  return new AppError("not_found", `The model \`${model}\` has not been built.`, { hint: "Build it first: millrace build" });
}
