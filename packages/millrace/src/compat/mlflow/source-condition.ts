import type { KnownElsewhere } from "#domains/registry";
import { padded, type Sql, sql, sqlIn } from "#kit/sql";
import type { Reader } from "#ports/database";
import type { Clause } from "./filter.ts";

/**
 * What versions meet a comparison with where their files came from, and maybe some more: databases differ in how they fold case. Those
 * from elsewhere in Millrace, which have no row here, are all among them. Undefined for what a database cannot be asked.
 */
export async function sourceCondition(reader: Reader, op: Clause["op"], value: string): Promise<KnownElsewhere | undefined> {
  const isAsked = value.length <= longest && value.isWellFormed() && !/[\0\uffff]/.test(value);
  const test = isAsked ? testOf(op, value) : undefined;
  if (test === undefined) return undefined;
  const found = sql`select s.model, s.version from mlflow_version s where ${test}`;
  const rowOf = (model: Sql, version: Sql) => sql`select 1 from mlflow_version s where s.model = ${model} and s.version = ${version}`;
  const asked = (model: Sql, version: Sql) => sql`exists (${rowOf(model, version)} and ${test})`;
  const lacking = await modelsLackingRows(reader);
  if (lacking === "none") return { found, meets: asked };
  const among = lacking === "many" ? sql`` : sql` and v.model in ${sqlIn(lacking)}`;
  return {
    found: sql`${found} union all select m.name as model, v.version from registry_model m cross join registry_version v
      where v.model = m.id and v.deleted_ms is null${among} and not exists (${rowOf(sql`m.name`, sql`v.version`)})`,
    meets: (model, version) => sql`(${asked(model, version)} or not exists (${rowOf(model, version)}))`,
  };
}

/** More models than this are not passed to the database. */
const mostModels = 1_000;

/**
 * Models with versions that have no row here: those with more versions than rows, since each row is of a version that stands. To count
 * takes a database a tenth of the time that it takes to look for the row of each version.
 */
async function modelsLackingRows(reader: Reader): Promise<string[] | "none" | "many"> {
  const rows = await reader.all<{
    id: string;
  }>(sql`select o.id from (select model, count(*) as n from registry_version where deleted_ms is null group by model) a
    join registry_model o on o.id = a.model left join (select model, count(*) as n from mlflow_version group by model) r on r.model = o.name
    where a.n > coalesce(r.n, 0) limit ${mostModels + 1}`);
  if (rows.length > mostModels) return "many";
  return padded(rows.map(({ id }) => id))[0] ?? "none";
}

/** The condition on a row `s`. */
function testOf(op: Clause["op"], value: string): Sql | undefined {
  if (op === "=") return sql`substr(s.source, 1, 200) = ${[...value].slice(0, 200).join("")} and s.source = ${value}`;
  if (op === "!=") return sql`s.source <> ${value}`;
  // A pattern has no way to mean % and _ themselves; to databases it has, unless told otherwise by a character that is in no text.
  if (op === "LIKE") return sql`s.source like ${value} escape ${noText}`;
  // Programs fold more letters than databases: what is not ASCII is looked at.
  if (op === "ILIKE") return sql`(octet_length(s.source) <> length(s.source) or lower(s.source) like ${value.toLowerCase()} escape ${noText})`;
  return undefined;
}

/** SQLite takes no patterns above 50,000 bytes. */
const longest = 10_000;

/** U+FFFF is no character. */
const noText = "\uffff";
