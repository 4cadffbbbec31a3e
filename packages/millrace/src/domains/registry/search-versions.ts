import { padded, type Sql, sql, sqlIn, sqlJoin } from "#kit/sql";
import type { Reader } from "#ports/database";
import { fillPage } from "./find-pages.ts";
import { after, inByteOrder, orderBy, type OrderColumn, type OrderTerm, readCursor, writeCursor } from "./key-pages.ts";
import type { RegistryServices } from "./model.ts";
import { type TagCondition, tagTest, versionHasTag } from "./tag-condition.ts";
import { headsOf, type VersionFacts, type VersionHead, type VersionId, withAliases } from "./version-heads.ts";

export type VersionField = "model" | "version" | "createdMs" | "updatedMs";
export type VersionCondition =
  | { models: string[] }
  /** An empty id is that of versions from elsewhere. */
  | { runs: string[] }
  /** Whole numbers only. */
  | { number: number; op: "=" | "!=" | ">" | ">=" | "<" | "<=" }
  | KnownElsewhere
  | TagCondition;

/**
 * What only a table of the caller's can say of versions. It narrows a search down where few meet it, or models or runs are named, and is
 * passed over where a page of those that meet it is sooner found by looking at each: `keep` decides.
 */
export interface KnownElsewhere {
  /** Selects the `model` (its name) and `version` of all that meet the condition; also some that do not stand. */
  found: Sql;
  /** Whether one does. */
  meets: (model: Sql, version: Sql) => Sql;
}

export interface VersionSearch {
  /** All of these hold of a version that is found. */
  where?: VersionCondition[];
  /** The newest changes first unless told; at last the model's name and the greatest number decide. */
  order?: OrderTerm<VersionField>[];
  /** Of the page before, in the same order. */
  cursor?: string | undefined;
  limit: number;
  /** Of some versions those that are wanted: for what no condition can say. */
  keep?: ((versions: VersionFacts[]) => Promise<VersionFacts[]>) | undefined;
}

/** So many rows are rather sorted than found among all others by walking the order's index. */
const fewRows = 5_000;

/**
 * A page of the versions that stand. It takes as many statements for thousands of models as for one (per 1,000 versions of the
 * page; with `keep`: per 2,000 looked at). Throws `invalid_argument` for a cursor of another list.
 */
export async function searchVersions(
  services: RegistryServices,
  { where = [], order = [{ by: "updatedMs", direction: "desc" }], cursor, limit, keep }: VersionSearch,
): Promise<{ versions: VersionHead[]; nextCursor: string | undefined }> {
  const { state } = services;
  const start = await selective(state, where);
  const isSelective = start !== undefined || where.some((each) => "models" in each || "runs" in each);
  // A sign before a column keeps a database from walking its index: few rows are faster found and then sorted.
  const walked = (column: Sql) => (isSelective ? sql`+${column}` : column);
  const columns: Record<VersionField, OrderColumn> = {
    model: { sql: inByteOrder(state, sql`m.name`), type: "text" },
    version: { sql: walked(sql`v.version`), type: "number" },
    createdMs: { sql: sql`v.created_ms`, type: "number" },
    updatedMs: { sql: walked(sql`v.updated_ms`), type: "number" },
  };
  const terms = [...order, { by: "model", direction: "asc" } as const, { by: "version", direction: "desc" } as const];
  const by = terms.map((term) => columns[term.by]);
  const conditions = [
    sql`v.deleted_ms is null and m.deleted_ms is null`,
    ...where.filter((each) => each !== start && (isSelective || !("found" in each))).map(test),
  ];
  // Cross joins, and a range that all times are in, tell SQLite where to begin; to PostgreSQL they are like others.
  let from = sql`registry_version v join registry_model m on m.id = v.model`;
  if (start !== undefined && "found" in start) {
    from = sql`(${start.found}) e cross join registry_model m cross join registry_version v`;
    conditions.push(sql`m.name = e.model and v.model = m.id and v.version = e.version`);
  } else if (start !== undefined) {
    from = sql`registry_tag t cross join registry_version v join registry_model m on m.id = v.model`;
    conditions.push(sql`${tagTest(start)} and t.version > 0 and v.model = t.model and v.version = t.version`);
  } else if (!isSelective && terms[0]?.by === "updatedMs") {
    from = sql`registry_version v cross join registry_model m`;
    conditions.push(sql`m.id = v.model and v.updated_ms >= 0`);
  }
  const { things, next } = await fillPage<KeyRow, VersionFacts & VersionId>({
    limit,
    from: cursor === undefined ? undefined : readCursor(cursor, by),
    read: (key, most) =>
      state.all<KeyRow>(sql`select v.model, m.name, v.version, v.created_ms, v.updated_ms from ${from}
        where ${sqlJoin([...conditions, ...(key === undefined ? [] : [after(by, terms, key)])], " and ")}
        order by ${orderBy(by, terms)} limit ${most}`),
    keyOf: (row) => terms.map((term) => valueOf(row, term.by)),
    thingsOf: (rows) => headsOf(state, rows),
    keep: keep && (async (versions) => (await keep(versions)) as (VersionFacts & VersionId)[]), // some of those it is given
  });
  return { versions: await withAliases(state, things), nextCursor: next && writeCursor(next) };
}

interface KeyRow {
  /** The model's id. */
  model: string;
  name: string;
  version: number;
  created_ms: number;
  updated_ms: number;
}

function valueOf(row: KeyRow, field: VersionField): string | number {
  return { model: row.name, version: row.version, createdMs: row.created_ms, updatedMs: row.updated_ms }[field];
}

function test(condition: VersionCondition): Sql {
  if ("models" in condition) return sql`v.model in (select id from registry_model where name in ${sqlIn(padded(condition.models).flat())})`;
  if ("found" in condition) return condition.meets(sql`m.name`, sql`v.version`);
  if ("runs" in condition) return sql`v.run in ${sqlIn(padded(condition.runs).flat())}`;
  if (!("number" in condition)) return versionHasTag(condition);
  const { number } = condition;
  switch (condition.op) {
    case "=":
      return sql`v.version = ${number}`;
    case "!=":
      return sql`v.version <> ${number}`;
    case ">":
      return sql`v.version > ${number}`;
    case ">=":
      return sql`v.version >= ${number}`;
    case "<":
      return sql`v.version < ${number}`;
    case "<=":
      return sql`v.version <= ${number}`;
  }
}

/** A condition that few things meet, to begin with; none where models or runs are named already. */
async function selective(reader: Reader, where: VersionCondition[]): Promise<TagCondition | KnownElsewhere | undefined> {
  if (where.some((each) => "models" in each || "runs" in each)) return undefined;
  for (const each of where) {
    const rows = "found" in each ? each.found : "tag" in each ? sql`select 1 as one from registry_tag t where ${tagTest(each)}` : undefined;
    if (rows === undefined) continue;
    const row = await reader.get<{ rows: number }>(
      sql`select count(*) as rows from (select 1 as one from (${rows}) as met limit ${fewRows + 1}) as few`,
    );
    if ((row?.rows ?? 0) <= fewRows) return each as TagCondition | KnownElsewhere; // the only ones that give rows
  }
  return undefined;
}
