import { padded, sql, sqlIn, sqlJoin } from "#kit/sql";
import { describeModels } from "./describe-models.ts";
import { fillPage } from "./find-pages.ts";
import { after, inByteOrder, orderBy, type OrderColumn, type OrderTerm, readCursor, writeCursor } from "./key-pages.ts";
import type { RegisteredModel, RegistryServices } from "./model.ts";
import { modelColumns, type ModelRow } from "./store.ts";
import { modelHasTag, type TagCondition } from "./tag-condition.ts";

export type ModelField = "name" | "updatedMs";
export type ModelCondition = { names: string[] } | TagCondition;

/** What is known of a model before anything is asked about its versions and aliases. */
export type ModelFacts = Omit<RegisteredModel, "aliases" | "latest">;

export interface ModelSearch {
  /** All of these hold of a model that is found. */
  where?: ModelCondition[];
  /** By name unless told; the name decides at last. */
  order?: OrderTerm<ModelField>[];
  /** Of the page before, in the same order. */
  cursor?: string | undefined;
  limit: number;
  /** Of some models those that are wanted: for what no condition can say. */
  keep?: ((models: ModelFacts[]) => ModelFacts[]) | undefined;
}

/**
 * A page of the models that stand. It takes as many statements for thousands of models as for one (with `keep`: per 2,000 looked at).
 * Throws `invalid_argument` for a cursor of another list.
 */
export async function searchModels(
  { state }: RegistryServices,
  { where = [], order = [], cursor, limit, keep }: ModelSearch,
): Promise<{ models: RegisteredModel[]; nextCursor: string | undefined }> {
  const columns: Record<ModelField, OrderColumn> = {
    name: { sql: inByteOrder(state, sql`m.name`), type: "text" },
    updatedMs: { sql: sql`m.updated_ms`, type: "number" },
  };
  const terms = [...order, { by: "name", direction: "asc" } as const];
  const by = terms.map((term) => columns[term.by]);
  const conditions = [
    sql`m.deleted_ms is null`,
    ...where.map((each) => ("names" in each ? sql`m.name in ${sqlIn(padded(each.names).flat())}` : modelHasTag(each))),
  ];
  const { things, next } = await fillPage<ModelRow, ModelFacts & { row: ModelRow }>({
    limit,
    from: cursor === undefined ? undefined : readCursor(cursor, by),
    read: (from, most) =>
      state.all<ModelRow>(sql`select ${modelColumns} from registry_model m
        where ${sqlJoin([...conditions, ...(from === undefined ? [] : [after(by, terms, from)])], " and ")}
        order by ${orderBy(by, terms)} limit ${most}`),
    keyOf: (row) => terms.map((term) => (term.by === "name" ? row.name : row.updated_ms)),
    thingsOf: async (rows) => rows.map((row) => ({ row, ...factsOf(row) })),
    keep: keep && (async (models) => keep(models) as (ModelFacts & { row: ModelRow })[]), // some of those it is given
  });
  const rows = things.map(({ row }) => row);
  return { models: await describeModels(state, rows), nextCursor: next && writeCursor(next) };
}

/** All models by name; a page of them is `searchModels`. */
export async function listModels(services: RegistryServices): Promise<RegisteredModel[]> {
  return (await searchModels(services, { limit: Number.MAX_SAFE_INTEGER - 1 })).models;
}

/** The names of all models that stand. */
export async function modelNames({ state }: RegistryServices): Promise<string[]> {
  return (await state.all<{ name: string }>(sql`select name from registry_model where deleted_ms is null`)).map(({ name }) => name);
}

function factsOf({ name, description, tags, created_ms: createdMs, updated_ms: updatedMs }: ModelRow): ModelFacts {
  return { name, description, tags: JSON.parse(tags) as Record<string, string>, createdMs, updatedMs }; // written by this domain
}
